import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Bench, startBench, tutti } from "./fixtures/terminal.ts";

let bench: Bench;
let folder: string;
let stopSettling: () => void;

const run = async (words: string): ReturnType<typeof tutti> => tutti(words, bench.access, { cwd: folder });

beforeEach(async () => {
  bench = await startBench();
  stopSettling = bench.settling();
  folder = realpathSync(mkdtempSync(join(tmpdir(), "tutti-cli-")));
  for (let size = 1; size <= 11; size += 1) {
    writeFileSync(
      join(folder, "tutti.yaml"),
      `kind: System\nmetadata: { name: shop, annotations: { size: "${size}" } }\n`,
    );
    await run("apply --yes -q");
  }
});
afterEach(async () => {
  stopSettling();
  await bench.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("changes", () => {
  it("are listed newest first, by their numbers where they are of one second", async () => {
    const { out } = await run("changes -o name");
    expect(out.split("\n").slice(0, 4)).toEqual([
      "change/shop-11",
      "change/shop-10",
      "change/shop-9",
      "change/shop-8",
    ]);
  });

  it("that are not there are looked for among systems and changes", async () => {
    const { code, err } = await run("changes shpo-5");
    expect(code).toBe(1);
    expect(err).toContain("There is neither a system nor a change 'shpo-5' in the namespace 'default'.");
    expect(err).toContain("Did you mean 'shop-5'?");
  });

  it("are suggested to who resumes, or cancels, a run of that name", async () => {
    for (const verb of ["cancel", "resume"])
      expect((await run(`${verb} shop-5`)).err).toContain(
        `There is a change of that name: tutti ${verb} change/shop-5`,
      );
  });
});
