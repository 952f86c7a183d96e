/** Ours, as a program would hold it: the engine on its file journal, handlers in the process. */
import { join } from "node:path";
import { systemClock } from "../../src/clock/clock.ts";
import { type Definition, defineWorkflow } from "../../src/workflow/definition/definition.ts";
import { openEngine } from "../../src/workflow/engine/engine.ts";
import { functionsHere } from "../../src/workflow/engine/functions.ts";
import { openFileJournal } from "../../src/workflow/journal/file.ts";
import type { Open } from "./peer.ts";

const step = { type: "function", handler: "step" };

function chain(length: number): Definition {
  const steps = Array.from({ length }, (_, index) => [
    `s${index}`,
    { ...step, ...(index + 1 < length ? { next: `s${index + 1}` } : {}) },
  ]);
  return defineWorkflow({ name: "chain", start: "s0", steps: Object.fromEntries(steps) as object });
}

const fan = defineWorkflow({
  name: "fan",
  steps: { each: { type: "map", items: "${param.items}", body: { steps: { one: step } } } },
});

export const open: Open = async ({ folder, step: work }) => {
  const journal = openFileJournal(join(folder, "journal"));
  const engine = await openEngine({
    journal,
    clock: systemClock,
    steps: { function: functionsHere({ step: work }) },
    definitions: [],
  });
  const chains = new Map<number, Definition>();
  const run = async (definition: Definition, id: string, input: object): Promise<void> => {
    await engine.start({ definition, id, input });
    const verdict = await engine.result(id);
    if (verdict.is !== "succeeded") throw new Error(JSON.stringify(verdict));
  };
  return {
    servers: [],
    chain: (id, steps) => {
      const definition = chains.get(steps) ?? chain(steps);
      chains.set(steps, definition);
      return run(definition, id, {});
    },
    fanOut: (id, width) => run(fan, id, { items: Array.from({ length: width }, (_, index) => index) }),
    close: () => journal.close(),
  };
};
