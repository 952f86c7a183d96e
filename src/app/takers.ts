/**
 * Who could adopt what somebody names, among the classes that can adopt but list nothing: a folder, a file. Each is asked what
 * stands against it; nothing is changed.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { rootName } from "../model/resource.ts";
import type { CallContext, Found, Provider } from "../provider/provider.ts";
import { asked } from "./bounded.ts";

type Spec = Readonly<Record<string, unknown>>;

export interface Wanted {
  readonly id: string;
  readonly kind: string | undefined;
  readonly class: string | undefined;
  readonly location: string;
  readonly namespace: string;
  readonly where: Spec;
}

export interface Taker {
  readonly provider: Provider;
  readonly found: readonly Found[];
  /** Why not, as `CannotTake`. */
  readonly problems: readonly Diagnostic[];
}

export function takersOf(
  providers: readonly Provider[],
  wanted: Wanted,
  context: Omit<CallContext, "signal">,
): Promise<readonly Taker[]> {
  const able = providers.filter(
    (one) =>
      one.adopt !== undefined &&
      one.list === undefined &&
      one.kind === wanted.kind &&
      (wanted.class === undefined || one.class === wanted.class),
  );
  return Promise.all(able.map((provider) => takerOf(provider, wanted, context)));
}

async function takerOf(
  provider: Provider,
  { id, namespace, location, where }: Wanted,
  context: Omit<CallContext, "signal">,
): Promise<Taker> {
  const spec = { ...where, class: provider.class, location };
  const prospect = { namespace, name: "adopted", spec, folder: "/", isNew: true, adopts: id };
  const reply = await asked({
    whom: `the class '${provider.class}' of ${provider.kind} at the location '${location}'`,
    what: "whether it could take it",
    ask: async (signal) => (await provider.obstacles?.(prospect, { ...context, signal })) ?? [],
    isSound: Array.isArray,
    clock: context.clock,
  });
  if ("problem" in reply) return { provider, found: [], problems: [reply.problem] };
  const [obstacle] = reply.answer;
  if (obstacle === undefined)
    return { provider, found: [{ id, name: nameIn(id), spec: {}, description: "as it is" }], problems: [] };
  const message = `Class ${provider.class}: ${obstacle.message}`;
  return { provider, found: [], problems: [{ severity: "warning", code: "CannotTake", message }] };
}

/** Where what is there already is named in another way than by adopting it. */
const INSTEAD: Readonly<Record<string, string>> = {
  LoadBalancer:
    "A balancer that is there listens where another would: declare one on other ports, move over to it, then stop the former.",
  Monitor:
    "A Prometheus that is there already is named in the declaration of a Monitor: spec.prometheus.url.",
};

type Known = Pick<Provider, "kind" | "class" | "adopt">;

/** Why nobody can be asked: nothing of that sort is ever adopted, or only what is named. `able`: those that list. */
export function cannotList(
  { kind, class: className, location }: Pick<Wanted, "location"> & { kind?: string; class?: string },
  all: readonly Known[],
  able: readonly Known[],
): Omit<Diagnostic, "severity"> {
  const what = `${kind ?? "anything"}${className === undefined ? "" : ` of class '${className}'`}`;
  const message = `Nothing at the location '${location}' can list ${what}`;
  const meant = all.filter(
    (one) =>
      (kind === undefined || one.kind === kind) && (className === undefined || one.class === className),
  );
  if (kind === undefined || meant.some(({ adopt }) => adopt !== undefined)) {
    const listers = able.map((one) => `${one.kind} of class ${one.class}`).join(", ") || "none";
    const named = `One whose id you know: tutti import ${kind === undefined ? "<kind>" : rootName(kind)}/<name> <id>.`;
    return { code: "CannotList", message: `${message}.`, hint: `These can: ${listers}. ${named}` };
  }
  return {
    code: "CannotList",
    message: `${message}, nor adopt it: it has only what is declared.`,
    hint: INSTEAD[kind] ?? "Declare it: tutti up makes it.",
  };
}

/** `/srv/files` is called files. */
function nameIn(id: string): string {
  return id.split("/").findLast((part) => part !== "") ?? id;
}
