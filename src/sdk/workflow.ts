/**
 * `workflow(...)`: a graph of steps, declared by calling them. What comes out is data (workflow/definition/workflow.ts); the
 * handlers behind function steps stay in their module, whose path is noted.
 */
import { dirname, relative } from "node:path";
import { positionInFrame } from "../diagnostics/call-site.ts";
import { type Declared, declare } from "../kinds/declaration.ts";
import type { Scope } from "../workflow/definition/workflow.ts";
import { type Checked, type SchemaOf, jsonSchemaOf } from "../workflow/worker/schema.ts";
import { type ResourceMetadata, remembering } from "./builder.ts";
import type { WorkflowSpec } from "./specs.generated.ts";
import { type Resolved, type Result, resultOf } from "./workflow-result.ts";
import { ScopeBuilder } from "./workflow-scope.ts";

export interface WorkflowOptions<P extends SchemaOf<unknown>> extends Omit<
  WorkflowSpec,
  "parameters" | "results" | "steps" | "start" | "output" | "finally" | "program" | "handlers"
> {
  /** Zod or JSON Schema, of an object. */
  readonly parameters?: P;
  readonly results?: SchemaOf<unknown>;
  /** The module of the handlers; found by itself where they are imported. */
  readonly handlers?: string;
}

/** The steps of a workflow, its parameters and what it is told of its run. */
export interface Flow<P> extends ScopeBuilder {
  readonly param: Result<P>;
  readonly runId: Result<string>;
}

/** `result`: only a type, for workflows that run this one. */
export interface WorkflowDeclaration<R> extends Declared {
  readonly result?: R;
}

type Build = {
  <P extends SchemaOf<unknown> = true, R = unknown>(
    name: string,
    options: WorkflowOptions<P>,
    build: (flow: Flow<Checked<P>>) => R,
    metadata?: ResourceMetadata,
  ): WorkflowDeclaration<Resolved<R>>;
  <R>(
    name: string,
    build: (flow: Flow<Readonly<Record<string, unknown>>>) => R,
  ): WorkflowDeclaration<Resolved<R>>;
  /** As it stands in YAML. */
  (name: string, spec: WorkflowSpec, metadata?: ResourceMetadata): WorkflowDeclaration<unknown>;
};

/**
 * Declares a workflow. Steps begin when what they refer to is done; what does not wait for each other runs at once.
 *
 * @example
 * workflow("etl", { parameters: z.object({ day: z.string() }) }, (flow) => {
 *   const files = flow.step("list", list, { day: flow.param.day });
 *   const loaded = flow.map("load", files.names, (name, each) => each.step("file", load, { name }), { concurrency: 8 });
 *   flow.step("report", report, { loaded });
 * });
 */
export const workflow: Build = remembering<Build>(
  (name: string, ...rest: readonly unknown[]): WorkflowDeclaration<unknown> => {
    const at = rest.findIndex((one) => typeof one === "function");
    const spec =
      at < 0 ? (rest[0] as object) : built(rest[at - 1] ?? {}, rest[at] as (flow: Flow<unknown>) => unknown);
    const metadata = rest[at < 0 ? 1 : at + 1] as ResourceMetadata | undefined;
    return declare(
      { apiVersion: "tutti.dev/v1", kind: "Workflow", metadata: { name, ...metadata }, spec } as never,
      {},
    );
  },
);

function built(options: WorkflowOptions<SchemaOf<unknown>>, build: (flow: Flow<unknown>) => unknown): object {
  const { parameters, results, handlers, ...rest } = options;
  const frames = new Set<string>();
  const scope = new ScopeBuilder({ handlers: frames, scopes: 0 });
  const flow = Object.assign(scope, {
    param: resultOf<unknown>("param"),
    runId: resultOf<string>("run.id"),
  }) as Flow<unknown>;
  const definition: Scope = scope.emit(build(flow));
  const module = handlers ?? moduleOf(frames);
  return {
    ...rest,
    ...(parameters === undefined ? {} : { parameters: jsonSchemaOf(parameters, "input") }),
    ...(results === undefined ? {} : { results: jsonSchemaOf(results, "output") }),
    ...(module === undefined ? {} : { handlers: module }),
    ...definition,
  };
}

/** Where the handlers are that were given as values. */
function moduleOf(frames: ReadonlySet<string>): string | undefined {
  const files = new Set(
    [...frames].map((frame) => positionInFrame(frame)?.file).filter((file) => file !== undefined),
  );
  if (files.size > 1) {
    const [first = "", ...others] = [...files].map((file) => relative(dirname([...files][0] ?? ""), file));
    throw new TypeError(
      `The handlers of a workflow come from one module, these from ${[first, ...others].join(", ")}. ` +
        "Export them all from one, and name that in 'handlers'.",
    );
  }
  return [...files][0];
}
