/** The JSONPath compliance test suite, `jsonpath-cts.json` (RFC 9535). */
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { compileJsonPath, queryJsonPath } from "../../src/dialects/states-language/json-path.ts";
import type { Json } from "../../src/model/resource.ts";
import type { Suite } from "../conformance.ts";
import { fileIn, readJson } from "./corpus/read.ts";

interface Case {
  readonly name: string;
  readonly selector: string;
  readonly document?: Json;
  readonly result?: readonly Json[];
  readonly results?: readonly (readonly Json[])[];
  readonly invalid_selector?: boolean;
}

const one = z
  .looseObject({
    name: z.string(),
    selector: z.string(),
    result: z.array(z.unknown()).optional(),
    results: z.array(z.array(z.unknown())).optional(),
    invalid_selector: z.boolean().optional(),
  })
  .transform((given) => given as unknown as Case);
const shape = z.looseObject({ tests: z.array(one).min(1) });

export async function* run(path: string): AsyncIterable<Suite> {
  const { tests } = readJson(fileIn(path, "jsonpath-cts.json"), shape);
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
