/** Checks the expressions of a definition: paths, intrinsic functions, JSONata. */
import type { Json } from "../../../model/resource.ts";
import type { QueryLanguage } from "../definition.ts";
import { functionsOf, isIntrinsic, parseIntrinsic } from "../intrinsic.ts";
import type { Call } from "../intrinsic.ts";
import { intrinsicFunctions } from "../intrinsic-functions.ts";
import { isObject, referenceSteps, wrongPath } from "../json-path.ts";
import { compileJsonata, isJsonata } from "../jsonata-expression.ts";
import { type Place, type Problems, short } from "./problems.ts";

/** Why a text is neither a path nor a call, or undefined. */
export function wrongExpression(text: Json): string | undefined {
  const stated = `${short(text)} is not a JSONPath or intrinsic function expression`;
  if (typeof text !== "string") return `${stated}.`;
  if (!isIntrinsic(text)) {
    const wrong = text.startsWith("$") ? wrongPath(text) : "it begins with neither '$' nor 'States.'";
    return wrong === undefined ? undefined : `${stated}: ${wrong}.`;
  }
  try {
    const call = parseIntrinsic(text);
    const unknown = functionsOf(call).find((name) => !(name in intrinsicFunctions));
    if (unknown !== undefined) return `${stated}: there is no function '${unknown}'.`;
    const wrong = wrongArity(call);
    return wrong === undefined ? undefined : `${stated}: ${wrong}`;
  } catch (error) {
    return `${stated}: ${(error as Error).message}`;
  }
}

function wrongArity(call: Call): string | undefined {
  const [fewest, most] = intrinsicFunctions[call.name]?.arity ?? [0, Infinity];
  const given = call.arguments.length;
  if (given < fewest || given > most) {
    return `'${call.name}' takes ${fewest === most ? fewest : `${fewest} or more`} arguments, not ${given}.`;
  }
  return call.arguments.map((one) => (one.kind === "call" ? wrongArity(one.call) : undefined)).find(Boolean);
}

export function wrongReference(value: Json): string | undefined {
  if (typeof value === "string" && referenceSteps(value) !== undefined) return undefined;
  return `${short(value)} is not a Reference Path, as "$.a.b".`;
}

/** A payload template, or in JSONata mode any JSON with expressions in it. */
export function checkTemplate(problems: Problems, place: Place, value: Json, language: QueryLanguage): void {
  if (Array.isArray(value)) {
    for (const [index, one] of (value as readonly Json[]).entries()) {
      checkTemplate(problems, [...place, index], one, language);
    }
  } else if (isObject(value)) {
    for (const [name, one] of Object.entries(value)) {
      if (language === "JSONPath" && name.endsWith(".$")) {
        const wrong = wrongExpression(one);
        if (wrong !== undefined) problems.add([...place, name], `The field "${name}": ${wrong}`);
      } else checkTemplate(problems, [...place, name], one, language);
    }
  } else if (language === "JSONata" && isJsonata(value)) checkJsonata(problems, place, value);
}

export function checkJsonata(problems: Problems, place: Place, value: string): void {
  try {
    compileJsonata(value);
  } catch (error) {
    problems.add(place, `${short(value)} is no JSONata: ${(error as Error).message}`);
  }
}
