/**
 * One engine in a process of its own: `node bench/peers/measure.ts NAME PACKAGES FOLDER`. Prints a line of JSON a work.
 *
 * Processor time is user and system of this process and of its servers with all their children; memory is resident, what
 * forked servers share counted once each (proportional set size).
 */
import { readFileSync, readdirSync } from "node:fs";
import { quantile } from "../kit/figures.ts";
import { type Open, type Peer, fibonacci } from "./peer.ts";

export interface Measured {
  readonly work: string;
  readonly steps: number;
  readonly seconds: number;
  /** Of a workflow, milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds a step. */
  readonly cpu: number;
  /** Bytes. */
  readonly memory: number;
}

const TICK = 10_000;

function descendants(roots: readonly number[]): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc"))
    if (/^\d+$/.test(name)) {
      const stat = statOf(Number(name));
      if (stat !== undefined) parents.set(Number(name), Number(stat[1]));
    }
  const found = new Set(roots);
  for (let size = -1; size !== found.size;) {
    size = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

/** The fields behind the name: state, parent, ... */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** Microseconds, with children that have ended and were waited for. */
function cpuOf({ servers }: Peer): number {
  const used = process.cpuUsage();
  const ticks = descendants(servers)
    .map((pid) => statOf(pid))
    .reduce((sum, stat) => sum + [11, 12, 13, 14].reduce((all, at) => all + Number(stat?.[at] ?? 0), 0), 0);
  return used.user + used.system + ticks * TICK;
}

function memoryOf({ servers }: Peer): number {
  return [process.pid, ...descendants(servers)].reduce((sum, pid) => {
    try {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      return sum + Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) * 1024;
    } catch {
      return sum;
    }
  }, 0);
}

async function timed(
  peer: Peer,
  work: string,
  steps: number,
  times: () => Promise<readonly number[]>,
): Promise<Measured> {
  const cpu = cpuOf(peer);
  const start = performance.now();
  const taken = await times();
  const seconds = (performance.now() - start) / 1000;
  return {
    work,
    steps,
    seconds,
    p50: quantile(taken, 0.5),
    p99: quantile(taken, 0.99),
    cpu: (cpuOf(peer) - cpu) / steps,
    memory: memoryOf(peer),
  };
}

async function chains(
  peer: Peer,
  name: string,
  count: number,
  length: number,
  flight: number,
): Promise<readonly number[]> {
  const times: number[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) {
      const id = `${name}-${next++}`;
      const begun = performance.now();
      await peer.chain(id, length);
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: flight }, one));
  return times;
}

const [name = "", packages = "", folder = ""] = process.argv.slice(2);
const { open } = (await import(`./${name}.ts`)) as { readonly open: Open };
let isWorking = false;
const peer = await open({ packages, folder, step: () => (isWorking ? fibonacci(10) : 0) });
const tell = (measured: Measured): void => console.log(JSON.stringify(measured));
try {
  await chains(peer, "warm-up", 300, 5, 50);
  isWorking = true;
  tell(await timed(peer, "40 steps of fibo(10), alone", 200, () => chains(peer, "alone", 5, 40, 1)));
  isWorking = false;
  tell(
    await timed(peer, "400 workflows of 1 step, 64 in flight", 400, () => chains(peer, "few", 400, 1, 64)),
  );
  tell(
    await timed(peer, "2,000 workflows of 1 step, 64 in flight", 2000, () =>
      chains(peer, "many", 2000, 1, 64),
    ),
  );
  tell(
    await timed(peer, "1,000 workflows of 10 steps, 50 in flight", 10_000, () =>
      chains(peer, "long", 1000, 10, 50),
    ),
  );
  tell(
    await timed(peer, "fan-out of 10,000 and join", 10_000, async () => {
      const begun = performance.now();
      await peer.fanOut("wide", 10_000);
      return [performance.now() - begun];
    }),
  );
} finally {
  await peer.close();
}
process.exit(0);
