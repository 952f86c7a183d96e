/**
 * Validates a definition and finds all problems at once: fields and their values by fields.ts, expressions, transitions.
 *
 *     text -> JSON -> machine -> its states -> their rules, handlers, branches (machines again)
 */
import { LineCounter, type Node, parseDocument } from "yaml";
import type { Diagnostic } from "../../../diagnostics/diagnostic.ts";
import type { Json, JsonObject } from "../../../model/resource.ts";
import { isObject } from "../json-path.ts";
import { Machine } from "./machine.ts";
import { type Problem, Problems, pointerOf } from "./problems.ts";
import type { MachineType } from "./resources.ts";

const CODE = "InvalidStateMachine";

/** Every problem of a definition: none, and it can be run. The path of each is a JSON pointer. */
export function validateText(
  text: string,
  file = "definition",
  type: MachineType = "STANDARD",
): Diagnostic[] {
  const lines = new LineCounter();
  // YAML's parser knows where everything stands, and reads JSON.
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [wrong] = document.errors;
  if (wrong !== undefined) {
    const { line, col } = lines.linePos(wrong.pos[0]);
    const source = { file, line, column: col };
    return [
      { severity: "error", code: CODE, source, message: `The definition cannot be read: ${wrong.message}` },
    ];
  }
  return problemsOf(document.toJS() as Json, type).map((problem) => {
    const node = document.getIn(problem.place, true) as Node | undefined;
    const at = node?.range?.[0];
    return diagnosticOf(problem, at === undefined ? { file } : { file, line: lines.linePos(at).line });
  });
}

/** The same for a definition that has been read. */
export function validateDefinition(definition: Json, type: MachineType = "STANDARD"): Diagnostic[] {
  return problemsOf(definition, type).map((problem) => diagnosticOf(problem, undefined));
}

function diagnosticOf(problem: Problem, source: Diagnostic["source"]): Diagnostic {
  return {
    severity: problem.warning ? "warning" : "error",
    code: CODE,
    path: pointerOf(problem.place),
    message: problem.message,
    ...(source === undefined ? {} : { source }),
  };
}

function problemsOf(definition: Json, type: MachineType): readonly Problem[] {
  const problems = new Problems();
  if (!isObject(definition)) {
    problems.add([], "A definition is an object with the fields StartAt and States.");
    return problems.list;
  }
  const language = definition["QueryLanguage"] === "JSONata" ? "JSONata" : "JSONPath";
  new Machine(problems, type, language).check([], definition as JsonObject);
  return problems.list;
}
