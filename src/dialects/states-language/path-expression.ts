/**
 * Expressions of JSONPath mode: a path or an intrinsic function, alone (`InputPath`, `ErrorPath`) or in the fields of a payload template
 * whose names end in `.$`.
 */
import type { Json, JsonObject } from "../../model/resource.ts";
import type { Chance } from "./chance.ts";
import { type Call, isIntrinsic, parseIntrinsic } from "./intrinsic.ts";
import { format, intrinsicFunctions } from "./intrinsic-functions.ts";
import { type PathRoots, isObject, readPath } from "./json-path.ts";
import { runtimeError } from "./states-error.ts";

/** What an expression can see, and the randomness of States.UUID and States.MathRandom. */
export interface PathScope extends PathRoots {
  readonly chance: Chance;
}

/** The value of a path or call. Throws States.Runtime where a path finds nothing; `field` is for the message. */
export function evaluatePath(expression: string, scope: PathScope, field: string): Json {
  if (isIntrinsic(expression)) return evaluateCall(parse(expression, field), scope, field);
  let value: Json | undefined;
  try {
    value = readPath(expression, scope);
  } catch (error) {
    throw runtimeError(
      `'${expression}' of the field '${field}' cannot be evaluated: ${(error as Error).message}`,
    );
  }
  if (value === undefined) {
    throw runtimeError(
      `The JSONPath '${expression}' specified for the field '${field}' could not be found in the input.`,
    );
  }
  return value;
}

function parse(expression: string, field: string): Call {
  try {
    return parseIntrinsic(expression);
  } catch (error) {
    throw runtimeError(`The field '${field}' cannot be evaluated: ${(error as Error).message}`);
  }
}

function evaluateCall(call: Call, scope: PathScope, field: string): Json {
  const called = intrinsicFunctions[call.name];
  if (called === undefined) throw runtimeError(`There is no intrinsic function '${call.name}'.`);
  const [first] = call.arguments;
  const isTemplate = call.name === "States.Format" && first?.kind === "string";
  const given = isTemplate ? call.arguments.slice(1) : call.arguments;
  const values = given.map((one): Json => {
    if (one.kind === "call") return evaluateCall(one.call, scope, field);
    if (one.kind === "path") return evaluatePath(one.path, scope, field);
    return one.kind === "literal" ? one.value : one.raw.replaceAll(/\\([^])/g, "$1");
  });
  return isTemplate ? format(first.raw, values) : called.call(values, scope.chance);
}

/** A payload template with its fields that end in `.$` evaluated. */
export function evaluatePayload(template: Json, scope: PathScope): Json {
  if (Array.isArray(template)) {
    return (template as readonly Json[]).map((element) => evaluatePayload(element, scope));
  }
  if (!isObject(template)) return template;
  const result: JsonObject = Object.fromEntries(
    Object.entries(template).map(([name, value]) =>
      name.endsWith(".$")
        ? [name.slice(0, -2), evaluatePath(String(value), scope, name)]
        : [name, evaluatePayload(value, scope)],
    ),
  );
  return result;
}
