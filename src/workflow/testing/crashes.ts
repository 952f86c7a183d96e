/**
 * The engine is killed after each record of the journal in turn, and another goes on from there. Checked: the run ends alike,
 * its steps come to the same, nothing is recorded twice, no slot stays held.
 */
import { equal } from "../../model/equality.ts";
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import type { Definition } from "../definition/definition.ts";
import type { RunEvent } from "../run/events.ts";
import { type TracedStep, type Trace } from "./trace.ts";
import { RUN, Trial, type TrialOptions } from "./trial.ts";

/**
 * `records`: after which appends of the journal to kill, counted from 1; every one when absent. Gives how many crashes there
 * were. Rejects with a DiagnosticError of all that differs from `undisturbed`.
 */
export async function crash(
  definition: Definition,
  options: TrialOptions,
  undisturbed: Trace,
  records?: readonly number[],
): Promise<number> {
  const problems: Diagnostic[] = [];
  let crashes = 0;
  for (let appends = records?.[0] ?? 1; ; appends = records?.[crashes] ?? appends + 1) {
    const trial = new Trial(definition, options);
    if (!(await dies(trial, appends))) break;
    crashes++;
    await trial.open();
    await trial.goOn();
    const trace = await trial.trace();
    problems.push(...differences(undisturbed, trace, appends), ...slotsHeld(trial, trace, options, appends));
    if (problems.length >= MOST_PROBLEMS || (records !== undefined && crashes >= records.length)) break;
  }
  if (problems.length > 0) throw new DiagnosticError(problems);
  return crashes;
}

const MOST_PROBLEMS = 10;

/** False when the run ended before. */
async function dies(trial: Trial, appends: number): Promise<boolean> {
  let isDead = false;
  const death = trial.dies(appends).then(() => {
    isDead = true;
  });
  await Promise.race([trial.open(), death]);
  if (!isDead) await trial.goOn(Infinity, Promise.race([death, trial.engine.result(RUN)]));
  return isDead;
}

function differences(before: Trace, after: Trace, appends: number): readonly Diagnostic[] {
  const where = `after a crash at record ${appends}`;
  const problem = (code: string, path: string, message: string): Diagnostic => ({
    severity: "error",
    code,
    ...(path === "" ? {} : { path }),
    message,
    hint: "A function that the test gives must depend on its attempt alone: it is called again after a crash.",
  });
  const found: Diagnostic[] = [];
  if (!equal(endOf(before), endOf(after)))
    found.push(
      problem(
        "CrashChangesEnd",
        "",
        `The run ends otherwise ${where}: ${text(endOf(after))} instead of ${text(endOf(before))}.`,
      ),
    );
  for (const path of new Set([...Object.keys(before.steps), ...Object.keys(after.steps)])) {
    const [one, other] = [outcomeOf(before.steps[path]), outcomeOf(after.steps[path])];
    if (!equal(one, other))
      found.push(
        problem(
          "CrashChangesStep",
          path,
          `The step comes to ${text(other)} ${where}, to ${text(one)} without.`,
        ),
      );
  }
  for (const path of recordedTwice(after.events))
    found.push(problem("RecordedTwice", path, `The step's result is recorded twice ${where}.`));
  return found;
}

function slotsHeld(
  trial: Trial,
  { phase }: Trace,
  { pools = {} }: TrialOptions,
  appends: number,
): readonly Diagnostic[] {
  if (phase === "running") return [];
  return Object.keys(pools)
    .filter((pool) => trial.engine.held(pool) > 0)
    .map((pool) => ({
      severity: "error",
      code: "SlotLeaked",
      message: `A slot of the pool '${pool}' is held after the end of the run, after a crash at record ${appends}.`,
    }));
}

function endOf({ phase, output, failure }: Trace): object {
  return { phase, output, failure: failure === undefined ? undefined : { ...failure, message: undefined } };
}

function outcomeOf(step: TracedStep | undefined): object | undefined {
  return step === undefined ? undefined : { phase: step.phase, result: step.result };
}

function recordedTwice(events: readonly RunEvent[]): readonly string[] {
  const settled = new Set<string>();
  const twice: string[] = [];
  for (const event of events) {
    if (event.type !== "StepSucceeded" && (event.type !== "StepFailed" || event.retryAt !== undefined))
      continue;
    if (settled.has(event.step)) twice.push(event.step);
    settled.add(event.step);
  }
  return twice;
}

function text(value: unknown): string {
  const whole = JSON.stringify(value) ?? "nothing";
  return whole.length > 300 ? `${whole.slice(0, 300)}…` : whole;
}
