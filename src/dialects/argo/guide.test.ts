import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { newBench } from "./fixtures/running.ts";

const guide = readFileSync(join(import.meta.dirname, "../../../docs/guides/argo.md"), "utf8");
const examples = [...guide.matchAll(/^```yaml argo\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text);

it("the examples of the guide give what it says", async () => {
  const { run } = await newBench();
  const outcomes = await Promise.all(examples.map((text) => run(text)));
  expect(outcomes.map(({ phase, parameters }) => [phase, parameters])).toEqual([
    ["Succeeded", { squares: "[1,4,9]" }],
    ["Succeeded", { by: "nobody" }],
  ]);
});
