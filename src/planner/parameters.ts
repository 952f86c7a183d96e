/** The parameters of a System and the values they have in one use of it. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";
import type { Draft } from "../model/resource.ts";
import { pathText } from "../model/walk.ts";

interface Parameter {
  readonly type?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
}

interface SystemSpec {
  readonly parameters?: Readonly<Record<string, Parameter>>;
  readonly values?: Readonly<Record<string, unknown>>;
}

function specOf(system: Draft | undefined): SystemSpec {
  return (system?.spec ?? {}) as SystemSpec;
}

export function parameterNames(system: Draft | undefined): readonly string[] {
  return Object.keys(specOf(system).parameters ?? {});
}

/** What `${param.<name>}` gives: the values, and the defaults where none is given. */
export function parameterValues(system: Draft | undefined): ReadonlyMap<string, unknown> {
  const { parameters = {}, values = {} } = specOf(system);
  const result = new Map<string, unknown>();
  for (const [name, parameter] of Object.entries(parameters)) {
    const value = Object.hasOwn(values, name) ? values[name] : parameter.default;
    if (value !== undefined) result.set(name, value);
  }
  return result;
}

/** Values of parameters that there are not, or that do not fit; defaults that do not fit. */
export function checkParameters(system: Draft): readonly Diagnostic[] {
  const { parameters = {}, values = {} } = specOf(system);
  const address = `system/${system.metadata.name}`;
  const diagnostics: Diagnostic[] = [];
  for (const [name, value] of Object.entries(values)) {
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    const path = pathText(["spec", "values", name]);
    if (parameter === undefined)
      diagnostics.push(unknownParameter(address, path, name, Object.keys(parameters)));
    else diagnostics.push(...misfit(parameter, value, address, path));
  }
  for (const [name, parameter] of Object.entries(parameters)) {
    if (parameter.default === undefined) continue;
    diagnostics.push(
      ...misfit(parameter, parameter.default, address, pathText(["spec", "parameters", name, "default"])),
    );
  }
  return diagnostics;
}

export function unknownParameter(
  address: string,
  path: string,
  name: string,
  known: readonly string[],
): Diagnostic {
  const minus = known.find((candidate) => name.startsWith(`${candidate}-`));
  const hint =
    minus === undefined
      ? (didYouMean(name, known) ??
        (known.length === 0
          ? "Declare it under the System's spec.parameters."
          : `There is: ${known.join(", ")}.`))
      : `Write spaces around a minus: \${param.${minus} - ${name.slice(minus.length + 1)}}.`;
  return {
    severity: "error",
    code: "UnknownParameter",
    address,
    path,
    message: `There is no parameter '${name.slice(0, 80)}'.`,
    hint,
  };
}

const FITS: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  integer: (value) => Number.isSafeInteger(value),
  number: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean",
};

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
};

function misfit(parameter: Parameter, value: unknown, address: string, path: string): readonly Diagnostic[] {
  const type = parameter.type ?? "string";
  if (FITS[type]?.(value) === false) {
    return [
      {
        severity: "error",
        code: "WrongType",
        address,
        path,
        message: `It must be ${TYPE_NAMES[type] ?? type}.`,
      },
    ];
  }
  if (parameter.enum !== undefined && !parameter.enum.includes(value)) {
    const message = `It must be one of ${parameter.enum.map(String).join(", ")}.`;
    return [{ severity: "error", code: "InvalidValue", address, path, message }];
  }
  return [];
}
