/**
 * The shape of a workflow as a Zod schema: which fields there are and of which type. What they mean together is
 * workflow/definition/meaning.ts.
 */
import { z } from "zod";

/** Names stand in expressions, paths and file names. */
const name = z
  .string()
  .regex(
    /^[a-zA-Z][a-zA-Z0-9_-]{0,127}$/,
    "must begin with a letter and hold only letters, digits, - and _, 128 at most",
  );
/** Of a resource. */
const workflowName = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,252}$/, "must be the name of a workflow");
const text = z.string().min(1);
const count = z.number().int().min(1);
const jsonSchema = z.union([z.record(z.string(), z.unknown()), z.boolean()]);
const scope = z.lazy(() => z.strictObject(scopeFields));

const timeouts = z.strictObject({
  attempt: text.optional(),
  total: text.optional(),
  queue: text.optional(),
  heartbeat: text.optional(),
});

const errors = z.array(text).min(1);

const retry = z.array(
  z.strictObject({
    errors,
    attempts: count,
    interval: text.optional(),
    rate: z.number().min(1).max(100).optional(),
    maximum: text.optional(),
    jitter: z.enum(["full", "none"]).optional(),
  }),
);

const base = { needs: z.array(name).optional(), when: text.optional(), next: name.optional() };

const call = {
  type: z.literal("function"),
  handler: z.string().regex(/^[\w./-]+(@[\w.-]+)?$/, "must be NAME or NAME@VERSION"),
  input: z.unknown().optional(),
};

const task = {
  ...base,
  retry: retry.optional(),
  catch: z.array(z.strictObject({ errors, do: scope.optional(), next: name.optional() })).optional(),
  timeouts: timeouts.optional(),
  pool: name.optional(),
  compensate: z.strictObject({ ...call, retry: retry.optional(), timeouts: timeouts.optional() }).optional(),
  result: jsonSchema.optional(),
};

const step = z.discriminatedUnion("type", [
  z.strictObject({ ...task, ...call }),
  z.strictObject({
    ...task,
    type: z.literal("run"),
    command: z.array(z.string()).min(1),
    container: text.optional(),
    environment: z.record(z.string(), z.string()).optional(),
    input: z.unknown().optional(),
  }),
  z.strictObject({
    ...task,
    type: z.literal("http"),
    url: text,
    method: text.optional(),
    headers: z.record(z.string(), z.string()).optional(),
    body: z.unknown().optional(),
  }),
  z.strictObject({
    ...task,
    type: z.literal("wait"),
    duration: text.optional(),
    until: text.optional(),
    signal: name.optional(),
    condition: text.optional(),
  }),
  z.strictObject({
    ...task,
    type: z.literal("approval"),
    subject: z.unknown(),
    form: jsonSchema.optional(),
    assignees: z.array(text).optional(),
    quorum: count.optional(),
    expires: text.optional(),
    onExpire: z.enum(["deny", "approve", "escalate"]).optional(),
  }),
  z.strictObject({
    ...task,
    type: z.literal("map"),
    items: z.unknown(),
    body: scope,
    concurrency: count.optional(),
    tolerated: z.number().int().min(0).optional(),
  }),
  z.strictObject({
    ...task,
    type: z.literal("parallel"),
    branches: z.array(scope).min(1),
    concurrency: count.optional(),
  }),
  z.strictObject({
    type: z.literal("choice"),
    choices: z.array(z.strictObject({ when: text, next: name })).min(1),
    default: name.optional(),
  }),
  z.strictObject({
    ...task,
    type: z.literal("workflow"),
    workflow: workflowName,
    version: text.optional(),
    input: z.unknown().optional(),
  }),
  z.strictObject({ ...base, type: z.literal("pass"), output: z.unknown().optional() }),
  z.strictObject({
    type: z.literal("fail"),
    needs: base.needs,
    when: base.when,
    error: text,
    message: z.string().optional(),
  }),
  z.strictObject({ type: z.literal("succeed"), output: z.unknown().optional() }),
]);

const scopeFields: Readonly<Record<"start" | "steps" | "output" | "finally", z.ZodType>> = {
  start: name.optional(),
  steps: z.record(name, step),
  output: z.unknown().optional(),
  finally: scope.optional(),
};

/** What is hashed, but for the name. */
export const definitionFields = {
  ...scopeFields,
  parameters: jsonSchema.optional(),
  results: jsonSchema.optional(),
  timeout: text.optional(),
  program: z.strictObject({ dialect: name, definition: z.unknown() }).optional(),
};

export const workflowShape = z.strictObject({ ...definitionFields, name: workflowName });
