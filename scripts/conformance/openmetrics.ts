/**
 * OpenMetrics' own parser cases (github.com/prometheus/OpenMetrics, tests/testdata/parsers): folders with an exposition
 * (`metrics`, or what `file` says) and `test.json`, which says whether it is one.
 */
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { z } from "zod";
import { DiagnosticError } from "../../src/diagnostics/diagnostic.ts";
import { defaultLimits } from "../../src/metrics/exposition/limits.ts";
import { ExpositionMemory } from "../../src/metrics/exposition/memory.ts";
import { TextParser } from "../../src/metrics/exposition/text-parser.ts";
import type { Suite } from "../conformance.ts";
import { NotACorpus, isFolder, readJson } from "./corpus/read.ts";

const shape = z.looseObject({ file: z.string().default("metrics"), shouldParse: z.boolean() });

/** `path`: a folder of them, or one `test.json`. */
export async function* run(path: string): AsyncIterable<Suite> {
  const problems: string[] = [];
  let passed = 0;
  const files = isFolder(path)
    ? readdirSync(path, { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith("test.json"))
        .sort()
        .map((name) => join(path, name))
    : [path];
  if (files.length === 0) throw new NotACorpus(path, "there is no file 'test.json' in it.");
  for (const test of files) {
    const place = dirname(test);
    const { file, shouldParse } = readJson(test, shape);
    const refusal = parse(readFileSync(join(place, file)));
    const name = relative(path, place);
    if ((refusal === undefined) === shouldParse) passed++;
    else problems.push(refusal === undefined ? `${name} was taken.` : `${name}: ${refusal}`);
  }
  yield await Promise.resolve({ suite: "parsers", passed, failed: problems.length, problems });
}

/** Why it is refused, however it is cut into chunks; undefined when it is taken. */
function parse(exposition: Uint8Array): string | undefined {
  const whole = refusalOf([exposition]);
  const bytes = refusalOf(Array.from(exposition, (_, at) => exposition.subarray(at, at + 1)));
  return whole === bytes ? whole : `Whole: ${whole ?? "taken"}. Byte by byte: ${bytes ?? "taken"}.`;
}

function refusalOf(chunks: readonly Uint8Array[]): string | undefined {
  try {
    const parser = new TextParser("metrics", new ExpositionMemory("openmetrics"), defaultLimits, () => {});
    for (const chunk of chunks) parser.write(chunk);
    parser.end();
    return undefined;
  } catch (error) {
    if (error instanceof DiagnosticError) return error.message;
    throw error;
  }
}
