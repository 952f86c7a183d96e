/**
 * Who could adopt what somebody names, among the classes that can adopt but list nothing: a folder, a file. Each is asked what
 * stands against it; nothing is changed.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
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

/** `/srv/files` is called files. */
function nameIn(id: string): string {
  return id.split("/").findLast((part) => part !== "") ?? id;
}
