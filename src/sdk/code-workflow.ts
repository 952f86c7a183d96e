/** `codeWorkflow(...)`: a workflow as code, declared as a resource. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { positionInFrame } from "../diagnostics/call-site.ts";
import { type Declared, declare } from "../kinds/declaration.ts";
import {
  CODE_DIALECT,
  type CodeContext,
  type CodeProgram,
  type CodeWorkflow,
  type CodeWorkflowOptions,
  codeDefinition,
  defineCode,
} from "../workflow/code/code-workflow.ts";
import { type Checked, type SchemaOf, jsonSchemaOf } from "../workflow/worker/schema.ts";

/**
 * Declares a workflow whose steps are asked for by code. The module in which it stands is loaded in worker processes.
 *
 * @example
 * export default codeWorkflow("order", { parameters: z.object({ amount: z.number() }) }, async (run, { amount }) => {
 *   const paid = await run.step("charge", charge, { amount });
 *   await run.sleep("1h");
 *   return { id: paid.id };
 * });
 */
export function codeWorkflow(
  name: string,
  body: (run: CodeContext, parameters: Readonly<Record<string, unknown>>) => unknown,
): Declared & CodeWorkflow;
export function codeWorkflow<P extends SchemaOf<unknown>>(
  name: string,
  options: CodeWorkflowOptions<P>,
  body: (run: CodeContext, parameters: Checked<P>) => unknown,
): Declared & CodeWorkflow;
export function codeWorkflow(
  name: string,
  ...rest: readonly [
    CodeWorkflowOptions<SchemaOf<unknown>> | ((run: CodeContext, parameters: never) => unknown),
    ((run: CodeContext, parameters: never) => unknown)?,
  ]
): Declared & CodeWorkflow {
  const [options, body] = typeof rest[0] === "function" ? [{}, rest[0]] : [rest[0], rest[1]];
  if (body === undefined) throw new TypeError(`codeWorkflow(${JSON.stringify(name)}) takes a function last.`);
  const code = defineCode(
    name,
    options,
    body as (run: CodeContext, parameters: unknown) => unknown,
    codeWorkflow,
  );
  const module = positionInFrame(codeDefinition(code)?.frame ?? "")?.file;
  const { parameters, results, timeout } = options;
  const definition: CodeProgram = { name, ...(module === undefined ? {} : { source: sourceHash(module) }) };
  const spec = {
    ...(parameters === undefined ? {} : { parameters: jsonSchemaOf(parameters, "input") }),
    ...(results === undefined ? {} : { results: jsonSchemaOf(results, "output") }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(module === undefined ? {} : { handlers: module }),
    program: { dialect: CODE_DIALECT, definition },
  };
  const declared = declare({ apiVersion: "tutti.dev/v1", kind: "Workflow", metadata: { name }, spec }, {});
  return Object.freeze(Object.assign(Object.create(null) as object, declared, code)) as Declared &
    CodeWorkflow;
}

function sourceHash(file: string): string {
  try {
    return `sha256:${createHash("sha256").update(readFileSync(file)).digest("hex")}`;
  } catch {
    return "";
  }
}
