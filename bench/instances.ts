/**
 * How fast instances become ready, beside bare child_process.spawn and, where a dockerd can be had, Docker Swarm:
 *
 *     node bench/instances.ts [--rounds 3] [--counts 100,500] [--no-swarm]
 *
 * The program is `busybox httpd -f -p $PORT` throughout. Ours: from the request that declares the service (or scales it) to
 * the service being ready, which every instance's port having accepted a connection makes it. Bare: a loop that spawns
 * the program and asks its port until it accepts, 1, 4 and 16 at a time; the best of these is the peer. Rounds alternate, so
 * a busy moment of the machine hits both; figures are medians, ratios are taken within a round. Swarm runs containers, which is more work:
 * read docs/benchmarks.md.
 */
import { parseArgs } from "node:util";
import { SERVICE, Plane, service } from "./kit/plane.ts";
import { startBare } from "./kit/bare.ts";
import { median, milliseconds, printMachine, quantile, short, table } from "./kit/figures.ts";
import { HTTPD } from "./kit/programs.ts";
import { Swarm, whyNoSwarm } from "./kit/swarm.ts";

const { values: options } = parseArgs({
  allowNegative: true,
  options: {
    rounds: { type: "string", default: "3" },
    counts: { type: "string", default: "100,500" },
    swarm: { type: "boolean", default: true },
  },
});
const SWARM_COUNT = 50;
const WIDTHS = [1, 4, 16] as const;
const rounds = Number(options.rounds);
const command = HTTPD;

async function ready(plane: Plane, count: number): Promise<number> {
  const began = performance.now();
  await plane.create(service("web", command, count));
  await plane.allReady("web", count / 20);
  const took = performance.now() - began;
  await plane.remove("web");
  return (1000 * count) / took;
}

async function rates(plane: Plane, count: number): Promise<readonly string[]> {
  const ours: number[] = [];
  const bares = new Map<number, number[]>(WIDTHS.map((width) => [width, []]));
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const rate = await ready(plane, count);
    ours.push(rate);
    let best = 0;
    for (const width of WIDTHS) {
      const bare = (await startBare(command, count, width)).rate;
      bares.get(width)?.push(bare);
      best = Math.max(best, bare);
    }
    ratios.push(rate / best);
  }
  return [
    String(count),
    `${short(median(ours))}/s`,
    ...WIDTHS.map((width) => `${short(median(bares.get(width) ?? []))}/s`),
    `${Math.round(100 * median(ratios))}% (${ratios.map((ratio) => Math.round(100 * ratio)).join(", ")})`,
  ];
}

/** From 6 to 12 instances, and back; the milliseconds of each way up. */
async function addSix(plane: Plane, times = 1): Promise<readonly number[]> {
  const took: number[] = [];
  await plane.create(service("api", command, 6));
  await plane.allReady("api");
  for (let round = 0; round < times; round += 1) {
    const began = performance.now();
    await plane.client.scale(SERVICE, "api", 12);
    await plane.allReady("api");
    took.push(performance.now() - began);
    await plane.client.scale(SERVICE, "api", 6);
    await plane.allReady("api");
  }
  await plane.remove("api");
  return took;
}

async function scaleUp(plane: Plane): Promise<readonly string[]> {
  const own = median((await startBare(command, 6 * rounds, 1)).each);
  const took = await addSix(plane, 2 * rounds);
  return [
    "+6",
    milliseconds(median(took)),
    milliseconds(quantile(took, 1)),
    milliseconds(own),
    milliseconds(median(took) - own),
    "1000 ms",
  ];
}

/** Beside Swarm, in alternating rounds. */
async function besideSwarm(plane: Plane): Promise<void> {
  const why = whyNoSwarm();
  if (why !== undefined) {
    console.log(`Docker Swarm is left out: ${why}.\n`);
    return;
  }
  const swarm = await Swarm.start();
  const figures = {
    ours: [] as number[],
    oursMore: [] as number[],
    swarm: [] as number[],
    swarmMore: [] as number[],
  };
  try {
    for (let round = 0; round < 2; round += 1) {
      figures.ours.push((1000 * SWARM_COUNT) / (await ready(plane, SWARM_COUNT)));
      figures.swarm.push(await swarm.create("web", SWARM_COUNT));
      await swarm.remove("web");
      figures.oursMore.push(...(await addSix(plane)));
      await swarm.create("api", 6);
      figures.swarmMore.push(await swarm.scale("api", 12));
      await swarm.remove("api");
    }
  } finally {
    await swarm.end();
  }
  const row = (title: string, ours: readonly number[], theirs: readonly number[]): readonly string[] => [
    title,
    milliseconds(median(ours)),
    milliseconds(median(theirs)),
    `${short(median(theirs) / median(ours))}x`,
  ];
  table(
    ["busybox httpd", "tutti (process), ready", "Docker Swarm (container), running", "Swarm / tutti"],
    [
      row(`${SWARM_COUNT} instances`, figures.ours, figures.swarm),
      row("6 more", figures.oursMore, figures.swarmMore),
    ],
  );
}

printMachine();
const plane = await Plane.start();
try {
  // What is used for the first time is compiled for the first time; a control plane that was just started is measured by up.ts.
  const cold = await ready(plane, 20);
  console.log(`the first 20 of a new control plane: ${short(cold)}/s\n`);
  table(
    ["scale", "all ready, median", "slowest", "own start-up", "beyond own start-up", "target"],
    [await scaleUp(plane)],
  );
  const rows: (readonly string[])[] = [];
  for (const count of options.counts.split(",").map(Number)) rows.push(await rates(plane, count));
  table(
    [
      "instances",
      "tutti ready",
      ...WIDTHS.map((width) => `bare, ${width} in flight`),
      "tutti / best bare (rounds)",
    ],
    rows,
  );
  console.log(`control plane resident after: ${Math.round(plane.resident())} MB; target of the ratio: 60%\n`);
  if (options.swarm) await besideSwarm(plane);
} finally {
  await plane.end();
}
