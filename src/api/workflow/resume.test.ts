/** A halted run is told to go on, over real HTTP, on a real engine. */
import { expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { runDraft } from "../../controller/runs.ts";
import { defineWorkflow } from "../../workflow/definition/definition.ts";
import { openEngine } from "../../workflow/engine/engine.ts";
import { functionsHere } from "../../workflow/engine/functions.ts";
import { MemoryBlobs } from "../../workflow/journal/memory-blobs.ts";
import { MemoryJournal } from "../../workflow/journal/memory.ts";
import { serving } from "../fixtures/serving.ts";

it("a halted run that is resumed says what still keeps it, and goes on when that is there", async () => {
  const journal = new MemoryJournal();
  const clock = new ManualClock();
  const steps = { function: functionsHere({ large: () => "x".repeat(50_000) }) };
  const definition = defineWorkflow({
    name: "w",
    start: "a",
    steps: { a: { type: "function", handler: "large", next: "b" }, b: { type: "wait", duration: "1h" } },
  });
  const first = await openEngine({ journal, clock: new ManualClock(), steps });
  await first.start({ definition, id: "default/r" });
  await new Promise((resolve) => setImmediate(resolve));
  // Its definition and its large result are not there.
  const blobs = new MemoryBlobs();
  const engine = await openEngine({ journal, blobs, clock, steps });
  await using api = await serving({
    clock,
    workflows: {
      engine: () => Promise.resolve(engine),
      definition: () => Promise.resolve(undefined),
      retry: (id) => engine.retry(id),
      problemsOf: () => [],
      async *log() {},
    },
  });
  const resource = runDraft("r", "default", { workflow: "w", parameters: {} });
  await api.store.commit([{ type: "create", resource }], { actor: "user:test", action: "test" });
  const resume = (): ReturnType<typeof api.request> =>
    api.request("POST", "/apis/tutti.dev/v1/namespaces/default/runs/r/resume");
  const refused = await resume();
  expect(refused.code).toBe(409);
  expect(refused.body).toMatchObject({
    reason: "Refused",
    message: expect.stringContaining("still halted") as string,
    details: { diagnostics: [{ code: "BlobMissing" }] },
  });
  await blobs.put("definitions", JSON.stringify(definition.workflow));
  await blobs.put("default/r", JSON.stringify("x".repeat(50_000)));
  expect((await resume()).code).toBe(200);
  expect(engine.halted()).toEqual([]);
  expect(engine.runs()).toEqual([{ id: "default/r", is: "live" }]);
});
