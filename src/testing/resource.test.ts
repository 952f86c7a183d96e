import { rmSync, writeFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { defineResource } from "../sdk/index.ts";
import { resourceChecks } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "tutti-checks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, "note");

const spec = z.object({ file: z.string(), text: z.string() });
const note = defineResource("Note", {
  spec,
  observe: async ({ spec: { file: path } }) => {
    const text = await readFile(path, "utf8").catch(() => undefined);
    return text === undefined ? undefined : { actual: { text } };
  },
  ensure: ({ spec: { file: path, text } }) => writeFile(path, text),
  remove: ({ spec: { file: path } }) => rm(path, { force: true }),
});

describe("the checks of an own kind", () => {
  const subject = { spec: { file, text: "hello" }, spoil: () => writeFileSync(file, "other") };
  for (const { title, run } of resourceChecks(note, subject)) it(`pass where ${title}`, run);

  it("find what makes something else each time, and what is still there when it is removed", async () => {
    let count = 0;
    const bad = defineResource("Counter", {
      spec: z.object({}),
      outputs: z.object({ count: z.number() }),
      observe: () => (count === 0 ? undefined : { outputs: { count } }),
      ensure: () => void (count += 1),
      remove: () => undefined,
    });
    const failed: string[] = [];
    for (const { title, run } of resourceChecks(bad, { spec: {} })) {
      count = 0;
      await run().catch(() => failed.push(title));
    }
    expect(failed).toEqual([
      "Counter makes it once, however often it is asked",
      "Counter finds it again by what it is told, without any memory",
      "Counter removes it, and removing it again changes nothing",
    ]);
  });
});
