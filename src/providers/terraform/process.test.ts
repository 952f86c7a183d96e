/** Programs that are no good plugins, and plugins that lose who started them. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUILD, goPeer } from "../../terraform/fixtures/go-peer.ts";
import { PeerHouse } from "./fixtures/peer-house.ts";

const house = new PeerHouse();
beforeAll(goPeer, BUILD);
afterAll(() => house.destroy());

describe("a program", () => {
  it.each([
    ["that ends at once", "crash", "PluginEnded", "nothing works today"],
    ["that says nothing", "hang", "PluginSilent", "within 0.3 s"],
    ["that is no plugin", "garbage", "PluginUnknown", "no handshake"],
    ["of another protocol", "old", "PluginProtocol", "protocol 4"],
  ])("%s is refused with a sentence", async (_name, start, code, said) => {
    const source = `registry.terraform.io/tutti/${start}`;
    await house.add("1.0.0", { PEER_START: start }, source);
    house.restart(start === "hang" ? 300 : undefined);
    const refused = house.provider(start, { source: `tutti/${start}` });
    await expect(refused).rejects.toMatchObject({
      diagnostic: { code, message: expect.stringContaining(said) as string },
    });
  });

  it("that is no program is refused as well", async () => {
    const path = await house.add("1.0.0", {}, "registry.terraform.io/tutti/broken");
    writeFileSync(path, "\u0000\u0001 nothing that could be run");
    house.restart();
    await expect(house.provider("broken", { source: "tutti/broken" })).rejects.toMatchObject({
      diagnostic: { code: "PluginEnded" },
    });
  });
});

/** Processes whose environment has the mark. */
function marked(mark: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, "latin1").includes(mark) && existsSync(`/proc/${pid}/exe`);
    } catch {
      return false;
    }
  });
}

it.runIf(process.platform === "linux")(
  "what its control plane leaves when that is killed is gone soon after",
  async () => {
    const binary = await house.add("1.0.0");
    const program = join(house.folder, "starts.ts");
    writeFileSync(
      program,
      `import { Plugin } from ${JSON.stringify(join(import.meta.dirname, "plugin.ts"))};
const from = { source: "tutti/peer", version: "1.0.0", binary: ${JSON.stringify(binary)}, checksums: [] };
await Plugin.start(from, { onLog: () => undefined, folder: ${JSON.stringify(house.folder)}, now: Date.now() });
console.log("started");
setInterval(() => undefined, 1000);
`,
    );
    const temporary = join(house.folder, "temporary");
    mkdirSync(temporary);
    const mark = `TUTTI_MARK=${house.folder}`;
    const child: ChildProcess = spawn(process.execPath, [program], {
      env: { ...process.env, TUTTI_MARK: house.folder, TMPDIR: temporary },
      stdio: ["ignore", "pipe", "inherit"],
    });
    if (child.stdout === null) throw new Error("no output");
    await once(child.stdout, "data");
    expect(marked(mark).length).toBeGreaterThan(1);
    expect(readdirSync(temporary)).toHaveLength(1);
    child.kill("SIGKILL");
    await once(child, "exit");
    await expect.poll(() => marked(mark), { timeout: 20_000 }).toEqual([]);
    expect(readdirSync(temporary)).toEqual([]);
  },
);
