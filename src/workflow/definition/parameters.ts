/** What a workflow's schema says of its parameters: which are good, what stands for absent ones, and of which type they are. */
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { withDefaults } from "./json-schema.ts";
import type { Workflow } from "./workflow.ts";

export interface GivenParameters {
  /** With the schema's defaults: what a run begins with. */
  readonly parameters: unknown;
  /** All that is wrong with them. */
  readonly diagnostics: readonly (Diagnostic & { readonly path: string })[];
}

/** `schema`: of a workflow's parameters; absent: any are good. Whoever starts runs or says whether they can start asks this. */
export function readGiven(schema: unknown, given: unknown): GivenParameters {
  if (schema === undefined) return { parameters: given, diagnostics: [] };
  try {
    const { value, violations } = withDefaults(schema, given);
    return {
      parameters: value,
      diagnostics: violations.map((one) => ({ severity: "error", code: "InvalidParameters", ...one })),
    };
  } catch (error) {
    // A schema that was admitted when less was refused: nothing can be said of what is given.
    if (!(error instanceof DiagnosticError)) throw error;
    return { parameters: given, diagnostics: error.diagnostics.map((one) => ({ ...one, path: "" })) };
  }
}

/** In CEL's words. */
export type ParameterTypes = Readonly<Record<"param", Readonly<Record<string, string>>>>;

/** Undefined when any name is good. */
export function parameterNames({ parameters }: Workflow): ReadonlySet<string> | undefined {
  if (typeof parameters !== "object" || parameters["additionalProperties"] !== false) return undefined;
  const properties = parameters["properties"];
  return new Set(typeof properties === "object" && properties !== null ? Object.keys(properties) : []);
}

const CEL_TYPES: Readonly<Record<string, string>> = {
  string: "string",
  boolean: "bool",
  array: "list<dyn>",
  object: "map<string, dyn>",
};

/** Of parameters that are always there, required or by default: what may be missing may be compared with null. Numbers may be whole or not. */
export function parameterTypes(workflow: Workflow): ParameterTypes | undefined {
  const names = parameterNames(workflow);
  if (names === undefined || typeof workflow.parameters !== "object") return undefined;
  const { properties, required } = workflow.parameters as {
    readonly properties?: Readonly<
      Record<string, { readonly type?: unknown; readonly default?: unknown } | boolean>
    >;
    readonly required?: readonly string[];
  };
  const typeOf = (name: string): string => {
    const property = properties?.[name];
    const { type, default: standing } = typeof property === "object" ? property : {};
    const isThere = standing !== undefined || required?.includes(name) === true;
    return (isThere && typeof type === "string" && CEL_TYPES[type]) || "dyn";
  };
  return { param: Object.fromEntries([...names].map((name) => [name, typeOf(name)])) };
}
