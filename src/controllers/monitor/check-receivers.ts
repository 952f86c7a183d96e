/**
 * Whether those who are told, and what is routed and silenced, can be used. One that cannot must not take the others with
 * it: the configuration of all of them is taken as a whole or not at all, so each is looked at by itself before.
 *
 * Twice: matchers, which hold no secrets, when they are declared; everything when secrets are opened and references known.
 */
import { type Diagnostic, hasErrors } from "../../diagnostics/diagnostic.ts";
import { loadConfiguration } from "../../metrics/alerting/configuration/load.ts";
import { MatcherSyntaxError, parseMatcher } from "../../metrics/alerting/matchers.ts";
import { type SilenceMatcher, compiled, problemOf } from "../../metrics/alerting/silence.ts";
import { hasExpression } from "../../model/expression.ts";
import { type Draft, addressOf } from "../../model/resource.ts";
import type { Problem } from "./monitors.ts";
import { type Recipient, routingOf } from "./routing.ts";
import type { Tuned } from "./subject.ts";

/** What is wrong with the matchers of a Receiver or Silence; nothing for other kinds. */
export function checkMatchers(resource: Draft): readonly Diagnostic[] {
  const { matchers = [] } = (resource.spec ?? {}) as { readonly matchers?: readonly unknown[] };
  if (resource.kind === "Receiver")
    return matchers.flatMap((text, index) =>
      typeof text !== "string" || hasExpression(text)
        ? []
        : refusals(resource, `spec.matchers[${index}]`, () => parseMatcher(text)),
    );
  if (resource.kind !== "Silence" || hasExpression(JSON.stringify(matchers))) return [];
  const silenced = matchers as readonly SilenceMatcher[];
  const found = silenced.flatMap((one, index) =>
    refusals(resource, `spec.matchers[${index}]`, () => compiled([one])),
  );
  if (found.length > 0) return found;
  const problem = problemOf({
    matchers: silenced,
    startsAt: 0,
    endsAt: 1,
    createdBy: "",
    comment: "",
    annotations: {},
  });
  return problem === undefined ? [] : [refusal(resource, "spec.matchers", problem)];
}

function refusals(resource: Draft, path: string, read: () => unknown): readonly Diagnostic[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof MatcherSyntaxError) return [refusal(resource, path, error.message)];
    throw error;
  }
}

function refusal(resource: Draft, path: string, message: string): Diagnostic {
  return { severity: "error", code: "InvalidMatcher", address: addressOf(resource), path, message };
}

/** Why a Receiver, with its secrets opened, can be told nothing. */
export function problemOfRecipient(recipient: Recipient): Problem | undefined {
  return problemIn(routingOf([recipient], [], []));
}

/** Why a Monitor's own tree of routes, or its inhibitions, cannot be followed. */
export function problemOfRouting(monitor: Tuned, recipients: readonly Recipient[]): Problem | undefined {
  if (monitor.spec.route === undefined && monitor.spec.inhibitRules.length === 0) return undefined;
  return problemIn(routingOf(recipients, [monitor], []));
}

function problemIn(routing: Readonly<Record<string, unknown>>): Problem | undefined {
  const { diagnostics } = loadConfiguration(JSON.stringify(routing), "receivers");
  if (!hasErrors(diagnostics)) return undefined;
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  return {
    reason: errors[0]?.code ?? "InvalidValue",
    message: errors.map(({ path = "", message }) => `${fieldOf(path)}: ${message}`).join(" "),
  };
}

/** As it is called where it was declared: `receivers[1].webhook_configs[0].url` is `webhook.url`. */
function fieldOf(path: string): string {
  return path
    .replace(/^receivers\[\d+\]\./, "")
    .replace("_configs[0]", "")
    .replace(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase());
}
