/** The patch formats of Kubernetes, as pure functions from a value and a patch to a value. */
import { equal } from "../model/equality.ts";
import { mergePatch } from "../model/merge-patch.ts";
import { checkDepth, isObject } from "./body.ts";
import type { ApiLimits } from "./limits.ts";
import { StatusError, badRequest } from "./status-error.ts";

export type PatchFormat = "merge" | "json" | "apply" | "strategic";

const FORMATS: Readonly<Record<string, PatchFormat>> = {
  "application/merge-patch+json": "merge",
  "application/json-patch+json": "json",
  "application/apply-patch+yaml": "apply",
  "application/strategic-merge-patch+json": "strategic",
};

/**
 * `takesStrategic`: kinds that Kubernetes itself has are patched so by its clients, which know their types. Their lists hold
 * nothing to be merged by name, so there it is a merge patch. Refuses with 415 naming what is taken.
 */
export function patchFormat(type: string, takesStrategic: boolean): PatchFormat {
  const format = FORMATS[type];
  if (format !== undefined && (format !== "strategic" || takesStrategic)) return format;
  const taken = Object.keys(FORMATS).filter((one) => takesStrategic || FORMATS[one] !== "strategic");
  throw new StatusError(
    415,
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${taken.join(", ")}`,
  );
}

/** Refuses with BadRequest what is no patch of that format, with Invalid what cannot be applied. */
export function applyPatch(value: unknown, patch: unknown, format: PatchFormat, limits: ApiLimits): unknown {
  if (format === "json") return applyJsonPatch(value, patch, limits);
  if (!isObject(patch)) throw badRequest("The patch must be an object.");
  return mergePatch(value, format === "strategic" ? withoutDirectives(patch) : patch);
}

function withoutDirectives(patch: unknown): unknown {
  if (Array.isArray(patch)) return patch.map(withoutDirectives);
  if (!isObject(patch)) return patch;
  const kept = Object.entries(patch).filter(([name]) => {
    if (name === "$patch" || name.startsWith("$deleteFromPrimitiveList"))
      throw badRequest(`The directive '${name.slice(0, 60)}' is not supported; use a merge patch.`);
    return name !== "$retainKeys" && !name.startsWith("$setElementOrder/");
  });
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutDirectives(member)]));
}

interface Step {
  readonly op: string;
  readonly path: readonly string[];
  readonly from: readonly string[] | undefined;
  readonly value: unknown;
}

/** RFC 6902. Bounded in the number of operations and in what `copy` may add up to. */
function applyJsonPatch(value: unknown, patch: unknown, limits: ApiLimits): unknown {
  if (!Array.isArray(patch)) throw badRequest("A JSON patch is a list of operations.");
  if (patch.length > limits.patchOperations)
    throw new StatusError(
      413,
      "RequestEntityTooLarge",
      `A JSON patch may have ${limits.patchOperations} operations.`,
    );
  let result = value;
  let copied = 0;
  for (const step of patch.map(parseStep)) {
    if (step.op === "copy") {
      copied += JSON.stringify(read(result, step.from ?? []) ?? null).length;
      if (copied > limits.bodyBytes)
        throw new StatusError(413, "RequestEntityTooLarge", "The JSON patch copies too much.");
    }
    result = applyStep(result, step);
  }
  checkDepth(result, limits.depth);
  return result;
}

const OPERATIONS: ReadonlySet<string> = new Set(["add", "remove", "replace", "move", "copy", "test"]);

function parseStep(step: unknown): Step {
  if (!isObject(step) || typeof step["op"] !== "string" || !OPERATIONS.has(step["op"]))
    throw badRequest("An operation of a JSON patch has an 'op': add, remove, replace, move, copy or test.");
  const { op, value } = step;
  if ((op === "add" || op === "replace" || op === "test") && value === undefined)
    throw badRequest(`The operation '${op}' needs a 'value'.`);
  return {
    op,
    path: pointer(step["path"]),
    from: op === "move" || op === "copy" ? pointer(step["from"]) : undefined,
    value,
  };
}

/** RFC 6901. */
function pointer(text: unknown): readonly string[] {
  if (text === "") return [];
  if (typeof text !== "string" || !text.startsWith("/") || text.length > 4096)
    throw badRequest("A place in a JSON patch is a JSON pointer, such as /spec/replicas.");
  const path = text
    .slice(1)
    .split("/")
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  if (path.includes("__proto__")) throw badRequest("'__proto__' is not a name for a member.");
  return path;
}

function applyStep(value: unknown, { op, path, from = [], value: operand }: Step): unknown {
  switch (op) {
    case "add":
      return edit(value, path, "add", operand);
    case "remove":
      return edit(value, path, "remove", undefined);
    case "replace":
      return edit(value, path, "replace", operand);
    case "copy":
      return edit(value, path, "add", present(value, from));
    case "move":
      if (from.length < path.length && from.every((step, index) => path[index] === step))
        throw cannot("a value cannot be moved into itself", path);
      return edit(edit(value, from, "remove", undefined), path, "add", present(value, from));
    default:
      if (!equal(read(value, path) ?? null, operand)) throw cannot("the test failed", path);
      return value;
  }
}

function cannot(why: string, path: readonly string[]): StatusError {
  return new StatusError(
    422,
    "Invalid",
    `The JSON patch cannot be applied: ${why} at /${path.join("/").slice(0, 200)}.`,
  );
}

function present(value: unknown, path: readonly string[]): unknown {
  const found = read(value, path);
  if (found === undefined) throw cannot("there is nothing", path);
  return found;
}

function read(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, step)) return undefined;
    current = (current as Readonly<Record<string, unknown>>)[step];
  }
  return current;
}

/** A copy with one place edited; all beside the way there is shared. */
function edit(
  value: unknown,
  path: readonly string[],
  how: "add" | "remove" | "replace",
  operand: unknown,
): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return how === "remove" ? null : operand;
  if (Array.isArray(value)) return editList(value as readonly unknown[], step, rest, how, operand);
  if (!isObject(value)) throw cannot("there is nothing to hold it", path);
  const isThere = Object.hasOwn(value, step);
  if (!isThere && (rest.length > 0 || how !== "add")) throw cannot("there is nothing", path);
  if (rest.length > 0) return { ...value, [step]: edit(value[step], rest, how, operand) };
  if (how !== "remove") return { ...value, [step]: operand };
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== step));
}

function editList(
  list: readonly unknown[],
  step: string,
  rest: readonly string[],
  how: "add" | "remove" | "replace",
  operand: unknown,
): readonly unknown[] {
  const isInsertion = how === "add" && rest.length === 0;
  const index =
    step === "-" && isInsertion ? list.length : /^(0|[1-9]\d{0,8})$/.test(step) ? Number(step) : Infinity;
  if (index > list.length - (isInsertion ? 0 : 1)) throw cannot("the list has no such item", [step, ...rest]);
  if (rest.length > 0) return list.with(index, edit(list[index], rest, how, operand));
  if (how === "remove") return list.toSpliced(index, 1);
  return isInsertion ? list.toSpliced(index, 0, operand) : list.with(index, operand);
}
