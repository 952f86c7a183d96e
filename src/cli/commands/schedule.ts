/** Schedules: when they run next, and runs beside what they say. */
import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { Command } from "commander";
import type { Resource } from "../../model/resource.ts";
import type { ScheduledTime } from "../../client/workflows.ts";
import { changeSpec } from "../change-spec.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode, misuse } from "../exit.ts";
import { emit } from "../output.ts";
import { fetched, kindOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { counted } from "../views/style.ts";
import { scheduledView } from "../views/scheduled.ts";
import { begun } from "./run.ts";

const EXAMPLES = `
Examples:
  $ tutti schedule next nightly --count 5
  $ tutti schedule next ./nightly.yaml              # before it is applied
  $ tutti schedule next ./tutti.ts#nightly          # one of several in it
  $ tutti schedule trigger nightly --watch
  $ tutti schedule backfill nightly --from 2026-03-01 --to 2026-03-07
  $ tutti schedule suspend nightly`;

export const verb: Verb = {
  define(command, act) {
    command.addHelpText("after", EXAMPLES);
    const add = (name: string, summary: string, argument = "<schedule>"): Command =>
      command
        .command(name)
        .summary(summary)
        .description(`${summary}.`)
        .argument(argument, "name of the schedule");
    add("next", "Show the next times, with what is left out and why", "<schedule>")
      .option("--count <number>", "how many", "10")
      .action((word: string, options: { readonly count: string }) =>
        act((context) => next(context, word, options.count)),
      );
    add("trigger", "Start a run now, beside the schedule's own")
      .option("-w, --watch", "show its graph and logs until it has ended")
      .option("--wait", "wait until it has ended")
      .action((word: string, options: { readonly watch?: boolean; readonly wait?: boolean }) =>
        act((context) => trigger(context, word, options)),
      );
    add("backfill", "Run every time of a range, by the schedule's own concurrency")
      .requiredOption("--from <time>", "the first: RFC 3339, or a date")
      .requiredOption("--to <time>", "the last: RFC 3339, or a date, which is with all of that day")
      .action((word: string, options: { readonly from: string; readonly to: string }) =>
        act((context) => backfill(context, word, options)),
      );
    add("suspend", "Start nothing until it is resumed").action((word: string) =>
      act((context) => suspend(context, word, true)),
    );
    add("resume", "Start runs again; times meanwhile are not made up").action((word: string) =>
      act((context) => suspend(context, word, false)),
    );
  },
};

const name = (word: string): string => word.replace(/^(schedules?|sched)\//, "");

async function next(context: CommandContext, word: string, text: string): Promise<void> {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 1000)
    misuse(`'${text.slice(0, 40)}' is no number of times.`, "Write a number from 1 to 1000.");
  const [path = "", wanted] = word.split("#");
  const file = resolve(context.environment.cwd, path);
  const isFile = /\.(ya?ml|json|m?[tj]s)$|^\.{0,2}\//.test(path) && existsSync(file);
  const times = isFile
    ? await nextInFile(context, { file, wanted }, count)
    : await nextOf(context, word, count);
  if (times.length === 0 && !context.isStructured) return context.say("It has no time any more.");
  await emit(context, times, () => scheduledView(times, context.environment.clock.now()));
}

async function nextOf(
  context: CommandContext,
  word: string,
  count: number,
): Promise<readonly ScheduledTime[]> {
  await fetched(context, { kind: kindOf("schedule"), name: name(word) });
  const { namespace, signal } = context;
  return (await context.client()).workflows.next(name(word), { count, namespace, signal });
}

/** Without a control plane, by the very code that runs there. */
async function nextInFile(
  context: CommandContext,
  { file, wanted }: { readonly file: string; readonly wanted: string | undefined },
  count: number,
): Promise<readonly ScheduledTime[]> {
  const { load } = await import("../../sdk/load.ts");
  const { DiagnosticError, hasErrors } = await import("../../diagnostics/diagnostic.ts");
  const { located } = await import("../../sdk/load/sources.ts");
  const { checkDeclaredSchedule, compileDeclared } = await import("../../workflow/schedule/declared.ts");
  const { upcoming } = await import("../../workflow/schedule/upcoming.ts");
  const { effectiveSpec } = await import("../effective-spec.ts");
  const { env, files = [] } = context.environment;
  const { resources, sources, diagnostics } = await load(file, { env, dialects: files });
  if (hasErrors(diagnostics)) throw new DiagnosticError(diagnostics);
  const schedules = resources.filter(({ kind }) => kind === "Schedule");
  const one = chosen(schedules, file, wanted);
  const spec = effectiveSpec(one);
  const problems = checkDeclaredSchedule(one.metadata.name, spec).map((problem) => ({
    ...problem,
    address: `schedule/${one.metadata.name}`,
  }));
  if (problems.length > 0) throw new DiagnosticError(located(problems, sources));
  const schedule = compileDeclared(one.metadata.name, spec);
  if (schedule === undefined) return [];
  return upcoming(schedule, context.environment.clock.now(), count).map(({ time, start, ...rest }) => ({
    ...rest,
    time: new Date(time).toISOString(),
    start: new Date(start).toISOString(),
  }));
}

function chosen<Named extends { readonly metadata: { readonly name: string } }>(
  schedules: readonly Named[],
  file: string,
  wanted: string | undefined,
): Named {
  const names = schedules.map(({ metadata }) => metadata.name);
  const [first = ""] = names;
  if (names.length === 0) return misuse("The file declares no schedule.", "Name one that does.");
  const one = schedules.find(({ metadata }) => metadata.name === (wanted ?? first));
  const choice = `Say which of them: tutti schedule next ${basename(file)}#${first} (${names.join(", ")}).`;
  if (one === undefined)
    return misuse(`The file declares no schedule '${(wanted ?? "").slice(0, 80)}'.`, choice);
  return wanted === undefined && names.length > 1
    ? misuse(`The file declares ${names.length} schedules.`, choice)
    : one;
}

async function trigger(
  context: CommandContext,
  word: string,
  options: { readonly watch?: boolean; readonly wait?: boolean },
): Promise<ExitCode> {
  await fetched(context, { kind: kindOf("schedule"), name: name(word) });
  const client = await context.client();
  const { namespace, signal } = context;
  return begun(context, client, await client.workflows.trigger(name(word), { namespace, signal }), options);
}

async function backfill(
  context: CommandContext,
  word: string,
  range: { readonly from: string; readonly to: string },
): Promise<void> {
  await fetched(context, { kind: kindOf("schedule"), name: name(word) });
  const from = instantOf(range.from, "T00:00:00Z");
  const to = instantOf(range.to, "T23:59:59.999Z");
  const { namespace, signal } = context;
  const runs = await (
    await context.client()
  ).workflows.backfill(name(word), { from, to }, { namespace, signal });
  const fresh = runs.filter(({ isNew }) => isNew);
  context.say(
    runs.length === 0
      ? `The schedule has no time from ${from} to ${to}.`
      : `${counted(fresh.length, "run")} to be made, ${runs.length - fresh.length} there already. See: tutti runs --running`,
  );
  await emit(context, runs, () =>
    fresh.map((run) => (context.output === "name" ? `run/${run.name}` : run.name)).join("\n"),
  );
}

function instantOf(text: string, rest: string): string {
  const whole = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}${rest}` : text;
  const instant = Date.parse(whole);
  if (Number.isNaN(instant))
    misuse(`'${text.slice(0, 40)}' is no time.`, "Write 2026-03-01, or 2026-03-01T03:00:00+01:00.");
  return new Date(instant).toISOString();
}

async function suspend(context: CommandContext, word: string, isSuspended: boolean): Promise<ExitCode> {
  const target = { kind: kindOf("schedule"), name: name(word) };
  const verbWord = isSuspended ? "suspend" : "resume";
  await changeSpec(context, target, ({ spec }: Resource) => ({
    spec: { ...(spec as object), suspend: isSuspended },
    because: `${verbWord} the schedule`,
  }));
  context.say(
    isSuspended
      ? `schedule/${target.name} starts nothing, until: tutti schedule resume ${target.name}`
      : `schedule/${target.name} starts runs again.`,
  );
  await emit(context, { schedule: target.name, suspended: isSuspended }, () => "");
  return EXIT.ok;
}
