/** What a workflow's schema says of parameters that are absent. */
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { defineWorkflow } from "../definition/definition.ts";
import { MemoryJournal } from "../journal/memory.ts";
import { openEngine } from "./engine.ts";

const parameters = {
  type: "object",
  required: ["region"],
  properties: {
    region: { type: "string", default: "eu" },
    database: { type: "object", default: {}, properties: { port: { type: "integer", default: 5432 } } },
  },
  additionalProperties: false,
};
const steps = {
  a: { type: "pass", when: "param.database.port > 1000", output: "${param.region}:${param.database.port}" },
};
const definition = defineWorkflow({ name: "w", parameters, steps });

describe("defaults of parameters", () => {
  it("are what a run begins with, on record, and what its steps read", async () => {
    const engine = await openEngine({ journal: new MemoryJournal(), clock: new ManualClock(), steps: {} });
    await engine.start({ definition, id: "n/r", input: {} });
    expect(await engine.result("n/r")).toEqual({ is: "succeeded", output: { a: "eu:5432" } });
    const { value } = await engine.events("n/r")[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({
      event: { type: "RunCreated", input: { region: "eu", database: { port: 5432 } } },
    });
  });

  it("of the newer definition stand in a fork for what the older one did not know", async () => {
    const engine = await openEngine({ journal: new MemoryJournal(), clock: new ManualClock(), steps: {} });
    const older = defineWorkflow({ name: "w", steps: { a: { type: "pass", output: 1 } } });
    await engine.start({ definition: older, id: "n/r", input: { region: "us" } });
    await engine.result("n/r");
    await engine.fork({ source: "n/r", id: "n/f", definition, from: "" });
    expect(await engine.result("n/f")).toEqual({ is: "succeeded", output: { a: "us:5432" } });
    expect((await engine.state("n/r")).input).toEqual({ region: "us" });
  });
});
