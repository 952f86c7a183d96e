/**
 * Validates a definition and finds all problems at once: fields and their values by fields.ts, expressions, transitions.
 *
 *     text -> JSON -> machine -> its states -> their rules, handlers, branches (machines again)
 */
import { LineCounter, type Node, parseDocument } from "yaml";
import type { Diagnostic, SourcePosition } from "../../../diagnostics/diagnostic.ts";
import type { Json, JsonObject } from "../../../model/resource.ts";
import { isObject } from "../json-path.ts";
import { Machine } from "./machine.ts";
import { type Problem, Problems, pointerOf } from "./problems.ts";
import type { MachineType } from "./resources.ts";

const CODE = "InvalidStateMachine";
/** The service's quota. */
const MAX_BYTES = 1_048_576;

/** Every problem of a definition: none, and it can be run. The path of each is a JSON pointer. */
export function validateText(
  text: string,
  file = "definition",
  type: MachineType = "STANDARD",
): Diagnostic[] {
  if (Buffer.byteLength(text) > MAX_BYTES) {
    return [unreadable({ file }, `it is longer than ${MAX_BYTES} bytes`)];
  }
  const lines = new LineCounter();
  // YAML's parser knows where everything stands, and reads JSON.
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const [wrong] = document.errors;
  if (wrong !== undefined) {
    const { line, col } = lines.linePos(wrong.pos[0]);
    return [unreadable({ file, line, column: col }, wrong.message)];
  }
  let definition: Json;
  try {
    // An alias may stand for what holds it, or for more than fits in memory.
    definition = document.toJS({ maxAliasCount: 0 }) as Json;
  } catch (error) {
    return [unreadable({ file }, (error as Error).message)];
  }
  return problemsOf(definition, type).map((problem) => {
    const node = document.getIn(problem.place, true) as Node | undefined;
    const at = node?.range?.[0];
    return diagnosticOf(problem, at === undefined ? { file } : { file, line: lines.linePos(at).line });
  });
}

function unreadable(source: SourcePosition, why: string): Diagnostic {
  return { severity: "error", code: CODE, source, message: `The definition cannot be read: ${why}.` };
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
