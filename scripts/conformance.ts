/**
 * Runs the cases of a folder through one of our implementations: `npm run -s conformance -- <name> <folder>`. A line a suite, at the end
 * "N passed, N failed"; exit code 1 when any failed. Each name is a file in scripts/conformance/.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** What came of one file or folder of cases. */
export interface Suite {
  readonly suite: string;
  readonly passed: number;
  readonly failed: number;
  /** Of those that failed, a sentence each. */
  readonly problems: readonly string[];
}

/** What each file in scripts/conformance/ exports. */
export interface Conformance {
  readonly run: (folder: string) => AsyncIterable<Suite>;
}

const implementations = join(import.meta.dirname, "conformance");
const PROBLEMS_SHOWN = 20;

async function main([name, folder]: readonly string[]): Promise<number> {
  const names = readdirSync(implementations)
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => file.slice(0, -".ts".length));
  if (name === undefined || folder === undefined || !names.includes(name)) {
    console.error(`Usage: npm run -s conformance -- <name> <folder>\nNames: ${names.join(", ")}`);
    return 2;
  }
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    console.error(`There is no folder '${folder}'.`);
    return 2;
  }
  const { run } = (await import(join(implementations, `${name}.ts`))) as Conformance;
  let passed = 0;
  let failed = 0;
  for await (const suite of run(folder)) {
    passed += suite.passed;
    failed += suite.failed;
    console.log(`${suite.suite}: ${suite.passed} passed, ${suite.failed} failed`);
    for (const problem of suite.problems.slice(0, PROBLEMS_SHOWN)) console.error(`  ${problem}`);
    const more = suite.problems.length - PROBLEMS_SHOWN;
    if (more > 0) console.error(`  and ${more} more`);
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
