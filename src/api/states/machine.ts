/**
 * State machines as resources: Workflows whose program is in the States Language. What the service knows of one beyond its definition is in an
 * annotation, `states.tutti.dev/machine`.
 */
import { z } from "zod";
import { DIALECT } from "../../dialects/states-language/engine/dialect.ts";
import {
  resourceName,
  serviceName,
  versionIn,
  versionResource,
} from "../../dialects/states-language/engine/names.ts";
import { validateText } from "../../dialects/states-language/validation/validate.ts";
import { formatDiagnostic } from "../../diagnostics/diagnostic.ts";
import { workflow as workflowKind } from "../../kinds/workflow.ts";
import { validateAs } from "../../kinds/validate.ts";
import type { Json } from "../../model/resource.ts";
import {
  type Draft,
  type Operation as StoreOperation,
  type Resource,
  StoreError,
} from "../../store/store.ts";
import { type StatesContext, arn, arnOf, namespaceOf } from "./context.ts";
import { Fault, fault } from "./fault.ts";

const ANNOTATION = "states.tutti.dev/machine";

/** The tag that names the module whose exports are the functions of the machine; an absolute path. Workers have them too. */
const HANDLERS = "tutti.dev/handlers";

export interface Version {
  readonly version: number;
  readonly description?: string | undefined;
  readonly revisionId: string;
  readonly createdAt: string;
}

export interface Alias {
  readonly name: string;
  readonly description?: string | undefined;
  readonly routing: readonly { readonly stateMachineVersionArn: string; readonly weight: number }[];
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** What is in the annotation. */
export interface Particulars {
  readonly type: "STANDARD" | "EXPRESS";
  readonly roleArn: string;
  readonly revisionId: string;
  readonly updatedAt: string;
  readonly loggingConfiguration?: unknown;
  readonly tracingConfiguration?: unknown;
  readonly tags: Readonly<Record<string, string>>;
  readonly versions: readonly Version[];
  /** The number of the next. */
  readonly nextVersion: number;
  readonly aliases: readonly Alias[];
}

export interface Machine {
  readonly resource: Resource<{ readonly program: { readonly definition: Json } }>;
  readonly namespace: string;
  readonly name: string;
  readonly arn: string;
  readonly definition: Json;
  readonly particulars: Particulars;
}

export const NONE: Omit<Particulars, "updatedAt"> = {
  type: "STANDARD",
  roleArn: "arn:aws:iam::000000000000:role/tutti",
  revisionId: "INITIAL",
  tags: {},
  versions: [],
  nextVersion: 1,
  aliases: [],
};

/** Undefined where the Workflow is of another dialect, or of none. */
export function machineOf(resource: Resource): Machine | undefined {
  const { metadata, spec } = resource as Machine["resource"];
  const program = spec.program as { readonly dialect?: string; readonly definition: Json } | undefined;
  if (program?.dialect !== DIALECT || versionIn(metadata.name).version !== undefined) return undefined;
  const { namespace = "default" } = metadata;
  const name = serviceName(metadata.name);
  const kept = metadata.annotations?.[ANNOTATION];
  const particulars = {
    ...NONE,
    updatedAt: metadata.creationTimestamp,
    ...(kept === undefined ? {} : (JSON.parse(kept) as Partial<Particulars>)),
  };
  return {
    resource: resource as Machine["resource"],
    namespace,
    name,
    arn: arn(namespace, "stateMachine", name),
    definition: program.definition,
    particulars,
  };
}

export function findMachine(context: StatesContext, namespace: string, name: string): Machine | undefined {
  for (const known of [resourceName(name), name]) {
    const key = { kind: "Workflow", namespace, name: known ?? "" };
    const found = context.store.get(key);
    const machine = found === undefined ? undefined : machineOf(found);
    if (machine?.name === name) return machine;
  }
  return undefined;
}

/** By its ARN, with or without a version or alias. Refuses with InvalidArn and StateMachineDoesNotExist. */
export function requireMachine(context: StatesContext, text: string): Machine {
  const given = arnOf(text, "stateMachine");
  const [name = ""] = given.rest;
  return (
    findMachine(context, namespaceOf(given, context), name) ??
    fault("StateMachineDoesNotExist", `State Machine Does Not Exist: '${text}'`)
  );
}

interface MachineChange {
  readonly particulars: Particulars;
  readonly definition?: Json | undefined;
  /** In the same commit. */
  readonly more?: readonly StoreOperation[];
}

/** Others write to it as well, their status above all: then the change is made again, from what is there then. */
const ATTEMPTS = 16;

export async function changeMachine(
  context: StatesContext,
  { arn: text }: Machine,
  change: (machine: Machine) => MachineChange,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const machine = requireMachine(context, text);
    const { particulars, definition, more = [] } = change(machine);
    const { metadata, spec } = machine.resource;
    const annotations = { ...metadata.annotations, [ANNOTATION]: JSON.stringify(particulars) };
    const resource: Draft = {
      ...machine.resource,
      metadata: { ...metadata, annotations },
      spec: definition === undefined ? spec : { ...spec, program: { dialect: DIALECT, definition } },
    };
    try {
      await context.store.commit(
        [{ type: "update", resource, expectedVersion: metadata.resourceVersion }, ...more],
        { actor: context.actor, action: "update" },
      );
      return;
    } catch (error) {
      if (!(error instanceof StoreError && error.code === "Conflict")) throw error;
      if (attempt === ATTEMPTS)
        fault("ConflictException", "Others have changed the state machine all the time; do it again.");
    }
  }
}

/** Refuses with InvalidDefinition all that is wrong at once. */
export function definitionIn(text: string, type: Particulars["type"]): Json {
  const problems = validateText(text, "definition", type).filter(({ severity }) => severity === "error");
  if (problems.length > 0) {
    const told = problems.map(
      ({ message, path }) => `SCHEMA_VALIDATION_FAILED: ${message} at ${path ?? "/"}`,
    );
    fault("InvalidDefinition", `Invalid State Machine Definition: '${told.join(", ")}'`);
  }
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    return fault(
      "InvalidDefinition",
      `Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: ${(error as Error).message}'`,
    );
  }
}

export function goodName(name: string): string {
  return resourceName(name) ?? fault("InvalidName", `Invalid Name: '${name}'`);
}

export const tagsShape = z
  .array(z.object({ key: z.string().min(1).max(128), value: z.string().max(256) }))
  .max(50);

export function tagsIn(given: z.infer<typeof tagsShape> = []): Readonly<Record<string, string>> {
  return Object.fromEntries(given.map(({ key, value }) => [key, value]));
}

export async function createWorkflow(
  context: StatesContext,
  name: string,
  definition: Json,
  particulars: Particulars,
): Promise<void> {
  const annotations = { [ANNOTATION]: JSON.stringify(particulars) };
  const resource = workflowDraft(
    { name, namespace: context.namespace, annotations },
    definition,
    particulars.tags[HANDLERS],
  );
  try {
    await context.store.commit([{ type: "create", resource }], {
      actor: context.actor,
      action: "create",
    });
  } catch (error) {
    if (!(error instanceof StoreError && error.code === "AlreadyExists")) throw error;
    fault(
      "StateMachineAlreadyExists",
      `State Machine Already Exists: a Workflow '${name}' is there already.`,
    );
  }
}

function workflowDraft(metadata: Draft["metadata"], definition: Json, handlers?: string): Draft {
  const { resource, diagnostics } = validateAs(workflowKind, {
    apiVersion: "tutti.dev/v1",
    kind: "Workflow",
    metadata,
    spec: { program: { dialect: DIALECT, definition }, ...(handlers === undefined ? {} : { handlers }) },
  });
  if (resource === undefined)
    throw new Fault("InvalidDefinition", diagnostics.map(formatDiagnostic).join(" "));
  return resource;
}

export function now({ clock }: Pick<StatesContext, "clock">): string {
  return new Date(clock.now()).toISOString();
}

/** Gives the ARN of the version; the same again when nothing has changed since the last one. */
export async function publishVersion(
  context: StatesContext,
  machine: Machine,
  description: string | undefined,
): Promise<string> {
  let version = 0;
  await changeMachine(context, machine, ({ particulars, definition, namespace, resource }) => {
    const { revisionId, versions, nextVersion, tags: given } = particulars;
    const last = versions.at(-1);
    version = last?.revisionId === revisionId ? last.version : nextVersion;
    if (version !== nextVersion) return { particulars };
    const published: Version = { version, description, revisionId, createdAt: now(context) };
    const name = versionResource(resource.metadata.name, version);
    const draft = workflowDraft({ name, namespace }, definition, given[HANDLERS]);
    return {
      particulars: { ...particulars, versions: [...versions, published], nextVersion: version + 1 },
      more: [{ type: "create", resource: draft }],
    };
  });
  return `${machine.arn}:${version}`;
}

/** The version that an ARN with a number or alias names; of an alias the one with the greatest weight, or as `chance` has it. */
export function routed(machine: Machine, text: string, chance?: number): Version {
  const { versions, aliases } = machine.particulars;
  const [, qualifier = ""] = arnOf(text, "stateMachine").rest;
  const alias = aliases.find(({ name }) => name === qualifier);
  const wanted = alias === undefined ? qualifier : versionNumber(target(alias, chance));
  return (
    versions.find(({ version }) => String(version) === wanted) ??
    fault("StateMachineDoesNotExist", `State Machine Does Not Exist: '${text}'`)
  );
}

export function versionNumber(text: string): string {
  return arnOf(text, "stateMachine").rest[1] ?? "";
}

/** `chance`: in [0, 1). */
function target({ routing }: Alias, chance?: number): string {
  const [first, second] = routing.toSorted((one, other) => other.weight - one.weight);
  const isSecond = chance !== undefined && second !== undefined && chance * 100 >= (first?.weight ?? 0);
  return (isSecond ? second : first)?.stateMachineVersionArn ?? "";
}

export function definitionOfVersion(context: StatesContext, machine: Machine, version: number): Json {
  const name = versionResource(machine.resource.metadata.name, version);
  const found = context.store.get({ kind: "Workflow", namespace: machine.namespace, name });
  return (found as Machine["resource"] | undefined)?.spec.program.definition ?? null;
}
