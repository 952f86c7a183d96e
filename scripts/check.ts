/**
 * Runs every check, then every test, and ends with a line `N passed, N failed`. What `npm test` and CI run.
 *
 *     node scripts/check.ts             everything
 *     node scripts/check.ts --static    all but the tests
 *
 * A check that fails does not stop the others, so one run shows all there is to put right. It counts as one
 * failure in the last line; only tests count as passed.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { root } from "./sources.ts";

/** Scripts of package.json, the slow ones first. */
const checks = ["lint", "types", "unused", "format:check", "boundaries", "budgets"] as const;
const atOnce = 2;
const results = "node_modules/.cache/tutti/tests.json";
/** Where `.ci/run` finds the closing line. */
const closing = "node_modules/.cache/tutti/closing";

interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** Runs a script of package.json to its end; `live` shows its output as it comes. */
function npmRun(script: string, live = false): Promise<Outcome> {
  return new Promise((done, failed) => {
    const child = spawn("npm", ["run", "--silent", script], {
      cwd: root,
      stdio: live ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.on("error", failed);
    child.on("close", (code) => done({ code: code ?? 1, output }));
  });
}

/** What is unused shows only from the program's start, so that check waits until there is one. */
function isDue(check: string): boolean {
  if (check !== "unused" || existsSync(resolve(root, "src/app/main.ts"))) return true;
  console.log("skipped unused  there is no src/app/main.ts yet");
  return false;
}

/** Runs the static checks and prints the output of those that fail. Returns their names. */
async function runChecks(): Promise<string[]> {
  const failed: string[] = [];
  const waiting: string[] = checks.filter(isDue);
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const began = performance.now();
      const { code, output } = await npmRun(name);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      console.log(`${code === 0 ? "ok    " : "FAILED"}  ${name}  ${seconds} s`);
      if (code === 0) continue;
      failed.push(name);
      console.log(output.trimEnd().replace(/^/gm, "    "));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return failed;
}

/** The part of Vitest's JSON report that is counted. */
export interface TestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

/**
 * The closing line. A test file that could not be loaded has no tests to count, so it counts as one failure;
 * so does each failed check, and a run of the tests that left no report.
 */
export function closingLine(report: TestReport | undefined, failedChecks: number): string {
  const broken = report?.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  );
  const failed = report === undefined ? 1 : report.numFailedTests + (broken?.length ?? 0);
  return `${report?.numPassedTests ?? 0} passed, ${failed + failedChecks} failed`;
}

function readReport(): TestReport | undefined {
  try {
    return JSON.parse(readFileSync(resolve(root, results), "utf8")) as TestReport;
  } catch {
    return undefined;
  }
}

async function main(): Promise<void> {
  const failed = await runChecks();
  if (failed.length > 0) {
    process.exitCode = 1;
    console.log(`failed checks: ${failed.join(", ")} (each alone: npm run <name>)`);
  }
  if (process.argv.includes("--static")) return;
  rmSync(resolve(root, results), { force: true });
  const tests = await npmRun("test:unit", true);
  if (tests.code !== 0) process.exitCode = 1;
  const line = closingLine(readReport(), failed.length);
  mkdirSync(dirname(resolve(root, closing)), { recursive: true });
  writeFileSync(resolve(root, closing), `${line}\n`);
  console.log(line);
}

if (import.meta.main) await main();
