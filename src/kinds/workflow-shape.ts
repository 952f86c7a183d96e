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

const base = {
  needs: z.array(name).optional(),
  when: text.optional(),
  next: name.optional(),
  expected: text.optional(),
};

const call = {
  type: z.literal("function"),
  handler: z.string().regex(/^[\w./-]+(@[\w.-]+)?$/, "must be NAME or NAME@VERSION"),
  input: z.unknown().optional(),
};

/** What any step may have that does something itself, also one that undoes another. */
const attempted = {
  retry: retry.optional(),
  timeouts: timeouts.optional(),
  pool: name.optional(),
  result: jsonSchema.optional(),
};

interface Within {
  /** Of what stands within a step. */
  readonly scope: z.ZodType;
  readonly compensation: z.ZodType;
}

const taskWith = ({ scope, compensation }: Within) => ({
  ...base,
  ...attempted,
  catch: z.array(z.strictObject({ errors, do: scope.optional(), next: name.optional() })).optional(),
  memo: z
    .strictObject({ key: z.unknown().optional(), ttl: text.optional(), version: text.optional() })
    .optional(),
  compensate: compensation.optional(),
});

const texts = z.record(z.string(), z.string());
const variables = z.record(z.string().min(1), z.unknown());
const exitCodes = z.array(z.number().int().min(0).max(255)).optional();
const amount = z.union([z.number().int(), text]);

const driven = { environment: texts.optional(), grace: text.optional() };

const stage = {
  name: text.optional(),
  users: z.array(text).optional(),
  groups: z.array(text).optional(),
  quorum: count.optional(),
};

const placed = {
  ...driven,
  image: text.optional(),
  class: text.optional(),
  location: text.optional(),
  directory: text.optional(),
  resources: z.strictObject({ cpu: text.optional(), memory: text.optional() }).optional(),
};

/** Steps that do something themselves, by type. */
const tasksWith = <T extends Readonly<Record<string, z.ZodType>>>(task: T) =>
  [
    z.strictObject({ ...task, ...call }),
    z.strictObject({
      ...task,
      ...placed,
      type: z.literal("run"),
      command: z.array(z.string()),
      user: text.optional(),
      volumes: z.array(z.strictObject({ volume: text, path: text })).optional(),
      networks: z.array(text).optional(),
      input: z.unknown().optional(),
      output: z.enum(["none", "text", "json", "lines"]).optional(),
      files: z
        .record(name, z.strictObject({ path: text, format: z.enum(["text", "json"]).optional() }))
        .optional(),
      exitCodes: z.strictObject({ success: exitCodes, retryable: exitCodes, terminal: exitCodes }).optional(),
    }),
    z.strictObject({
      ...task,
      type: z.literal("http"),
      url: text,
      method: text.optional(),
      headers: texts.optional(),
      body: z.unknown().optional(),
      expect: z.array(z.number().int().min(100).max(599)).min(1).optional(),
      redirects: z.number().int().min(0).max(20).optional(),
    }),
    z.strictObject({
      ...task,
      type: z.literal("approval"),
      title: text.optional(),
      subject: z.unknown(),
      form: jsonSchema.optional(),
      assignees: z.array(text).optional(),
      quorum: count.optional(),
      chain: z.array(z.strictObject(stage)).min(1).optional(),
      order: z.enum(["sequence", "any"]).optional(),
      delegate: z.array(z.strictObject({ from: text, to: text, until: text.optional() })).optional(),
      expires: text.optional(),
      onExpire: z.enum(["deny", "approve", "escalate"]).optional(),
      escalate: z.strictObject({ ...stage, expires: text.optional() }).optional(),
    }),
    z.strictObject({
      ...task,
      type: z.literal("apply"),
      system: text,
      namespace: text.optional(),
      from: text.optional(),
      resources: z.array(z.record(z.string(), z.unknown())).optional(),
      revision: z.union([z.number().int().min(1), text]).optional(),
      parameters: variables.optional(),
      dryRun: z.boolean().optional(),
      plan: text.optional(),
      wait: z.boolean().optional(),
    }),
    z.strictObject({
      ...task,
      type: z.literal("scale"),
      target: text,
      replicas: amount.optional(),
      by: amount.optional(),
    }),
    z.strictObject({
      ...task,
      type: z.literal("resource"),
      action: z.enum(["create", "apply", "delete", "list"]),
      manifest: z.record(z.string(), z.unknown()).optional(),
      target: text.optional(),
      kind: text.optional(),
      labels: texts.optional(),
      namespace: text.optional(),
      until: text.optional(),
      failOn: z.array(text).min(1).optional(),
    }),
    z.strictObject({
      ...task,
      ...driven,
      type: z.literal("terraform"),
      directory: text,
      action: z.enum(["plan", "apply", "destroy", "output"]),
      plan: text.optional(),
      variables: variables.optional(),
      backend: texts.optional(),
      workspace: text.optional(),
      lockTimeout: text.optional(),
    }),
    z.strictObject({
      ...task,
      ...driven,
      type: z.literal("ansible"),
      playbook: text,
      directory: text.optional(),
      inventory: z.union([text, z.record(z.string(), z.unknown())]).optional(),
      variables: variables.optional(),
      tags: z.array(text).optional(),
      limit: text.optional(),
      check: z.boolean().optional(),
    }),
    z.strictObject({
      ...task,
      type: z.literal("workflow"),
      workflow: workflowName,
      version: text.optional(),
      input: z.unknown().optional(),
    }),
  ] as const;

const waiting = {
  type: z.literal("wait"),
  duration: text.optional(),
  until: text.optional(),
  signal: name.optional(),
  condition: text.optional(),
};

const compensation = z.discriminatedUnion("type", [
  ...tasksWith(attempted),
  z.strictObject({ ...attempted, ...waiting }),
]);

const stepWith = (within: Within, task = taskWith(within)): z.ZodType =>
  z.discriminatedUnion("type", [
    ...tasksWith(task),
    z.strictObject({ ...task, ...waiting, token: within.scope.optional() }),
    z.strictObject({
      ...task,
      type: z.literal("map"),
      items: z.unknown().optional(),
      itemsFrom: z
        .strictObject({ path: text, format: z.enum(["json", "json-lines", "csv"]).optional() })
        .optional(),
      body: within.scope,
      concurrency: count.optional(),
      batch: count.optional(),
      tolerated: z.number().int().min(0).optional(),
      toleratedPercentage: z.number().min(0).max(100).optional(),
    }),
    z.strictObject({
      ...task,
      type: z.literal("parallel"),
      branches: z.array(within.scope).min(1),
      concurrency: count.optional(),
    }),
    z.strictObject({
      type: z.literal("choice"),
      choices: z.array(z.strictObject({ when: text, next: name })).min(1),
      default: name.optional(),
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

type ScopeFields = Readonly<Record<"start" | "steps" | "output" | "finally", z.ZodType>>;

const scope = z.lazy(() => z.strictObject(scopeFields));
const step = stepWith({ scope, compensation });

const scopeFields: ScopeFields = {
  start: name.optional(),
  steps: z.record(name, step),
  output: z.unknown().optional(),
  finally: scope.optional(),
};

const ownFields = {
  parameters: jsonSchema.optional().describe("JSON Schema of the parameters, which are an object."),
  results: jsonSchema.optional().describe("JSON Schema of the output."),
  timeout: text.optional().describe("Longest time of a run, from start to end."),
  program: z
    .strictObject({
      dialect: name.describe("For example states-language or argo."),
      definition: z.unknown().describe("In the words of the dialect."),
    })
    .optional()
    .describe("What runs instead of steps: a definition in a dialect."),
};

export const workflowShape = z.strictObject({ ...scopeFields, ...ownFields, name: workflowName });

const nested = z
  .record(z.string(), z.unknown())
  .describe("A scope within: steps, and what else the workflow itself has of start, output and finally.");

const undoing = z
  .record(z.string(), z.unknown())
  .describe("A step that undoes this one; of any type that does something itself.");

/**
 * The same, of a Workflow's spec. Scopes within steps are told to be objects and no more, since a JSON Schema that refers to
 * itself is more than kinds and their readers know; they are checked by `workflowShape` all the same.
 */
export const definitionFields = {
  start: name
    .optional()
    .describe("The first of the states; absent, steps run as soon as their needs are done."),
  steps: z
    .record(name, stepWith({ scope: nested, compensation: undoing }))
    .default({})
    .describe("By name; what each is, its type says."),
  output: z.unknown().optional().describe("What a run gives; the results of its steps when absent."),
  finally: nested.optional().describe("Steps that run at the end, however the run ended."),
  ...ownFields,
};

export { workflowName };
