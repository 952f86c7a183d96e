/** Definitions for a validator, in `lint.jsonl`: of one with problems all expected fragments are found, of a good one none. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { validateText } from "../../src/dialects/states-language/validation/validate.ts";
import type { Suite } from "../conformance.ts";

interface Case {
  readonly id: string;
  readonly definition_text: string;
  readonly expected_problems: number;
  readonly messages: readonly (readonly [string, string])[];
}

export async function* run(folder: string): AsyncIterable<Suite> {
  const lines = readFileSync(join(folder, "lint.jsonl"), "utf8").split("\n");
  const cases = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Case);
  const problems = cases.flatMap((one) => {
    const found = validateText(one.definition_text).filter(({ severity }) => severity === "error");
    const messages = found.map(({ path, message }) => `${path}: ${message}`);
    const missing = one.messages.filter(
      ([fragment]) => !messages.some((message) => message.includes(fragment)),
    );
    const isRight = found.length === one.expected_problems && missing.length === 0;
    return isRight
      ? []
      : [`${one.id}: ${one.expected_problems} problems expected, found: ${messages.join(" | ")}`];
  });
  yield { suite: "lint.jsonl", passed: cases.length - problems.length, failed: problems.length, problems };
}
