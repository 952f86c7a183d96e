/** Maps in batches, with tolerated failures, over files; waits for callbacks. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { functionsHere } from "../workflow/engine/functions.ts";
import { type Here, RUN, openHere } from "./fixtures/here.ts";
import { itemSteps } from "./items.ts";

let folder: string;
let here: Here;
let given: unknown[];

async function open(): Promise<void> {
  here = await openHere({
    folder,
    steps: ({ store }) => ({
      items: itemSteps({ store }),
      function: functionsHere({
        take: ({ input }) => (given.push(input), input),
        odd: ({ input }) => {
          if (Number(input) % 2 === 0) throw new Error("even");
          return input;
        },
      }),
    }),
  });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tutti-items-step-"));
  given = [];
  await open();
});
afterEach(async () => {
  await here.close();
  rmSync(folder, { recursive: true, force: true });
});

const each = (handler: string, input: unknown): object => ({
  steps: { one: { type: "function", handler, input } },
  output: "${step.one}",
});

describe("a map", () => {
  it("gives items together in batches, with the index of the first", async () => {
    const body = each("take", { index: "${index}", item: "${item}" });
    const verdict = await here.run(
      { a: { type: "map", items: "${param.list}", batch: 2, body } },
      { list: [1, 2, 3] },
    );
    expect(verdict).toMatchObject({
      output: {
        a: [
          { index: 0, item: [1, 2] },
          { index: 2, item: [3] },
        ],
      },
    });
  });

  it("tolerates a share of failures, and no more", async () => {
    const map = (toleratedPercentage: number): Record<string, object> => ({
      a: { type: "map", items: [1, 2, 3, 5], toleratedPercentage, body: each("odd", "${item}") },
    });
    expect(await here.run(map(25), {}, "default/one")).toMatchObject({ output: { a: [1, null, 3, 5] } });
    expect(await here.run(map(24), {}, "default/two")).toMatchObject({ failure: { message: "even" } });
  });

  it("goes through the items of a file", async () => {
    const file = join(folder, "rows.csv");
    writeFileSync(file, `n\n${Array.from({ length: 5_000 }, (_, n) => `${n}\n`).join("")}`);
    const map = { type: "map", itemsFrom: { path: file }, batch: 1000, body: each("take", "${size(item)}") };
    expect(await here.run({ a: map })).toMatchObject({ output: { a: [1000, 1000, 1000, 1000, 1000] } });
  });

  it("does not go on with a file that is another than when it began", async () => {
    const file = join(folder, "rows.jsonl");
    writeFileSync(file, "1\n2\n");
    await here.start({
      a: {
        type: "map",
        itemsFrom: { path: file },
        concurrency: 1,
        body: {
          start: "w",
          steps: {
            w: { type: "wait", signal: "go", next: "t" },
            t: { type: "function", handler: "take", input: "${item}" },
          },
        },
      },
    });
    await here.engine.signal(RUN, { id: "1", name: "go", payload: null });
    while (given.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await here.close();
    writeFileSync(file, "1\n3\n");
    await open();
    await expect(here.engine.result(RUN)).rejects.toThrow("ItemsChanged");
    await here.close();
    writeFileSync(file, "1\n2\n");
    await open();
    await here.engine.signal(RUN, { id: "2", name: "go", payload: null });
    expect(await here.engine.result(RUN)).toMatchObject({ output: { a: [1, 2] } });
  });

  it("fails when the file is no such thing", async () => {
    const file = join(folder, "rows.json");
    writeFileSync(file, "{}");
    const map = { type: "map", itemsFrom: { path: file }, body: each("take", "${item}") };
    expect(await here.run({ a: map })).toMatchObject({
      failure: { class: "Terminal", error: "InvalidItems" },
    });
  });
});

describe("a wait for a callback", () => {
  it("hands its token over, and ends with what comes back for it", async () => {
    const wait = (name: string): object => ({
      type: "wait",
      token: { steps: { tell: { type: "function", handler: "take", input: { name, token: "${token}" } } } },
    });
    await here.start({ a: wait("a"), b: wait("b") });
    while (given.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    const tokens = new Map(
      given.map((one) => [(one as { name: string }).name, (one as { token: string }).token]),
    );
    await here.close();
    await open();
    for (const name of ["b", "a"])
      await here.engine.signal(RUN, { id: name, name: tokens.get(name) ?? "", payload: `for ${name}` });
    expect(await here.engine.result(RUN)).toMatchObject({ output: { a: "for a", b: "for b" } });
    expect(given).toHaveLength(2);
  });
});
