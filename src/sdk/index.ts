/**
 * What `import { ... } from "tutti"` gives: a builder for every kind that people declare, `system`, and types.
 *
 * A builder takes a name and a spec and gives a declaration. A declaration may stand wherever its name is wanted, and
 * carries references to what the thing will put out once it exists: `database("orders").url`.
 */
export * from "./specs.generated.ts";
export type {
  Builder,
  Declared,
  Expression,
  Name,
  Numeric,
  OneOf,
  ResourceMetadata,
  Text,
  Truth,
} from "./builder.ts";
export { Ref } from "./builder.ts";
export { z } from "zod";
export {
  type CommonSpec,
  type ResourceKind,
  type ResourceOptions,
  defineResource,
} from "./define-resource.ts";
export {
  type Listed,
  type Objection,
  type Observed,
  RequeueAfter,
  type ResourceCall,
} from "./resource-functions.ts";
export { type Each, each } from "./each.ts";
export {
  type Manifest,
  type Parameter,
  type ParameterType,
  type Parameters,
  type Place,
  type Resources,
  type SystemDeclaration,
  type SystemOptions,
  type Values,
  type Wave,
  env,
  expression,
  system,
} from "./system.ts";
export {
  type Handler,
  type HandlerContext,
  type HandlerOptions,
  handler,
} from "../workflow/worker/handler.ts";
export { type FailureOptions, RetryableError, TerminalError } from "../workflow/worker/failures.ts";
export { codeWorkflow } from "./code-workflow.ts";
export { type Flow, type WorkflowDeclaration, type WorkflowOptions, workflow } from "./workflow.ts";
export { type Given, type Resolved, type Result, cel } from "./workflow-result.ts";
export {
  type Applied,
  type AppliedResource,
  type MapSettings,
  type ScopeBuilder,
  type StepSettings,
  type StoredResource,
} from "./workflow-scope.ts";
export { type Undo, type UndoSettings, retry, undo, undoTask } from "./workflow-undo.ts";
