/** `system(...)`: what a `tutti.ts` file exports. */
import { type Declared, Ref } from "../kinds/declaration.ts";
import type { Name, Text } from "./builder.ts";
import type { z } from "zod";
import type { system as kind } from "../kinds/system.ts";

type SystemSpec = NonNullable<z.input<typeof kind.body>["spec"]>;

export type ParameterType = "string" | "integer" | "number" | "boolean";

/** What may differ from one use of a system to the next. */
export interface Parameter {
  /** Type of the value; that of the default, or a text, when absent. */
  readonly type?: ParameterType;
  /** Value when none is given. Without one a value must be given. */
  readonly default?: string | number | boolean;
  /** What it is for, shown when it is missing. */
  readonly description?: string;
  /** The values it may have. */
  readonly enum?: readonly (string | number)[];
}

export type Parameters = Readonly<Record<string, Parameter>>;

type Typed<P> = P extends { readonly enum: readonly (infer E)[] }
  ? E
  : P extends { readonly type: "integer" | "number" }
    ? number
    : P extends { readonly type: "boolean" }
      ? boolean
      : P extends { readonly type: "string" }
        ? string
        : P extends { readonly default: infer D }
          ? D extends number
            ? number
            : D extends boolean
              ? boolean
              : string
          : string;

/** The values of parameters as the function given to `system` sees them: real values, not references. */
export type Values<P extends Parameters> = { readonly [name in keyof P]: Typed<P[name]> };

/** A manifest as it would stand in a YAML file. */
export interface Manifest {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [member: string]: unknown };
  readonly [member: string]: unknown;
}

/** Declared resources and plain manifests. Lists may be nested; what is false or absent is left out. */
export type Resources = Declared | Manifest | false | null | undefined | readonly Resources[];

export interface SystemOptions<P extends Parameters = Parameters> {
  /** What it is, one sentence. */
  readonly description?: string;
  /** What may differ from one use to the next. Given with `--set name=value`, `--values file` or TUTTI_PARAM_NAME. */
  readonly parameters?: P;
  /** Where everything is that does not say so itself: the name of a Location. */
  readonly location?: Name;
  /** Places in each of which all of it is made, as NAME-LOCATION. */
  readonly locations?: readonly Place[];
  /** Which Locations a Change reaches first, and what must hold before the next. */
  readonly waves?: readonly Wave[];
  /** What other systems may refer to, as `system.NAME.status.outputs.OUTPUT`. */
  readonly outputs?: Readonly<Record<string, Text>>;
  /** How Changes of it are made: approval, what is done on failure, how many at once. */
  readonly changes?: SystemSpec["changes"];
  /** Addresses that have another name now: the thing stays and is called by the new one. */
  readonly moved?: SystemSpec["moved"];
}

/** One Location of a system. */
export interface Place {
  readonly name: Name;
  /** Of parameters, there; in resources written `expression("param.x")`, since a program sees one value only. */
  readonly values?: Readonly<Record<string, string | number | boolean>>;
  /** What is different there: merged into what is declared (RFC 7386). */
  readonly overrides?: readonly {
    readonly address: string;
    readonly patch: Readonly<Record<string, unknown>>;
  }[];
}

export interface Wave {
  readonly locations: readonly Name[];
  readonly gate?: NonNullable<NonNullable<SystemSpec["waves"]>[number]["gate"]>;
}

const SYSTEM = Symbol.for("tutti.dev/system-declaration");

/** A system as declared; `load` makes plain resources of it. */
export interface SystemDeclaration {
  readonly [SYSTEM]: true;
  readonly name: string;
  readonly options: SystemOptions;
  readonly resources: (values: Readonly<Record<string, unknown>>) => Resources;
}

/**
 * Declares a system: a named set of resources that is planned, applied and taken down together.
 *
 * @example
 * export default system("hello", [service("web", { command: "python3 -m http.server $PORT", ports: [{ name: "http" }] })]);
 *
 * @example
 * export default system("shop", { parameters: { replicas: { type: "integer", default: 2 } } }, (param) => [
 *   service("api", { command: "node api.ts", replicas: param.replicas }),
 * ]);
 */
export function system(name: string, resources: Resources | (() => Resources)): SystemDeclaration;
export function system<const P extends Parameters = Record<never, never>>(
  name: string,
  options: SystemOptions<P>,
  resources: Resources | ((param: Values<P>) => Resources),
): SystemDeclaration;
export function system(
  name: string,
  ...rest: readonly [
    SystemOptions | Resources | (() => Resources),
    (Resources | ((param: never) => Resources))?,
  ]
): SystemDeclaration {
  const [options, resources] = (rest.length === 1 ? [{}, rest[0]] : rest) as [
    SystemOptions,
    Resources | ((values: unknown) => Resources),
  ];
  const list = (values: unknown): Resources =>
    typeof resources === "function" ? resources(values) : resources;
  return Object.freeze({ [SYSTEM]: true as const, name, options: options ?? {}, resources: list });
}

export function isSystemDeclaration(value: unknown): value is SystemDeclaration {
  return typeof value === "object" && value !== null && SYSTEM in value;
}

/** The environment variable `name` of whoever loads the system: `${env.NAME}`. Loading is refused when it is not set. */
export function env(name: string): Ref<string> {
  return new Ref<string>(`env.${name}`);
}

/** Any CEL expression: `expression<number>("param.replicas * 2")`. */
export function expression<T = string>(cel: string): Ref<T> {
  return new Ref<T>(cel);
}
