/**
 * Assumptions about what is not there: a slip. In a flag it is an error, since what was asked for would not be rehearsed; a
 * file may be made for more than what is declared at this moment, so there it is a warning.
 */
import type { RehearsalFlags } from "../../cli/rehearsal.ts";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import { kindNamed, kinds } from "../../kinds/registry.ts";
import { type Draft, addressOf, rootName } from "../../model/resource.ts";
import type { Assumptions } from "./assumptions.ts";
import { fits } from "./latency.ts";
import { PROVIDED } from "./things.ts";

interface Named {
  readonly name: string;
  /** Undefined when it is there. */
  readonly known?: readonly string[];
}

export function unmet(
  assumptions: Assumptions,
  flags: RehearsalFlags,
  everything: readonly Draft[],
): readonly Diagnostic[] {
  const { fail = [], hang = [], latency = [], quota = [] } = flags;
  const flagged = new Set([...fail, ...hang, ...latency, ...quota].map((text) => text.split("=")[0] ?? ""));
  const addresses = [...new Set(everything.map((draft) => addressOf(draft)))];
  const members = membersIn(everything);
  const words = Object.keys(assumptions.latencies);
  const named: readonly Named[] = [
    ...[
      ...assumptions.fail.map(({ address }) => address),
      ...assumptions.hang.map(({ address }) => address),
      ...assumptions.crashes.map(({ address }) => address),
      ...assumptions.alerts.map(({ address }) => address),
      ...Object.keys(assumptions.outputs),
      ...words.filter(isPattern),
    ]
      .filter((pattern) => !members.some((member) => pattern.startsWith(member)))
      .filter((pattern) => !addresses.some((address) => fits(address, pattern)))
      .map((name) => ({ name, known: addresses })),
    ...words.filter((word) => !isPattern(word)).map((name) => ({ name, ...unless(isRoot(name), ROOTS) })),
    ...Object.keys(assumptions.quotas).map((name) => ({ name, ...unless(COUNTED.includes(name), COUNTED) })),
  ];
  const slips = new Map(named.flatMap(({ name, known }) => (known === undefined ? [] : [[name, known]])));
  return [...slips].map(([name, known]) => {
    const hint =
      didYouMean(name, known) ?? (known.length <= MOST ? `There is: ${known.join(", ")}.` : undefined);
    return {
      severity: flagged.has(name) ? "error" : "warning",
      code: "AssumptionFitsNothing",
      message: `Something is assumed of '${name.slice(0, 80)}', and there is nothing of that name.`,
      ...(hint === undefined ? {} : { hint }),
    };
  });
}

/** So many names are listed where none is like the one that was written. */
const MOST = 12;
const ROOTS: readonly string[] = [...new Set(["Service", ...PROVIDED].map(rootName))];
const COUNTED: readonly string[] = [
  "instances",
  ...PROVIDED.flatMap((kind) => kindNamed(kind)?.plural ?? []),
];

function isPattern(word: string): boolean {
  return word.includes("/") || word.includes("*");
}

/** A kind, or a class of one: which classes there are is not for a rehearsal to say. */
function isRoot(word: string): boolean {
  return kinds.some(({ root }) => root === word.split("@")[0]);
}

function unless(isKnown: boolean, known: readonly string[]): { readonly known?: readonly string[] } {
  return isKnown ? {} : { known };
}

/** How addresses of members begin of which nobody can tell yet whether they will be there. */
function membersIn(everything: readonly Draft[]): readonly string[] {
  return everything
    .filter(({ kind }) => kind === "ResourceSet")
    .map(({ spec, metadata }) => {
      const { template } = spec as { readonly template: { readonly kind: string } };
      return `${rootName(template.kind)}/${metadata.name}-`;
    });
}
