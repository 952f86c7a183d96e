/**
 * How much a plan and an apply through a Terraform provider's process cost, when the provider does nothing:
 *
 *     node bench/terraform-provider.ts [--pairs 2000]
 *
 * The provider is the Go peer (src/terraform/fixtures/go-peer, Debian's go-plugin and go-cty), type peer_noop; mutual TLS over its
 * Unix socket, as Terraform does it. A pair is a PlanResourceChange and an ApplyResourceChange, with values encoded and decoded.
 * One after the other: what one resource waits for. 16 at a time: what a System of many resources gets.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { NOTHING, type Target, apply, plan } from "../src/providers/terraform/calls.ts";
import { decodeConfig } from "../src/providers/terraform/config.ts";
import { Plugin } from "../src/providers/terraform/plugin.ts";
import { goPeer } from "../src/terraform/fixtures/go-peer.ts";
import type { Schema } from "../src/terraform/schema.ts";
import { printMachine, table } from "./kit/figures.ts";

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Milliseconds of processor time so far. */
  readonly cpu: number;
}

/** What the processes that this one started have used, milliseconds; Linux only. */
function childrenCpu(): number {
  const all = readdirSync("/proc").flatMap((name): readonly Process[] => {
    try {
      const fields = (readFileSync(`/proc/${name}/stat`, "latin1").split(") ")[1] ?? "").split(" ");
      return [
        { pid: Number(name), parent: Number(fields[1]), cpu: (Number(fields[11]) + Number(fields[12])) * 10 },
      ];
    } catch {
      return [];
    }
  });
  const below = (pid: number): number =>
    all.filter(({ parent }) => parent === pid).reduce((sum, one) => sum + one.cpu + below(one.pid), 0);
  return below(process.pid);
}

const { values: options } = parseArgs({ options: { pairs: { type: "string", default: "2000" } } });
const pairs = Number(options.pairs);
const place = { root: ["spec", "config"], secrets: [] };
const folder = mkdtempSync(join(tmpdir(), "tutti-bench-"));
const binary = await goPeer();
const rows: (readonly string[])[] = [];

printMachine();
for (const protocol of [5, 6]) {
  process.env["PEER_PROTOCOL"] = String(protocol);
  const began = performance.now();
  const plugin = await Plugin.start(
    { source: "tutti/peer", version: "1.0.0", binary, checksums: [] },
    { onLog: () => undefined, folder, now: Date.now() },
  );
  const start = performance.now() - began;
  const schema = plugin.schema("resource", "peer_noop") as Schema;
  const target: Target = { plugin, type: "peer_noop", schema, place, signal: new AbortController().signal };
  const { value: config } = decodeConfig({ value: "nothing" }, schema.block, place);
  const pair = async (): Promise<void> => {
    const planned = await plan(target, NOTHING, config);
    const { value } = await apply(target, NOTHING, planned, config);
    if (value?.["id"] !== "noop") throw new Error("It was not applied.");
  };
  for (let warm = 0; warm < 200; warm += 1) await pair();
  for (const atOnce of [1, 16]) {
    let left = pairs;
    const from = performance.now();
    const cpu = process.cpuUsage();
    const peer = childrenCpu();
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (; left > 0;) {
          left -= 1;
          await pair();
        }
      }),
    );
    const took = performance.now() - from;
    const { user, system } = process.cpuUsage(cpu);
    rows.push([
      String(protocol),
      String(atOnce),
      String(pairs),
      `${start.toFixed(0)} ms`,
      `${(took / pairs).toFixed(3)} ms`,
      `${((user + system) / 1000 / pairs).toFixed(3)} ms`,
      `${((childrenCpu() - peer) / pairs).toFixed(3)} ms`,
    ]);
  }
  await plugin.close();
}
rmSync(folder, { recursive: true, force: true });
table(["protocol", "at a time", "pairs", "start", "a pair", "processor time: ours", "the provider's"], rows);
