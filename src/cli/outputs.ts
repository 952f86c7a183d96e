/** What a System puts out, for people: read by the verb and shown at the end of `up`. */
import { didYouMean } from "../diagnostics/suggestion.ts";
import type { Resource } from "../model/resource.ts";
import { CommandFailure, EXIT, misuse } from "./exit.ts";

export interface Outputs {
  /** By name; undefined where it is not known yet. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Why not all of them are known, one sentence. */
  readonly waiting: string | undefined;
}

export function outputsIn(system: Resource): Outputs {
  const { outputs: declared = {} } = (system.spec ?? {}) as { readonly outputs?: object };
  const { outputs: known = {}, conditions = [] } = (system.status ?? {}) as {
    readonly outputs?: Readonly<Record<string, unknown>>;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message: string;
    }[];
  };
  const missing = Object.keys(declared).filter((name) => known[name] === undefined);
  const condition = conditions.find(({ type, status }) => type === "OutputsKnown" && status !== "True");
  const values = Object.fromEntries(Object.keys(declared).map((name) => [name, known[name]]));
  const waiting = missing.length === 0 ? undefined : (condition?.message ?? "They are being worked out.");
  return { values, waiting };
}

/** One of them by itself. Refuses one that there is not, and one that is not known. */
export function outputNamed({ values, waiting }: Outputs, name: string, system: string): unknown {
  const known = Object.keys(values);
  if (!known.includes(name))
    return misuse(
      `The system '${system}' puts out no '${name.slice(0, 80)}'.`,
      didYouMean(name, known) ??
        (known.length === 0
          ? "It declares none: spec.outputs of the System."
          : `There is: ${known.join(", ")}.`),
    );
  if (values[name] === undefined)
    throw new CommandFailure(EXIT.failed, `The output '${name}' is not known yet.`, waiting);
  return values[name];
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** `name  value`, a line each. */
export function outputsText(values: Outputs["values"]): string {
  const width = Math.max(0, ...Object.keys(values).map((name) => name.length));
  return Object.entries(values)
    .map(([name, value]) => `${name.padEnd(width)}  ${value === undefined ? "-" : textOf(value)}`)
    .join("\n");
}
