/** What a workflow's schema says of its parameters, for the expressions that read them. */
import type { Workflow } from "./workflow.ts";

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

/** Of parameters that are always there: what may be missing may be compared with null. Numbers may be whole or not. */
export function parameterTypes(workflow: Workflow): ParameterTypes | undefined {
  const names = parameterNames(workflow);
  if (names === undefined || typeof workflow.parameters !== "object") return undefined;
  const { properties, required } = workflow.parameters as {
    readonly properties?: Readonly<Record<string, { readonly type?: unknown } | boolean>>;
    readonly required?: readonly string[];
  };
  const typeOf = (name: string): string => {
    const property = properties?.[name];
    const type = typeof property === "object" ? property.type : undefined;
    return (required?.includes(name) === true && typeof type === "string" && CEL_TYPES[type]) || "dyn";
  };
  return { param: Object.fromEntries([...names].map((name) => [name, typeOf(name)])) };
}
