/**
 * How long a killed instance is missed:
 *
 *     node bench/heal.ts [--kills 20]
 *
 * Three instances behind the balancer, 400 requests per second through it. Every two seconds or so the one that has been
 * ready longest is killed with SIGKILL. Measured from just before the kill: until the replacement's port accepts a
 * connection, asked by this script in a loop from the moment the replacement is declared (seen through a watch), and
 * until its status says ready. The program's own start-up, measured beside with bare child_process.spawn, is taken off.
 * Instances are left alone for five seconds first: one that ends sooner counts as crashing at start and is slowed down
 * on purpose.
 */
import { parseArgs } from "node:util";
import { answering, startBare } from "./kit/bare.ts";
import { median, milliseconds, printMachine, quantile, table } from "./kit/figures.ts";
import { Load } from "./kit/load.ts";
import { INSTANCE, type Instance, Plane, pause, service } from "./kit/plane.ts";
import { HTTPD, NODE_SERVER } from "./kit/programs.ts";

const { values: options } = parseArgs({ options: { kills: { type: "string", default: "20" } } });
const kills = Number(options.kills);
/** Longer than a control plane takes an end for a crash at start. */
const PROVEN = 5_200;

interface Healed {
  /** Milliseconds since the kill. */
  readonly answers: number;
  readonly ready: number;
}

/** The next instance that is declared. */
async function nextInstance(
  plane: Plane,
  known: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Instance> {
  for await (const event of plane.client.watch<Instance>(INSTANCE, { namespace: "default", signal })) {
    if (event.type === "ADDED" && !known.has(event.object.metadata.name)) return event.object;
  }
  throw new Error("The watch ended.");
}

async function killOne(plane: Plane, name: string): Promise<Healed> {
  const instances = await plane.instances(name);
  const oldest = instances.toSorted((a, b) => Number(a.status?.readyAt) - Number(b.status?.readyAt))[0];
  const { pid } = oldest?.status?.identity ?? {};
  if (pid === undefined) throw new Error("There is no process to kill.");
  await pause(Math.max(0, Number(oldest?.status?.readyAt) + PROVEN - Date.now()));
  const abort = new AbortController();
  const declared = nextInstance(
    plane,
    new Set(instances.map((instance) => instance.metadata.name)),
    abort.signal,
  );
  await pause(50);
  const [began, beganAt] = [performance.now(), Date.now()];
  process.kill(pid, "SIGKILL");
  const replacement = await declared;
  await answering(replacement.spec.ports["http"] ?? 0);
  const answers = performance.now() - began;
  abort.abort();
  await plane.allReady(name, 20);
  const now = (await plane.instances(name)).find(
    (instance) => instance.metadata.name === replacement.metadata.name,
  );
  return { answers, ready: Number(now?.status?.readyAt) - beganAt };
}

async function measure(
  plane: Plane,
  program: string,
  command: readonly string[],
): Promise<readonly string[]> {
  const own = median((await startBare(command, 10, 1)).each);
  await plane.create(service("web", command, 3));
  await plane.allReady("web");
  const url = await plane.balance("front", "web");
  const load = await Load.start({ url: new URL("figures.ts", url).href, connections: 8, perSecond: 400 });
  const healed: Healed[] = [];
  for (let count = 0; count < kills; count += 1) healed.push(await killOne(plane, "web"));
  const report = await load.stop();
  await plane.remove("web", "front");
  const answers = healed.map((one) => one.answers);
  const ready = healed.map((one) => one.ready);
  for (const [failure, count] of Object.entries(report.failures))
    console.log(`${program}: ${count} x ${failure}`);
  return [
    program,
    milliseconds(own),
    milliseconds(median(answers)),
    milliseconds(quantile(answers, 0.99)),
    milliseconds(median(answers) - own),
    milliseconds(quantile(answers, 0.99) - own),
    milliseconds(median(ready)),
    `${report.failed} of ${report.sent}`,
    milliseconds(quantile(report.latencies, 0.99)),
  ];
}

printMachine();
const plane = await Plane.start();
try {
  const rows = [
    await measure(plane, "busybox httpd", HTTPD),
    await measure(plane, "Node server", NODE_SERVER),
  ];
  table(
    [
      "kill -9 of one of 3",
      "own start-up",
      "replacement answers, p50",
      "p99",
      "beyond own start-up, p50",
      "p99",
      "ready, p50",
      "requests failed",
      "request p99",
    ],
    rows,
  );
  console.log(`${kills} kills each; targets: 100 ms beyond own start-up, 0 failed\n`);
} finally {
  await plane.end();
}
