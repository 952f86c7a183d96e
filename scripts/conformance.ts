/**
 * Runs the cases of a file or folder through one of our implementations: `npm run -s conformance -- <name> <file or folder>`. A line a
 * suite, at the end "N passed, N failed"; exit code 1 when any failed, 2 when what is given is no corpus of that name. Each name is a
 * file in scripts/conformance/.
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
  readonly run: (path: string) => AsyncIterable<Suite>;
}

const implementations = join(import.meta.dirname, "conformance");
const PROBLEMS_SHOWN = 20;

async function main([name, path]: readonly string[]): Promise<number> {
  const names = readdirSync(implementations)
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => file.slice(0, -".ts".length));
  if (name === undefined || path === undefined || !names.includes(name)) {
    console.error(`Usage: npm run -s conformance -- <name> <file or folder>\nNames: ${names.join(", ")}`);
    return 2;
  }
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    console.error(`There is no file or folder '${path}'.`);
    return 2;
  }
  const { run } = (await import(join(implementations, `${name}.ts`))) as Conformance;
  let passed = 0;
  let failed = 0;
  for await (const suite of run(path)) {
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

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
