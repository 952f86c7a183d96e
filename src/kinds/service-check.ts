/** What the schema cannot say of a Service. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";

const ROLLOUT = "Say how long a rollout may stand still: spec.rollout.progressDeadline.";
/** It comes by a rollout, and its instances are made again as often as it takes: what says so is elsewhere. */
const INSTEAD: Readonly<Record<string, string>> = {
  "timeouts.create": ROLLOUT,
  "timeouts.update": ROLLOUT,
  "timeouts.delete": "Say how long an instance has to end: spec.stop.drain and spec.stop.grace.",
  retries: `${ROLLOUT} How its program is started again is said in spec.restart.`,
};

/** What would be passed over without a word. `lifecycle`: of any shape that the schema lets pass. */
export function lifecycleElsewhere(lifecycle: unknown): readonly Omit<Diagnostic, "severity" | "address">[] {
  const { timeouts, retries } = (lifecycle ?? {}) as {
    readonly timeouts?: object;
    readonly retries?: unknown;
  };
  const said = [
    ...Object.keys(timeouts ?? {}).map((name) => `timeouts.${name}`),
    ...(retries === undefined ? [] : ["retries"]),
  ];
  return said.map((name) => ({
    code: "NotOfServices",
    path: `spec.lifecycle.${name}`,
    message: `A Service has no lifecycle.${name}: it comes, changes and goes by rollouts.`,
    hint: INSTEAD[name] ?? ROLLOUT,
  }));
}
