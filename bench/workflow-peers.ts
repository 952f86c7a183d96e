/**
 * Durable workflows beside DBOS (on Debian's PostgreSQL) and Restate, and beside queues: graphile-worker (PostgreSQL) and
 * BullMQ (Redis with `appendfsync always`). All sync what they acknowledge, steps run in the process that asks.
 *
 *     node bench/workflow-peers.ts [--rounds 3] [--only tutti,restate] [--folder /tmp]
 *
 * Needs `postgresql` and `redis-server`. The peers' packages are installed below node_modules/.cache at the first run; the
 * project does not depend on them. Rounds alternate between the engines; figures are medians, and the ratios are of the
 * same round. A queue's workflow is a job that adds the next: it keeps no results of steps and joins in the asking process.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { median, milliseconds, printMachine, short, table } from "./kit/figures.ts";
import type { Measured } from "./peers/measure.ts";

const PACKAGES: Readonly<Record<string, string>> = {
  "@dbos-inc/dbos-sdk": "5.3.0",
  "@restatedev/restate-server": "1.7.12",
  "@restatedev/restate-sdk": "1.17.2",
  "@restatedev/restate-sdk-clients": "1.17.2",
  "graphile-worker": "0.18.0",
  bullmq: "6.7.0",
};
const NAMES = ["tutti", "dbos", "restate", "bullmq", "graphile-worker"];
/** Longest for one engine, milliseconds. */
const PATIENCE = 300_000;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    only: { type: "string", default: NAMES.join(",") },
    folder: { type: "string", default: tmpdir() },
  },
});

function installed(): string {
  const folder = join(import.meta.dirname, "../node_modules/.cache/tutti/peers");
  const manifest = JSON.stringify({ private: true, dependencies: PACKAGES });
  if (existsSync(join(folder, "node_modules"))) return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), manifest);
  const options = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  const done = spawnSync("npm", options, { cwd: folder, encoding: "utf8" });
  if (done.status !== 0) throw new Error(`The peers could not be installed: ${done.stderr}`);
  return folder;
}

async function measure(name: string, packages: string): Promise<readonly Measured[]> {
  const folder = mkdtempSync(join(values.folder, `tutti-bench-${name}-`));
  const script = join(import.meta.dirname, "peers/measure.ts");
  const child = spawn(process.execPath, [script, name, packages, folder], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: PATIENCE,
  });
  const found: Measured[] = [];
  try {
    for await (const line of createInterface({ input: child.stdout }))
      if (line.startsWith("{")) found.push(JSON.parse(line) as Measured);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return found;
}

const packages = installed();
const names = values.only.split(",");
const results = new Map<string, (readonly Measured[])[]>(names.map((name) => [name, []]));
printMachine();
for (let round = 0; round < Number(values.rounds); round++)
  for (const name of names) results.get(name)?.push(await measure(name, packages));

const works = [...new Set([...results.values()].flat(2).map(({ work }) => work))];
for (const work of works) {
  const of = (name: string): readonly Measured[] =>
    (results.get(name) ?? [])
      .map((round) => round.find((one) => one.work === work))
      .filter((one) => one !== undefined);
  const rate = ({ steps, seconds }: Measured): number => steps / seconds;
  const ours = of("tutti").map(rate);
  console.log(work);
  table(
    ["", "steps/s", "ours / it (rounds)", "a step", "workflow p50", "p99", "CPU a step", "memory"],
    names.map((name) => {
      const all = of(name);
      const ratios = all.map((one, round) => (ours[round] ?? Number.NaN) / rate(one));
      return [
        name,
        short(median(all.map(rate))),
        `${short(median(ratios))}x (${ratios.map(short).join(", ")})`,
        milliseconds(median(all.map(({ seconds, steps }) => (seconds * 1000) / steps))),
        milliseconds(median(all.map(({ p50 }) => p50))),
        milliseconds(median(all.map(({ p99 }) => p99))),
        `${short(median(all.map(({ cpu }) => cpu)))} us`,
        `${short(median(all.map(({ memory }) => memory)) / 1e6)} MB`,
      ];
    }),
  );
}
