/** What one does with workflows before they run for real: test them. */
import { dirname, relative, resolve } from "node:path";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import type { CaseResult } from "../../workflow/testing/check-case.ts";
import type { TestCase } from "../../workflow/testing/case.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { emit } from "../output.ts";
import type { Verb } from "../verb.ts";
import { caseView, isPassed, totalsView } from "../views/workflow-test.ts";

const EXAMPLE = `
Runs a workflow on the real engine in virtual time, with the results that the file gives for its steps; no control plane is
needed, and nothing outside is touched. Ends with 1 when a case failed.

  # order.test.yaml
  workflow: ./order.yaml
  cases:
    - name: A busy bank is asked again
      parameters: { id: 7 }
      steps:
        charge: { attempts: [{ error: Busy, after: 2s }, { result: paid }] }
      expect: { phase: succeeded, steps: { charge: { attempts: 2 } } }
      crash: every

Examples:
  $ tutti workflow test order.test.yaml
  $ tutti workflow test tests/*.yaml --only bank --trace
  $ tutti workflow test order.test.yaml -o json`;

interface TestOptions {
  readonly only?: string;
  readonly trace?: boolean;
}

export const verb: Verb = {
  define(command, act) {
    command.addHelpText(
      "after",
      "\nExamples:\n  $ tutti workflow test order.test.yaml\n  $ tutti workflow test --help",
    );
    command
      .command("test")
      .summary("Run the cases of test files in virtual time")
      .description("Runs the cases of test files in virtual time.")
      .argument("<files...>", "test files, in YAML or JSON")
      .option("--only <text>", "only cases whose name holds this")
      .option(
        "--trace",
        "with every step of every case: when it began, how often it was tried, what came of it",
      )
      .addHelpText("after", EXAMPLE)
      .action((files: readonly string[], options: TestOptions) =>
        act((context) => test(context, files, options)),
      );
  },
};

interface FileResult {
  readonly file: string;
  readonly cases: readonly CaseResult[];
}

async function test(
  context: CommandContext,
  files: readonly string[],
  { only = "", trace = false }: TestOptions,
): Promise<ExitCode> {
  const { cwd, clock } = context.environment;
  const began = clock.now();
  // Everything is read before anything runs: a mistake in the last file is no surprise after minutes.
  const read = await Promise.all(
    files.map(async (file) => ({ file, cases: await casesIn(resolve(cwd, file)) })),
  );
  const results: FileResult[] = [];
  for (const { file, cases } of read) {
    const wanted = cases.filter(({ name }) => name.includes(only));
    if (!context.isStructured && wanted.length > 0)
      context.print(context.style.bold(relative(cwd, resolve(cwd, file))));
    const done: CaseResult[] = [];
    for (const one of wanted) {
      const result = await ran(context, one, dirname(resolve(cwd, file)));
      done.push(result);
      if (!context.isStructured) context.print(caseView(result, { style: context.style, trace }));
    }
    results.push({ file, cases: done });
  }
  const all = results.flatMap(({ cases }) => cases);
  const failed = all.filter((result) => !isPassed(result)).length;
  await emit(context, { files: results.map(forPrograms), passed: all.length - failed, failed }, () =>
    totalsView({ passed: all.length - failed, failed, took: clock.now() - began, only }, context.style),
  );
  return failed > 0 || all.length === 0 ? EXIT.failed : EXIT.ok;
}

async function casesIn(file: string): Promise<readonly TestCase[]> {
  const { readYaml } = await import("../workflow-file.ts");
  const { readCases } = await import("../../workflow/testing/case.ts");
  const cases: TestCase[] = [];
  for (const { value, position } of await readYaml(file))
    try {
      cases.push(...readCases(value));
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      throw new DiagnosticError(
        error.diagnostics.map((one) => ({ ...one, source: position(one.path ?? "") })),
      );
    }
  return cases;
}

async function ran(context: CommandContext, one: TestCase, folder: string): Promise<CaseResult> {
  const { workflowIn } = await import("../workflow-file.ts");
  const { runCase } = await import("../../workflow/testing/check-case.ts");
  const dialects = (await context.environment.dialects?.()) ?? [];
  try {
    return await runCase(one, await workflowIn(one.workflow, folder, context.environment.env), dialects);
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return { name: one.name, mismatches: [], refusal: error };
  }
}

function forPrograms({ file, cases }: FileResult): object {
  return {
    file,
    cases: cases.map((result) => ({
      name: result.name,
      passed: isPassed(result),
      mismatches: result.mismatches,
      ...(result.refusal === undefined ? {} : { diagnostics: result.refusal.diagnostics }),
      ...(result.run === undefined ? {} : { run: { ...result.run, events: undefined } }),
    })),
  };
}
