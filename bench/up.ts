/**
 * From the command to a shop that answers:
 *
 *     node bench/up.ts [--rounds 3] [--folder examples/storefront]
 *
 * Each round has a new state folder and runs `./tutti up <folder> --yes`, dependencies being installed and sources
 * compiled before (a first round, shown by itself, sees to that). Measured from just before the command is started: the
 * registration of the control plane, the first good answer of the front page and of /api/products through the balancer
 * (asked every 5 ms as soon as the balancer has an address), and the command's end. Resident memory is read after that,
 * from /proc. `node -e 0` is measured beside it, since everything here begins with starting Node.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { StateFolder } from "../src/app/home.ts";
import { createClient } from "../src/client/index.ts";
import { median, milliseconds, printMachine, table } from "./kit/figures.ts";
import { BALANCER, pause, residentMegabytes } from "./kit/plane.ts";

const root = join(import.meta.dirname, "..");
const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    folder: { type: "string", default: join(root, "examples/storefront") },
  },
});
const tutti = join(root, "tutti");

/** Where compiled sources are kept; the checkout's own place when absent. */
const env: Record<string, string | undefined> = { ...process.env };

async function run(command: string, parameters: readonly string[], home: string): Promise<number> {
  const began = performance.now();
  const child = spawn(command, parameters, {
    env: { ...env, TUTTI_HOME: home },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`${command} ${parameters.join(" ")} ended with ${String(code)}:\n${said}`);
  return performance.now() - began;
}

interface Round {
  readonly registered: number;
  readonly page: number;
  readonly products: number;
  readonly ended: number;
  /** Megabytes. */
  readonly controlPlane: number;
  readonly spawner: number;
}

async function round(home: string): Promise<Round> {
  const began = performance.now();
  const since = (): number => performance.now() - began;
  const abort = new AbortController();
  const command = run(tutti, ["up", options.folder, "--yes"], home).finally(() => abort.abort());
  const answers = firstAnswers(home, since, abort.signal);
  const ended = await command;
  const { pid, ...times } = await answers;
  return {
    ...times,
    ended,
    controlPlane: residentMegabytes(pid),
    spawner: childrenOf(pid).reduce((sum, child) => sum + residentMegabytes(child), 0),
  };
}

/** Goes on for two seconds after the command has ended. */
async function firstAnswers(
  home: string,
  since: () => number,
  ended: AbortSignal,
): Promise<Pick<Round, "registered" | "page" | "products"> & { readonly pid: number }> {
  let patience = Infinity;
  ended.addEventListener("abort", () => (patience = since() + 2_000));
  const until = async <T>(look: () => Promise<T | undefined>): Promise<T> => {
    while (since() < patience) {
      const seen = await look().catch(() => undefined);
      if (seen !== undefined) return seen;
      await pause(5);
    }
    throw new Error("There was no answer.");
  };
  const folder = new StateFolder(home);
  const { url, pid } = await until(() => Promise.resolve(folder.registration()));
  const registered = since();
  const client = createClient({ url, token: folder.token() });
  const front = await until(
    async () => ((await client.get(BALANCER, "front")).status as { readonly url?: string } | undefined)?.url,
  );
  client.close();
  const good = (path: string): Promise<number> =>
    until(async () => {
      const answer = await fetch(new URL(path, front));
      await answer.arrayBuffer();
      return answer.ok ? since() : undefined;
    });
  const [page, products] = await Promise.all([good("/"), good("/api/products")]);
  return { registered, page, products, pid };
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync("/proc").flatMap((name) => {
    const file = `/proc/${name}/stat`;
    if (!/^\d+$/.test(name) || !existsSync(file)) return [];
    const stat = readFileSync(file, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === pid ? [Number(name)] : [];
  });
}

async function inFreshHome<T>(work: (home: string) => Promise<T>): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), "bench-up-"));
  try {
    return await work(home);
  } finally {
    await run(tutti, ["down", options.folder, "--yes"], home).catch((error: unknown) => console.error(error));
    await run(tutti, ["stop"], home).catch((error: unknown) => console.error(error));
    rmSync(home, { recursive: true, force: true });
  }
}

printMachine();
const compiled = mkdtempSync(join(tmpdir(), "bench-compiled-"));
env["NODE_COMPILE_CACHE"] = compiled;
const first = await inFreshHome(round);
console.log(
  `the very first time, nothing compiled: front page ${milliseconds(first.page)}, /api/products ${milliseconds(first.products)}, exit 0 ${milliseconds(first.ended)}, control plane ${Math.round(first.controlPlane)} MB\n`,
);
const rounds: Round[] = [];
const nodes: number[] = [];
const versions: number[] = [];
for (let count = 0; count < Number(options.rounds); count += 1) {
  for (let index = 0; index < 3; index += 1) {
    nodes.push(await run(process.execPath, ["-e", "0"], ""));
    versions.push(await run(tutti, ["version"], ""));
  }
  rounds.push(await inFreshHome(round));
}
const row = (title: string, of: (round: Round) => number, target: string): readonly string[] => [
  title,
  milliseconds(median(rounds.map(of))),
  rounds.map((one) => milliseconds(of(one))).join(", "),
  target,
];
const memory = (title: string, of: (round: Round) => number, target: string): readonly string[] => [
  title,
  `${Math.round(median(rounds.map(of)))} MB`,
  rounds.map((one) => `${Math.round(of(one))} MB`).join(", "),
  target,
];
table(
  ["./tutti up examples/storefront --yes", "median", "rounds", "target"],
  [
    row("control plane registered", (one) => one.registered, ""),
    row("first good answer of the front page", (one) => one.page, "3 s"),
    row("first good answer of /api/products", (one) => one.products, ""),
    row("exit 0", (one) => one.ended, ""),
    memory("control plane, resident", (one) => one.controlPlane, "150 MB"),
    memory("its spawner, resident (mostly shared pages)", (one) => one.spawner, ""),
    ["./tutti version", milliseconds(median(versions)), versions.map(milliseconds).join(", "), "150 ms"],
    ["node -e 0", milliseconds(median(nodes)), nodes.map(milliseconds).join(", "), ""],
  ],
);
rmSync(compiled, { recursive: true, force: true });
