/** What the schema cannot say of a Monitor: of some fields exactly one is to be given. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";

type Problem = Omit<Diagnostic, "severity" | "address">;
type Members = Readonly<Record<string, unknown>>;

interface Spec {
  readonly slos?: readonly (Members & { readonly name: string; readonly indicator: Members })[];
  readonly targets?: readonly Members[];
  readonly probes?: readonly Members[];
}

export function checkMonitor({ slos = [], targets = [], probes = [] }: Spec): readonly Problem[] {
  return [
    ...slos.flatMap((slo, index) => sloProblems(slo, `spec.slos[${index}]`)),
    ...doubledNames(slos),
    ...targets.flatMap((target, index) => one(target, ["url", "service"], `spec.targets[${index}]`)),
    ...probes.flatMap((probe, index) => one(probe, ["http", "tcp", "tls"], `spec.probes[${index}]`)),
  ];
}

function sloProblems(slo: Members & { readonly indicator: Members }, path: string): readonly Problem[] {
  const indicator = one(slo.indicator, ["availability", "latency", "ratio"], `${path}.indicator`);
  return slo.indicator["ratio"] === undefined
    ? [...indicator, ...one(slo, ["service", "balancer"], path)]
    : indicator;
}

function doubledNames(slos: readonly { readonly name: string }[]): readonly Problem[] {
  const names = slos.map(({ name }) => name);
  return names
    .filter((name, index) => names.indexOf(name) !== index)
    .map((name) => ({
      code: "DuplicateName",
      path: "spec.slos",
      message: `Two objectives are called '${name}'.`,
      hint: "Give each a name of its own.",
    }));
}

function one(value: Members, fields: readonly string[], path: string): readonly Problem[] {
  if (fields.filter((field) => value[field] !== undefined).length === 1) return [];
  return [
    {
      code: "InvalidValue",
      path,
      message: `Exactly one of ${fields.join(", ")} is to be given.`,
      hint: "Write one of them.",
    },
  ];
}
