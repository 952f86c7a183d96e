/** Definitions for a validator, in `lint.jsonl`: of one with problems all expected fragments are found, of a good one none. */
import { z } from "zod";
import { validateText } from "../../src/dialects/states-language/validation/validate.ts";
import type { Suite } from "../conformance.ts";
import { fileIn, readLines } from "./corpus/read.ts";

const shape = z.looseObject({
  id: z.string(),
  definition_text: z.string(),
  expected_problems: z.number(),
  messages: z.array(z.array(z.string()).min(1)).default([]),
});

export async function* run(path: string): AsyncIterable<Suite> {
  const cases = readLines(fileIn(path, "lint.jsonl"), shape);
  const problems = cases.flatMap((one) => {
    const found = validateText(one.definition_text).filter(({ severity }) => severity === "error");
    const messages = found.map(({ path, message }) => `${path}: ${message}`);
    const missing = one.messages.filter(
      ([fragment = ""]) => !messages.some((message) => message.includes(fragment)),
    );
    const isRight = found.length === one.expected_problems && missing.length === 0;
    return isRight
      ? []
      : [`${one.id}: ${one.expected_problems} problems expected, found: ${messages.join(" | ")}`];
  });
  yield { suite: "lint.jsonl", passed: cases.length - problems.length, failed: problems.length, problems };
}
