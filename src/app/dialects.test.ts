import { expect, it } from "vitest";
import { hasErrors } from "../diagnostics/diagnostic.ts";
import { dialects, statesLanguage } from "./dialects.ts";

it("each dialect refuses a file that is none of its own, and says where", () => {
  for (const dialect of Object.values(dialects)) {
    const found = dialect.validate("{ not a definition", "other.json");
    expect(hasErrors(found)).toBe(true);
    expect(found[0]?.source?.file).toBe("other.json");
  }
});

it("the States Language runs what it validates", async () => {
  const machine = { StartAt: "Only", States: { Only: { Type: "Succeed" as const } } };
  expect(dialects["states-language"]?.validate(JSON.stringify(machine), "machine.json")).toEqual([]);
  const identity = { id: "e", name: "e", roleArn: "r", machineId: "m", machineName: "m", startedAt: 0 };
  const execution = statesLanguage.newExecution({ a: 1 }, identity, 1);
  await statesLanguage.step(machine, execution, { type: "started", at: 0 });
  expect(execution).toMatchObject({ status: "SUCCEEDED", output: { a: 1 } });
});
