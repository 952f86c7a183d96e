/**
 * Deciding on a thousand simulated loads, as Kubernetes' HorizontalPodAutoscaler does and as Tutti does:
 *
 *     node bench/autoscale.ts [--traces 1000] [--minutes 30]
 *
 * The same service under the same load, from the same seed (src/controllers/autoscale/fixtures/simulation.ts): instances
 * answer 100 requests a second each, aim at 70%, take 1 to 10 s to start; between 2 and 40 of them. Requests queue, are
 * late after a second and dropped after ten. The HPA decides every 15 s on the cpu of 15 s that ended 15 s ago; Tutti with
 * every scrape of a second, by default (cpu, and what waits) or by requests. Each has its own defaults: the HPA at most
 * doubles in 15 s, Tutti makes at most five times as many; both wait 300 s before there are fewer.
 *
 * Spare: instance-seconds beyond what the load needs, as a share of that. Turns: from more to fewer or back, for each
 * trace. Nothing is measured here but numbers, so the machine does not matter.
 */
import { parseArgs } from "node:util";
import {
  type Run,
  type Shape,
  type Way,
  shapes,
  simulate,
  traceOf,
} from "../src/controllers/autoscale/fixtures/simulation.ts";
import { table } from "./kit/figures.ts";

const { values: options } = parseArgs({
  options: {
    traces: { type: "string", default: "1000" },
    minutes: { type: "string", default: "30" },
  },
});
const traces = Number(options.traces);
const length = Number(options.minutes) * 60;

const WAYS: readonly (readonly [Way, string])[] = [
  ["hpa", "HPA"],
  ["ours", "Tutti, default"],
  ["requests", "Tutti, requests"],
];

function summary(shape: string, way: string, runs: readonly Run[]): readonly string[] {
  const sum = (of: (run: Run) => number): number => runs.reduce((total, run) => total + of(run), 0);
  const requests = sum((run) => run.requests);
  const share = (value: number, all: number): string => `${((value / all) * 100).toFixed(2)}%`;
  return [
    shape,
    way,
    String(runs.length),
    share(
      sum((run) => run.late),
      requests,
    ),
    share(
      sum((run) => run.dropped),
      requests,
    ),
    share(
      sum((run) => run.spare),
      sum((run) => run.needed),
    ),
    (sum((run) => run.turns) / runs.length).toFixed(2),
    String(Math.max(...runs.map((run) => run.turns))),
  ];
}

const runs = new Map<Shape, Map<Way, Run[]>>(
  shapes.map((shape) => [shape, new Map(WAYS.map(([way]) => [way, []]))]),
);
for (let number = 0; number < traces; number += 1) {
  const shape = shapes[number % shapes.length] as Shape;
  const trace = traceOf(shape, number, length);
  for (const [way] of WAYS) runs.get(shape)?.get(way)?.push(simulate(trace, way));
}

const rows = [...shapes, "all" as const].flatMap((shape) =>
  WAYS.map(([way, name]) => {
    const of = shape === "all" ? [...runs.values()] : [runs.get(shape)];
    return summary(
      shape,
      name,
      of.flatMap((found) => found?.get(way) ?? []),
    );
  }),
);
table(["load", "decided by", "traces", "late", "dropped", "spare", "turns, mean", "turns, most"], rows);
