/** What `tutti worker` asks for and refuses; what workers do is shown in src/workflow/worker. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bench, startBench, tutti } from "../fixtures/terminal.ts";

let bench: Bench;
const folder = mkdtempSync(join(tmpdir(), "tutti-worker-verb-"));
const module = join(folder, "handlers.ts");
beforeAll(async () => {
  bench = await startBench();
  writeFileSync(
    module,
    'import { handler } from "tutti";\nexport const noop = handler("noop", () => null);\n',
  );
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await bench.close();
});

describe("tutti worker", { timeout: 60_000 }, () => {
  it("wants a module that is there, whole numbers, and a token for a control plane elsewhere", async () => {
    for (const [words, message] of [
      [`worker ${folder}/nothing.ts`, "There is no file"],
      [`worker ${module} --slots none`, "'none' is no number for --slots"],
      [`worker ${module} --url nowhere`, "is no address"],
      [`worker ${module} --url http://127.0.0.1:9`, "asks for a token"],
    ] as const) {
      const { code, err } = await tutti(words, bench.access);
      expect(code).toBe(2);
      expect(err).toContain(message);
    }
  });

  it("ends with the reason where nobody takes workers", async () => {
    const { code, err } = await tutti(`worker ${module}`, bench.access);
    expect(code).toBe(1);
    expect(err).toContain("takes no workers");
  });
});
