/** The JSONPath compliance test suite, `jsonpath-cts.json` (RFC 9535). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { compileJsonPath, queryJsonPath } from "../../src/dialects/states-language/json-path.ts";
import type { Json } from "../../src/model/resource.ts";
import type { Suite } from "../conformance.ts";

interface Case {
  readonly name: string;
  readonly selector: string;
  readonly document?: Json;
  readonly result?: readonly Json[];
  readonly results?: readonly (readonly Json[])[];
  readonly invalid_selector?: boolean;
}

export async function* run(folder: string): AsyncIterable<Suite> {
  const { tests } = JSON.parse(readFileSync(join(folder, "jsonpath-cts.json"), "utf8")) as {
    readonly tests: readonly Case[];
  };
  for (const [suite, cases] of Map.groupBy(tests, ({ name }) => name.split(",")[0] ?? name)) {
    const problems = cases.filter((one) => !isRight(one)).map(({ name, selector }) => `${name}: ${selector}`);
    yield { suite, passed: cases.length - problems.length, failed: problems.length, problems };
  }
}

function isRight(one: Case): boolean {
  if (one.invalid_selector === true) {
    try {
      compileJsonPath(one.selector);
      return false;
    } catch {
      return true;
    }
  }
  const found = queryJsonPath(one.selector, one.document ?? null);
  return (one.results ?? [one.result ?? []]).some((result) => isDeepStrictEqual(found, result));
}
