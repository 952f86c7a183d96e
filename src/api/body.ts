/**
 * A request's body as data: bounded in size and depth, JSON or YAML, and free of the member names with which JavaScript
 * objects can be turned against their program.
 */
import type { IncomingMessage } from "node:http";
import type { ApiLimits } from "./limits.ts";
import { StatusError, badRequest } from "./status-error.ts";

/** The media type without parameters, in lower case; empty when there is none. */
export function mediaType(request: IncomingMessage): string {
  return (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

export async function readBody(request: IncomingMessage, limits: ApiLimits): Promise<string> {
  return (await readBytes(request, limits)).toString("utf8");
}

/** Refuses with 413 as soon as the limit is passed; what follows is not read. */
export async function readBytes(request: IncomingMessage, limits: ApiLimits): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > limits.bodyBytes) throw tooLarge(limits.bodyBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limits.bodyBytes) throw tooLarge(limits.bodyBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw badRequest("The body did not arrive completely.");
  }
  return Buffer.concat(chunks);
}

/** Undefined for an empty body. Refuses with BadRequest what is neither JSON nor YAML, 413 what is too deep or large. */
export async function parseBody(text: string, limits: ApiLimits): Promise<unknown> {
  if (text.trim() === "") return undefined;
  const value = /^\s*[[{"]/.test(text) ? parseJson(text) : await parseYamlBody(text, limits);
  checkDepth(value, limits.depth);
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The parser quotes what it stumbled over, which may be a secret; where it stands is enough.
    const position = /position \d+( \(line \d+ column \d+\))?/.exec(String(error))?.[0];
    const message = `The body is not JSON${position === undefined ? "" : `: it cannot be read at ${position}`}.`;
    throw badRequest(message, [
      {
        severity: "error",
        code: "BrokenJson",
        message,
        hint: "Look for a missing comma, quote or brace there.",
      },
    ]);
  }
}

async function parseYamlBody(text: string, limits: ApiLimits): Promise<unknown> {
  if (text.length > limits.yamlBytes) throw tooLarge(limits.yamlBytes, "YAML ");
  checkNesting(text, limits.depth);
  // Loaded when it is needed first: hardly any body is YAML, and it costs 13 MB.
  const { parse: parseYaml } = await import("yaml");
  try {
    const value: unknown = parseYaml(text, { maxAliasCount: 100, prettyErrors: false, logLevel: "error" });
    return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
  } catch (error) {
    const position = (error as { readonly pos?: readonly number[] }).pos?.[0];
    const message = `The body is neither JSON nor YAML${position === undefined ? "" : `: it cannot be read at character ${position}`}.`;
    throw badRequest(message, [{ severity: "error", code: "BrokenYaml", message }]);
  }
}

/** Before parsing, because the parser of YAML calls itself for every level. */
function checkNesting(text: string, depth: number): void {
  let open = 0;
  for (const char of text) {
    if (char === "[" || char === "{") open += 1;
    else if (char === "]" || char === "}") open -= 1;
    if (open > depth) throw tooDeep(depth);
  }
  if (new RegExp(`(?:[-?][ \\t]+){${depth + 1}}`).test(text)) throw tooDeep(depth);
}

export function checkDepth(value: unknown, left: number, depth = left): void {
  if (typeof value !== "object" || value === null) return;
  if (left === 0) throw tooDeep(depth);
  if (Array.isArray(value)) {
    for (const item of value) checkDepth(item, left - 1, depth);
    return;
  }
  for (const [name, member] of Object.entries(value)) {
    if (name === "__proto__")
      throw badRequest("A member is called '__proto__', which is not a name for a member.");
    checkDepth(member, left - 1, depth);
  }
}

function tooDeep(depth: number): StatusError {
  const message = `The body is nested more than ${depth} levels deep.`;
  return new StatusError(400, "BadRequest", message, {
    diagnostics: [{ severity: "error", code: "TooDeep", message }],
  });
}

function tooLarge(bytes: number, what = ""): StatusError {
  const message = `The ${what}body is larger than ${bytes >> 20} MB.`;
  return new StatusError(413, "RequestEntityTooLarge", message, {
    diagnostics: [{ severity: "error", code: "TooLarge", message, hint: "Split it." }],
  });
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The body as an object, or BadRequest. */
export function objectBody(value: unknown): Readonly<Record<string, unknown>> {
  if (isObject(value)) return value;
  throw badRequest("The body must be an object.");
}
