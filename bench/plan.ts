/**
 * Plan, apply, change and destroy beside terraform: the same graphs of things without effect, `terraform_data` there and
 * class `data` of kind Resource here, through the command lines, each life in folders of its own.
 *
 *     node bench/plan.ts [--sizes 100,1000,10000] [--shapes independent,layered,chain] [--rounds 1] [--without-terraform]
 *                        [--terraform-applies 1000] [--terraform-plans 10000]
 *
 * Ours are a command and a control plane that runs in the background: both count, with all their children. A chain is as
 * long as the size, at most 200. Terraform applies and destroys no more than `--terraform-applies` (it writes its whole
 * state once a resource); beyond that its plans begin with a state that is written here, in the form that an apply leaves, and
 * beyond `--terraform-plans` it is left out.
 * Every round goes through one life of ours and one of terraform's, so that a busy moment hits both.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startInBackground } from "../src/app/background.ts";
import { StateFolder } from "../src/app/home.ts";
import { createClient } from "../src/client/index.ts";
import { load } from "../src/sdk/load.ts";
import { type Cost, costOf, costWithin, writeFiles } from "./kit/cost.ts";
import { median, printMachine, short, table } from "./kit/figures.ts";
import { SHAPES, type Shape, hclOf, stateOf, yamlOf } from "./kit/graphs.ts";
import { pause } from "./kit/plane.ts";
import { plot } from "./kit/plot.ts";

const { values: options } = parseArgs({
  options: {
    sizes: { type: "string", default: "100,1000,10000" },
    shapes: { type: "string", default: SHAPES.join(",") },
    rounds: { type: "string", default: "1" },
    "terraform-applies": { type: "string", default: "1000" },
    "terraform-plans": { type: "string", default: "10000" },
    "without-terraform": { type: "boolean", default: false },
  },
});

const PHASES = [
  "first plan",
  "first apply",
  "nothing to do",
  "one change, planned",
  "one change, applied",
  "one change, by the control plane",
  "destroy",
] as const;
type Phase = (typeof PHASES)[number];
type Costs = Partial<Record<Phase, Cost>>;

const tutti = join(import.meta.dirname, "../tutti");
const SYSTEM = "bench";
const LONGEST_CHAIN = 200;

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "bench-plan-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A life of a system of ours. */
function ours(shape: Shape, size: number): Promise<Costs> {
  return inFolder(async (folder) => {
    const home = join(folder, "home");
    const env = { TUTTI_HOME: home };
    const declaration = join(folder, SYSTEM);
    mkdirSync(declaration);
    const write = (changed: number): void => writeFiles(declaration, yamlOf(SYSTEM, shape, size, changed));
    write(0);
    const { pid } = await startInBackground(new StateFolder(home));
    const run = (...parameters: readonly string[]): Promise<Cost> =>
      costOf({ command: tutti, parameters, cwd: folder, env, beside: [pid] });
    try {
      const costs: Costs = {};
      costs["first plan"] = await run("plan", declaration);
      costs["first apply"] = await run("up", declaration, "--yes");
      expect(await run("get", "system", SYSTEM, "-o", "json"), `"readyResources": ${size}`);
      costs["nothing to do"] = await run("plan", declaration);
      expect(costs["nothing to do"], "othing");
      write(1);
      costs["one change, planned"] = await run("plan", declaration);
      costs["one change, applied"] = await run("up", declaration, "--yes");
      write(2);
      costs["one change, by the control plane"] = await changeInPlace(home, pid, declaration);
      costs["destroy"] = await run("down", SYSTEM, "--yes");
      return costs;
    } finally {
      await costOf({ command: tutti, parameters: ["stop"], env });
    }
  });
}

/** Planned and applied over the API by a client that runs already and has read the files; until the system says that all is ready. */
async function changeInPlace(home: string, pid: number, declaration: string): Promise<Cost> {
  const state = new StateFolder(home);
  const client = createClient({ url: state.registration()?.url ?? "", token: state.token() });
  const { system, resources, folder } = await load(declaration, { env: {} });
  const cost = await costWithin([pid], async () => {
    const proposed = { resources: [system, ...resources], folder, action: "apply" as const, brief: true };
    const { hash, summary } = await client.plan(SYSTEM, proposed);
    if (summary.update < 1) throw new Error("There is nothing to change.");
    const { revision } = await client.apply(SYSTEM, { ...proposed, hash });
    await becomesReady(client, revision);
  });
  client.close();
  return cost;
}

const SYSTEMS = { kind: "System", plural: "systems", group: "tutti.dev", version: "v1", namespaced: true };

async function becomesReady(client: ReturnType<typeof createClient>, revision: number): Promise<void> {
  for (;;) {
    const { status, metadata } = await client.get(SYSTEMS, SYSTEM);
    const { revision: seen = 0, conditions = [] } = status as {
      readonly revision?: number;
      readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    };
    const isReady = conditions.some(({ type, status: is }) => type === "Ready" && is === "True");
    if (seen >= revision && isReady && metadata.deletionTimestamp === undefined) return;
    await pause(10);
  }
}

function expect({ output }: Cost, words: string): void {
  if (!output.includes(words)) throw new Error(`'${words}' was expected in: ${output.slice(-2000)}`);
}

/** A life of the same graph in terraform. */
function theirs(shape: Shape, size: number): Promise<Costs> {
  return inFolder(async (folder) => {
    const env = { CHECKPOINT_DISABLE: "1", TF_CLI_CONFIG_FILE: "/dev/null" };
    const run = (...parameters: readonly string[]): Promise<Cost> =>
      costOf({ command: "terraform", parameters, cwd: folder, env });
    const plain = ["-input=false", "-no-color"];
    const write = (changed: number): void => writeFiles(folder, { "main.tf": hclOf(shape, size, changed) });
    write(0);
    await run("init", ...plain);
    const costs: Costs = {};
    costs["first plan"] = await run("plan", ...plain);
    const isWhole = size <= Number(options["terraform-applies"]);
    if (isWhole) costs["first apply"] = await run("apply", "-auto-approve", ...plain);
    else writeFiles(folder, { "terraform.tfstate": stateOf(shape, size) });
    costs["nothing to do"] = await run("plan", ...plain);
    expect(costs["nothing to do"], "No changes");
    write(1);
    costs["one change, planned"] = await run("plan", ...plain);
    expect(costs["one change, planned"], "to change");
    costs["one change, applied"] = await run("apply", "-auto-approve", ...plain);
    if (isWhole) costs["destroy"] = await run("destroy", "-auto-approve", ...plain);
    return costs;
  });
}

function medians(rounds: readonly Costs[], phase: Phase): Figures | undefined {
  const found = rounds.flatMap((costs) => costs[phase] ?? []);
  if (found.length === 0) return undefined;
  const of = (what: "wall" | "cpu" | "memory"): number => median(found.map((cost) => cost[what]));
  return { wall: of("wall"), cpu: of("cpu"), memory: of("memory") };
}

const seconds = (milliseconds: number | undefined): string =>
  milliseconds === undefined ? "" : `${(milliseconds / 1000).toFixed(2)} s`;
const megabytes = (size: number | undefined): string => (size === undefined ? "" : `${Math.round(size)} MB`);
const ratio = (other: number | undefined, own: number | undefined): string =>
  other === undefined || own === undefined ? "" : `${short(other / own)}x`;

type Figures = Omit<Cost, "output">;

const cells = (cost: Figures | undefined): readonly string[] => [
  seconds(cost?.wall),
  seconds(cost?.cpu),
  megabytes(cost?.memory),
];
const ratios = (other: Figures | undefined, own: Figures | undefined): readonly string[] =>
  (["wall", "cpu", "memory"] as const).map((what) => ratio(other?.[what], own?.[what]));

function print(own: readonly Costs[], other: readonly Costs[]): void {
  table(
    [
      "",
      "ours: wall",
      "CPU",
      "memory",
      ...(other.length === 0
        ? []
        : ["terraform: wall", "CPU", "memory", "wall, terraform / ours", "CPU", "memory"]),
    ],
    PHASES.map((phase) => {
      const [us, them] = [medians(own, phase), medians(other, phase)];
      return [phase, ...cells(us), ...(other.length === 0 ? [] : [...cells(them), ...ratios(them, us)])];
    }),
  );
}

printMachine();
const growth = new Map<Shape, (readonly [number, readonly Costs[]])[]>();
for (const shape of options.shapes.split(",") as Shape[]) {
  const asked = options.sizes.split(",").map(Number);
  const sizes = shape === "chain" ? [...new Set(asked.map((size) => Math.min(size, LONGEST_CHAIN)))] : asked;
  for (const size of sizes) {
    const [own, other]: [Costs[], Costs[]] = [[], []];
    for (let round = 0; round < Number(options.rounds); round += 1) {
      own.push(await ours(shape, size));
      if (!options["without-terraform"] && size <= Number(options["terraform-plans"]))
        other.push(await theirs(shape, size));
    }
    console.log(`${shape}, ${size.toLocaleString("en")}:\n`);
    print(own, other);
    growth.set(shape, [...(growth.get(shape) ?? []), [size, own]]);
  }
}

const MARKS: Readonly<Partial<Record<Phase, string>>> = {
  "first plan": "p",
  "first apply": "A",
  "nothing to do": "n",
  "one change, by the control plane": "c",
  destroy: "D",
};

for (const [shape, sizes] of growth) {
  if (sizes.length < 2) continue;
  console.log(`${shape}, as it grows, wall (CPU a resource):\n`);
  table(
    ["", ...sizes.map(([size]) => size.toLocaleString("en"))],
    PHASES.map((phase) => [
      phase,
      ...sizes.map(([size, costs]) => {
        const cost = medians(costs, phase);
        return cost === undefined ? "" : `${seconds(cost.wall)} (${short((cost.cpu / size) * 1000)} us)`;
      }),
    ]),
  );
  const curves = Object.entries(MARKS).map(([phase, mark]) => ({
    mark,
    points: sizes.flatMap(([size, costs]) => {
      const cost = medians(costs, phase as Phase);
      return cost === undefined ? [] : [[size, cost.cpu / 1000] as const];
    }),
  }));
  const legend = Object.entries(MARKS).map(([phase, mark]) => `${mark} ${phase}`);
  console.log(`Processor time; ${legend.join(", ")}, * several:\n\n${plot(curves, "s")}\n`);
}
