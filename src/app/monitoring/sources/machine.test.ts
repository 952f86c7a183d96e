/** What the machine has, beside the real node_exporter of the same machine. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { machineText } from "./machine.ts";

let exporter: ChildProcess;
let address = "";

beforeAll(async () => {
  address = `127.0.0.1:${await freePort()}`;
  exporter = spawn("prometheus-node-exporter", [`--web.listen-address=${address}`], { stdio: "ignore" });
  await vi.waitFor(() => fetch(`http://${address}/`), { timeout: 20_000 });
});
afterAll(() => exporter.kill());

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  server.close();
  return port;
}

function samplesOf(text: string): ReadonlyMap<string, number> {
  return new Map(
    [...text.matchAll(/^(node_\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name = "", labels = "", value = ""]) => [
      `${name}{${[...labels.matchAll(/\w+="(?:[^"\\]|\\.)*"/g)]
        .map(([pair]) => pair)
        .toSorted()
        .join(",")}}`,
      Number(value),
    ]),
  );
}

/** Of families that both have: ours, and the exporter's at about the same time. */
async function both(): Promise<readonly [ReadonlyMap<string, number>, ReadonlyMap<string, number>]> {
  const [ours, theirs] = await Promise.all([
    machineText(),
    fetch(`http://${address}/metrics`).then((answer) => answer.text()),
  ]);
  return [samplesOf(ours), samplesOf(theirs)];
}

it("every series has the name and the labels that node_exporter gives it", async () => {
  const [ours, theirs] = await both();
  expect(ours.size).toBeGreaterThan(20);
  expect([...ours.keys()].filter((series) => !theirs.has(series))).toEqual([]);
});

it("what does not change is the same to the byte; what counts is as far", async () => {
  await vi.waitFor(
    async () => {
      const [ours, theirs] = await both();
      for (const [series, value] of ours) {
        const theirsIs = theirs.get(series) ?? Number.NaN;
        if (/MemTotal|SwapTotal|_size_bytes|boot_time/.test(series))
          expect([series, value]).toEqual([series, theirsIs]);
        else if (/cpu_seconds|network/.test(series))
          expect([series, Math.abs(value - theirsIs) <= 5 + theirsIs * 0.01]).toEqual([series, true]);
        else if (/Available|avail_bytes/.test(series))
          expect([series, Math.abs(value - theirsIs) <= theirsIs * 0.1]).toEqual([series, true]);
      }
    },
    { timeout: 20_000 },
  );
});

it("holds the filesystem of the root, whatever it is", async () => {
  expect(await machineText()).toMatch(/^node_filesystem_avail_bytes\{.*mountpoint="\/"/m);
});

it("is nothing that promtool objects to, but that node_exporter's names of memory are in camel case", async () => {
  const { stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: await machineText(),
    encoding: "utf8",
  });
  const said = `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
  expect(said.filter((line) => !/^node_memory_\w+ .* not 'camelCase'$/.test(line))).toEqual([]);
});
