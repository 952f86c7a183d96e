/**
 * What a kind is. One file a kind calls `defineKind` once; everything else derives from that one definition: validation
 * and defaults (validate.ts), JSON Schema and OpenAPI (schema.ts), the graph's edges (edges.ts), the CLI's columns, and
 * the builder that `tutti.ts` files call: a kind is a function, `service("api", {...})`.
 */
import type { z } from "zod";
import type { DraftMetadata, Draft } from "../model/resource.ts";
import { rootName } from "../model/resource.ts";
import { type Declaration, type Input, declare } from "./declaration.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";

/** Marks on a schema's fields, written with `.meta({...})` and carried into the JSON Schema. */
export interface FieldMarks {
  /** The string names a resource of this kind: an edge of the graph, checked at admission. `*`: an address `kind/name`. */
  readonly references?: string;
  /** With `references`: what has a slash in it is an address elsewhere, and refers to nothing declared. */
  readonly addressable?: boolean;
  /** The edge is followed when deciding what must exist, not what must be ready first. */
  readonly weak?: boolean;
  /** A secret may stand here: the value goes to where it is used and is never printed. */
  readonly secret?: boolean;
  /** Of what may be any value: a secret may stand in it. What is written in the open is printed. */
  readonly mayHoldSecrets?: boolean;
  /** Changing it means making the thing anew. */
  readonly immutable?: boolean;
  /** What a class must have for this field, or for some of its values: kinds/features.ts. */
  readonly needs?: string | Readonly<Record<string, string>>;
  /**
   * Expressions at and below it are the resource's own, for whoever runs it: they refer to nothing declared, and nothing else
   * evaluates them.
   */
  readonly ownExpressions?: boolean;
  /** When it is left out, the resource's name stands for it, so that naming it so changes nothing. */
  readonly nameWhenAbsent?: boolean;
  /** A list whose order means nothing. */
  readonly unordered?: boolean;
}

/** A status field that other resources may refer to. */
export interface Output<T = unknown> {
  readonly path: readonly string[];
  readonly secret: boolean;
  readonly description: string;
  /** Only a type: what the reference evaluates to. */
  readonly type?: T;
}

export type Outputs = Readonly<Record<string, Output>>;

export function output<T = string>(
  field: string,
  description: string,
  options: { readonly secret?: boolean } = {},
): Output<T> {
  return { path: ["status", field], description, secret: options.secret ?? false };
}

export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "date";
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority?: 0 | 1;
  readonly description?: string;
  /** `resource` has passed validation, but status may be absent. */
  readonly value: (resource: KindResource) => string | number | undefined;
}

/** A resource as columns and checks see it: members are looked up, not assumed. */
export interface KindResource {
  readonly metadata: DraftMetadata & { readonly creationTimestamp?: string };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
  readonly [member: string]: unknown;
}

export interface KindOptions<B extends z.ZodObject, T extends z.ZodType, O extends Outputs> {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** `tutti.dev` when absent; the empty group is Kubernetes' core. */
  readonly group?: string;
  readonly version?: string;
  /** False for kinds that belong to no namespace. */
  readonly namespaced?: boolean;
  /** One sentence, shown in help, schema and reference. */
  readonly description: string;
  /** All members but apiVersion, kind, metadata and status; for most kinds `z.strictObject({ spec })`. */
  readonly body: B;
  readonly status: T;
  readonly outputs?: O;
  readonly columns?: readonly Column[];
  /** Dotted path of the replica count, where the kind has a `scale` subresource. */
  readonly scale?: { readonly spec: readonly string[]; readonly status: readonly string[] };
  /** What the schema cannot say. `resource` has defaults; expressions may stand in it. */
  readonly check?: (resource: KindResource) => readonly Omit<Diagnostic, "severity" | "address">[];
  /** True when people declare it in files; false for kinds that only controllers write. */
  readonly declarable?: boolean;
  /** What each is born with, so that no controller has to write it first. */
  readonly finalizers?: readonly string[];
  /** What its things come to hold that nobody declared, and that goes with them: "the files". */
  readonly holds?: string;
  /** What the example is called, where not any name will do. */
  readonly exampleName?: string;
  /** Of an own kind: the name of the CustomResourceDefinition that declares it. */
  readonly definition?: string;
  /** A small valid manifest body, for the reference and the schema's examples. */
  readonly example: z.input<B>;
}

export type SpecOf<B> = B extends { readonly spec: infer S } ? S : B;
type DeclaredMetadata = Omit<DraftMetadata, "name" | "finalizers" | "ownerReferences">;

export interface Kind<
  B extends z.ZodObject = z.ZodObject,
  T extends z.ZodType = z.ZodType,
  O extends Outputs = Outputs,
> {
  /** Declares a resource of this kind. */
  (name: string, spec?: Input<SpecOf<z.input<B>>>, metadata?: DeclaredMetadata): Declaration<O>;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly root: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly group: string;
  readonly version: string;
  readonly apiVersion: string;
  readonly namespaced: boolean;
  readonly declarable: boolean;
  readonly finalizers: readonly string[];
  readonly holds: string | undefined;
  readonly description: string;
  readonly body: B;
  readonly status: T;
  readonly outputs: O;
  readonly columns: readonly Column[];
  readonly scale: KindOptions<B, T, O>["scale"];
  readonly check: NonNullable<KindOptions<B, T, O>["check"]>;
  readonly definition: string | undefined;
  readonly exampleName: string;
  readonly example: z.input<B>;
  /** Types only: `typeof service.Spec`. */
  readonly Spec: SpecOf<z.output<B>>;
  readonly Status: z.output<T>;
}

/** Any kind, where its own types do not matter. */
export type AnyKind = Omit<Kind, "body"> & { readonly body: z.ZodObject };

/** Where the options say nothing. */
const USUAL = {
  group: "tutti.dev",
  version: "v1",
  namespaced: true,
  declarable: true,
  shortNames: [],
  categories: [],
  finalizers: [],
  columns: [],
  check: (): readonly never[] => [],
  exampleName: "example",
};

export function defineKind<
  B extends z.ZodObject,
  T extends z.ZodType,
  const O extends Outputs = Record<never, never>,
>(options: KindOptions<B, T, O>): Kind<B, T, O> {
  const all = { ...USUAL, ...options };
  const { group, version } = all;
  const apiVersion = group === "" ? version : `${group}/${version}`;
  const hasSpec = "spec" in options.body.shape;
  const outputs = (options.outputs ?? {}) as O;
  const build = (name: string, spec: unknown = {}, metadata: DeclaredMetadata = {}): Declaration<O> => {
    const body = hasSpec ? { spec } : (spec as object);
    return declare(
      { apiVersion, kind: options.kind, metadata: { name, ...metadata }, ...body } as Draft,
      outputs,
    );
  };
  return Object.assign(build, {
    kind: all.kind,
    plural: all.plural,
    singular: all.kind.toLowerCase(),
    root: rootName(all.kind),
    shortNames: all.shortNames,
    categories: all.categories,
    group,
    version,
    apiVersion,
    namespaced: all.namespaced,
    declarable: all.declarable,
    finalizers: all.finalizers,
    holds: all.holds,
    description: all.description,
    body: all.body,
    status: all.status,
    outputs,
    columns: all.columns,
    scale: all.scale,
    check: all.check,
    definition: all.definition,
    exampleName: all.exampleName,
    example: all.example,
  }) as unknown as Kind<B, T, O>;
}
