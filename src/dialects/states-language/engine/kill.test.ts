/** A real process with a journal in files is killed with SIGKILL after each append in turn; the next one goes on. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { RunEvent } from "../../../workflow/run/events.ts";
import { openFileJournal } from "../../../workflow/journal/file.ts";

const MORTAL = join(import.meta.dirname, "fixtures", "mortal.ts");

function live(folder: string, appends?: number): { readonly signal: string | null; readonly output: string } {
  const given = appends === undefined ? [] : [String(appends)];
  const { signal, stdout, stderr, status } = spawnSync(process.execPath, [MORTAL, folder, ...given], {
    encoding: "utf8",
  });
  if (signal === null) expect(status, stderr).toBe(0);
  return { signal, output: stdout.trim() };
}

test("a machine ends alike when every process that runs it is killed after a record or two", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tutti-asl-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  let deaths = 0;
  let lived = live(folder, 1);
  for (; lived.signal === "SIGKILL"; lived = live(folder, 1 + (deaths % 2))) deaths++;
  expect(deaths).toBeGreaterThan(2);
  const cause = JSON.stringify({ errorMessage: "It is broken.", errorType: "Broken" });
  expect(JSON.parse(lived.output)).toEqual({ is: "succeeded", output: { Error: "Broken", Cause: cause } });

  const journal = openFileJournal(folder);
  const settled: string[] = [];
  const isResult = (event: RunEvent): boolean =>
    event.type === "StepSucceeded" || (event.type === "StepFailed" && event.retryAt === undefined);
  for await (const event of journal.read("default/run"))
    if (isResult(event) && "step" in event) settled.push(event.step);
  await journal.close();
  expect(settled.toSorted()).toEqual([
    "Each[0].Double#3",
    "Each[1].Double#4",
    "Each[2].Double#5",
    "Fragile#7",
    "Pause#6",
  ]);
}, 120_000);
