/**
 * Whether a change of what runs is noticed by those who ask:
 *
 *     node bench/rollout.ts [--requests 20000] [--replicas 4]
 *
 * A tiny Node server behind the balancer, 16 connections that ask as fast as they are answered (a quarter of them new
 * for every request, a quarter of the requests POSTs, which nobody may repeat). While they do, the service's environment is
 * changed (rollout), then it is restarted, one after the other, until enough requests have been sent. The first
 * measurement has nothing under way, for comparison.
 */
import { parseArgs } from "node:util";
import { median, milliseconds, printMachine, quantile, short, table } from "./kit/figures.ts";
import { Load } from "./kit/load.ts";
import { Plane, SERVICE, pause, service } from "./kit/plane.ts";
import { NODE_SERVER } from "./kit/programs.ts";

const { values: options } = parseArgs({
  options: { requests: { type: "string", default: "20000" }, replicas: { type: "string", default: "4" } },
});
const wanted = Number(options.requests);
let version = 1;

/** Changes the service once; resolves when that is complete, with the milliseconds it took. */
type Step = (plane: Plane) => Promise<number>;

async function patched(plane: Plane, patch: object): Promise<number> {
  const began = performance.now();
  await plane.client.patch(SERVICE, "web", patch);
  // A moment, so that the old state is not taken for the new.
  await pause(20);
  await plane.allReady("web", 10);
  return performance.now() - began;
}

const rollOut: Step = (plane) => patched(plane, { spec: { env: { VERSION: String(++version) } } });
const restart: Step = (plane) =>
  patched(plane, { metadata: { annotations: { "tutti.dev/restarted-at": new Date().toISOString() } } });
const nothing: Step = async () => {
  await pause(100);
  return Number.NaN;
};

async function measure(plane: Plane, url: URL, name: string, step: Step): Promise<readonly string[]> {
  const before = new Set((await plane.instances("web")).map((instance) => instance.metadata.uid));
  const load = await Load.start({ url: url.href, connections: 16, posts: true });
  const began = performance.now();
  const took: number[] = [];
  while (load.sent < wanted || took.length < 2) took.push(await step(plane));
  const seconds = (performance.now() - began) / 1000;
  const report = await load.stop();
  for (const [failure, count] of Object.entries(report.failures))
    console.log(`${name}: ${count} x ${failure}`);
  const after = await plane.instances("web");
  const kept = after.filter((instance) => before.has(instance.metadata.uid)).length;
  if (step !== nothing && kept > 0) console.log(`${name}: ${kept} instances were not replaced`);
  return [
    name,
    step === nothing ? "-" : String(took.length),
    milliseconds(median(took)),
    milliseconds(quantile(took, 1)),
    `${report.failed} of ${report.sent}`,
    `${short(report.sent / seconds)}/s`,
    milliseconds(median(report.latencies)),
    milliseconds(quantile(report.latencies, 0.99)),
    milliseconds(quantile(report.latencies, 1)),
  ];
}

printMachine();
const plane = await Plane.start();
try {
  await plane.create(service("web", NODE_SERVER, Number(options.replicas), { env: { VERSION: "1" } }));
  await plane.allReady("web");
  const url = await plane.balance("front", "web");
  await pause(200);
  table(
    [
      "under load",
      "how often",
      "took, median",
      "slowest",
      "requests failed",
      "rate",
      "p50",
      "p99",
      "slowest",
    ],
    [
      await measure(plane, url, "nothing", nothing),
      await measure(plane, url, "rollout", rollOut),
      await measure(plane, url, "restart", restart),
    ],
  );
  console.log(`${options.replicas} instances; target: 0 failed of at least ${wanted}\n`);
} finally {
  await plane.end();
}
