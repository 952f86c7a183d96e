/**
 * A kind of one's own, in a `tutti.ts` or a module that it imports.
 *
 *     defineResource ──in the program──> a builder of declarations, and the CustomResourceDefinition that goes with them
 *                    ──in a process of the control plane──> handlers `Bucket.observe`, `Bucket.ensure`, ... that it calls
 *
 *  - The definition takes along the text of its module and of what that imports from the project's folder: what runs is what was
 *    applied, whatever becomes of the files. Packages are not taken along.
 *  - What a function gives is checked here, beside it: nothing but what the schema says leaves the process.
 */
import { z } from "zod";
import { callSite, positionInFrame } from "../diagnostics/call-site.ts";
import { type Declared, type Input, type Ref, declare } from "../kinds/declaration.ts";
import { COMMON, OWN_GROUP, type PrinterColumn, toOpenApi } from "../kinds/own-kind.ts";
import { parseDuration } from "../model/duration.ts";
import type { Draft } from "../model/resource.ts";
import { type ResourceMetadata, rememberedAt } from "./builder.ts";
import {
  type Awaitable,
  type Listed,
  type Nothing,
  type Objection,
  OPTIONAL,
  type Observed,
  type ResourceCall,
  type ResourceFunctions,
  offerAll,
} from "./resource-functions.ts";
import type { NetworkSpec } from "./specs.generated.ts";

export interface ResourceOptions<S extends z.ZodObject, O extends z.ZodObject> {
  /** What may be declared. `.meta({ immutable: true })`: changing it makes it anew. `.meta({ secret: true })`: never printed. */
  readonly spec: S;
  /** What others can refer to, once it is there. */
  readonly outputs?: O;
  /** What is there; nothing when it is not. Changes nothing. */
  readonly observe: (
    call: ResourceCall<z.output<S>, z.output<O>>,
  ) => Awaitable<Observed<z.output<S>, z.output<O>> | Nothing>;
  /** Makes it, or makes it so. May be called again at any time: after a crash, after drift. What it gives stands for an observation. */
  readonly ensure: (
    call: ResourceCall<z.output<S>, z.output<O>>,
  ) => Awaitable<Observed<z.output<S>, z.output<O>> | Nothing>;
  /** Takes it away; what is not there is no error. */
  readonly remove: (call: ResourceCall<z.output<S>, z.output<O>>) => unknown;
  /** What is there, whoever made it, to be adopted. */
  readonly list?: (call: {
    readonly where: Readonly<Record<string, unknown>>;
    readonly signal: AbortSignal;
  }) => Awaitable<readonly Listed[]>;
  /** Takes what has this id as the thing, without changing it. */
  readonly adopt?: (
    call: ResourceCall<z.output<S>, z.output<O>> & { readonly id: string },
  ) => Awaitable<Observed<z.output<S>, z.output<O>> | Nothing>;
  /** Lets go of it without removing it. */
  readonly release?: (call: ResourceCall<z.output<S>, z.output<O>>) => unknown;
  /** What stands against making it, asked while a plan is made. */
  readonly obstacles?: (
    call: ResourceCall<z.output<S>, z.output<O>>,
  ) => Awaitable<readonly Objection[] | Nothing>;
  /** Columns of `tutti get`, by their headings: `{ Size: "spec.size" }`. The outputs when absent. */
  readonly columns?: Readonly<Record<string, string>>;
  /** One sentence. */
  readonly description?: string;
  /** `buckets`; made from the name when absent. */
  readonly plural?: string;
  readonly shortNames?: readonly string[];
  /** Of the apiVersion; `own.tutti.dev` when absent. */
  readonly group?: string;
  /** How long one call may take, as `30s`; five minutes when absent. */
  readonly timeout?: string;
  /** So many calls at once; 16 when absent. */
  readonly parallelism?: number;
}

/** What every resource may say beside its own. */
export type CommonSpec = Pick<NetworkSpec, "class" | "location" | "dependsOn" | "lifecycle">;

/** Declares one. */
export interface ResourceKind<S extends z.ZodObject, O extends z.ZodObject> {
  (
    name: string,
    ...spec: Record<never, never> extends z.input<S>
      ? [spec?: Input<z.input<S>> & CommonSpec, metadata?: ResourceMetadata]
      : [spec: Input<z.input<S>> & CommonSpec, metadata?: ResourceMetadata]
  ): Declared & { readonly [name in keyof z.output<O>]-?: Ref<Exclude<z.output<O>[name], undefined>> };
}

const DEFINITION: unique symbol = Symbol.for("tutti.dev/resource-definition");

/** What a program's own kind is, without the sources that its definition takes along. */
export interface ResourceDefinition {
  readonly kind: string;
  /** Of the module that declares it, absolute. */
  readonly module: string;
  readonly frame: string | undefined;
  /** The manifest; its `spec.provider` has no sources yet. */
  readonly manifest: Draft;
}

/**
 * @example
 * const page = defineResource("Page", {
 *   spec: z.object({ file: z.string().meta({ immutable: true }), text: z.string() }),
 *   observe: async ({ spec }) => {
 *     const text = await readFile(spec.file, "utf8").catch(() => undefined);
 *     return text === undefined ? undefined : { actual: { text } };
 *   },
 *   ensure: ({ spec }) => writeFile(spec.file, spec.text),
 *   remove: ({ spec }) => rm(spec.file, { force: true }),
 * });
 */
export function defineResource<
  S extends z.ZodObject,
  O extends z.ZodObject = z.ZodObject<Record<never, never>>,
>(kind: string, options: ResourceOptions<S, O>): ResourceKind<S, O> {
  const frame = callSite(defineResource);
  const module = positionInFrame(frame ?? "")?.file ?? "";
  checkOptions(kind, options as unknown as AnyOptions);
  const manifest = manifestOf(kind, options as unknown as AnyOptions);
  offerAll(kind, options as unknown as ResourceFunctions);
  const definition: ResourceDefinition = { kind, module, frame, manifest };
  const { apiVersion, outputs } = shapeOf(manifest, options as unknown as AnyOptions);
  const build = (name: string, spec: unknown = {}, metadata: ResourceMetadata = {}): Declared => {
    const declared = declare({ apiVersion, kind, metadata: { name, ...metadata }, spec } as Draft, outputs);
    rememberedAt(declared, callSite(build));
    made.set(declared, definition);
    return declared;
  };
  return Object.assign(build, { [DEFINITION]: definition }) as unknown as ResourceKind<S, O>;
}

const made = new WeakMap<object, ResourceDefinition>();

/** Of a declaration of an own kind, or of the kind itself; undefined for anything else. */
export function resourceDefinition(value: unknown): ResourceDefinition | undefined {
  if (typeof value === "function" && DEFINITION in value)
    return (value as { readonly [DEFINITION]: ResourceDefinition })[DEFINITION];
  return typeof value === "object" && value !== null ? made.get(value) : undefined;
}

type AnyOptions = ResourceOptions<z.ZodObject, z.ZodObject>;

function checkOptions(kind: string, options: AnyOptions): void {
  const call = `defineResource(${JSON.stringify(kind)}, ...)`;
  if (!/^[A-Z][A-Za-z0-9]*$/.test(kind))
    throw new TypeError(`${call} takes a name that begins with a capital and holds letters and digits only.`);
  for (const name of ["observe", "ensure", "remove"] as const)
    if (typeof options[name] !== "function") throw new TypeError(`${call} needs the function '${name}'.`);
  for (const schema of [options.spec, options.outputs ?? z.object({})])
    if (typeof schema !== "object" || !("shape" in schema))
      throw new TypeError(`${call} takes schemas made with z.object({...}).`);
  const taken = Object.keys(options.spec.shape).find((name) => COMMON.has(name));
  if (taken !== undefined)
    throw new TypeError(
      `${call} has a field '${taken}', which every kind has already. Call it something else.`,
    );
  // Refuses what is no duration.
  if (options.timeout !== undefined) parseDuration(options.timeout);
}

function manifestOf(kind: string, options: AnyOptions): Draft {
  const {
    group = OWN_GROUP,
    plural = pluralOf(kind),
    shortNames,
    description,
    timeout,
    parallelism,
  } = options;
  const singular = kind.toLowerCase();
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: {
        kind,
        plural,
        singular,
        listKind: `${kind}List`,
        categories: ["all"],
        ...(shortNames === undefined ? {} : { shortNames }),
      },
      scope: "Namespaced",
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: "object",
              ...(description === undefined ? {} : { description }),
              properties: {
                spec: schemaOf(options.spec),
                status: schemaOf((options.outputs ?? z.object({})).partial()),
              },
            },
          },
          subresources: { status: {} },
          additionalPrinterColumns: columnsOf(options),
        },
      ],
      provider: {
        calls: OPTIONAL.filter((name) => options[name] !== undefined),
        timeout: timeout ?? "5m",
        ...(parallelism === undefined ? {} : { parallelism }),
      },
    },
  } as Draft;
}

function schemaOf(schema: z.ZodObject): unknown {
  try {
    return toOpenApi(schema);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TypeError(
      `A schema of defineResource cannot be written down: ${reason} Use what JSON can say.`,
    );
  }
}

function pluralOf(kind: string): string {
  const word = kind.toLowerCase();
  if (/(?:s|x|z|ch|sh)$/.test(word)) return `${word}es`;
  return /[^aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : `${word}s`;
}

function columnsOf({ columns, outputs }: AnyOptions): readonly PrinterColumn[] {
  const plain = Object.keys(outputs?.shape ?? {}).filter(
    (name) => outputs?.shape[name]?.meta()?.["secret"] !== true,
  );
  const shown =
    columns ?? Object.fromEntries(plain.slice(0, 4).map((name) => [titled(name), `status.${name}`]));
  return [
    { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    ...Object.entries(shown).map(([name, path]): PrinterColumn => ({
      name,
      type: "string",
      jsonPath: path.startsWith(".") ? path : `.${path}`,
    })),
  ];
}

function titled(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter}`).replace(/^./, (letter) => letter.toUpperCase());
}

function shapeOf(
  manifest: Draft,
  { outputs }: AnyOptions,
): Pick<Draft, "apiVersion"> & { readonly outputs: Parameters<typeof declare>[1] } {
  const { group } = manifest.spec as { readonly group: string };
  const fields = Object.keys(outputs?.shape ?? {}).map(
    (name) => [name, { path: ["status", name], secret: false, description: "" }] as const,
  );
  return { apiVersion: `${group}/v1`, outputs: Object.fromEntries(fields) };
}
