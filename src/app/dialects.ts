/** The files of others that are understood: for each dialect, what checks a file of it and what runs one. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { recorded } from "../dialects/states-language/engine/recorded.ts";
import { newExecution, step } from "../dialects/states-language/interpreter.ts";
import { parseItems } from "../dialects/states-language/item-reader.ts";
import { testState } from "../dialects/states-language/test-state.ts";
import { validateText } from "../dialects/states-language/validation/validate.ts";
import { variableReferences } from "../dialects/states-language/variable-references.ts";

interface Dialect {
  /** Every problem of a file's text. */
  readonly validate: (text: string, file: string) => Diagnostic[];
}

export const statesLanguage = { recorded, newExecution, step, parseItems, testState, variableReferences };

export const dialects: Readonly<Record<string, Dialect>> = {
  "states-language": { validate: (text, file) => validateText(text, file) },
};
