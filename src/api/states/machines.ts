/** Operations on state machines. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { versionResource } from "../../dialects/states-language/engine/names.ts";
import { validateText } from "../../dialects/states-language/validation/validate.ts";
import { equal } from "../../model/equality.ts";
import type { Json } from "../../model/resource.ts";
import { type Operation, arn, arnOf, namespaceOf, page, paged, read, seconds } from "./context.ts";
import { fault } from "./fault.ts";
import {
  type Machine,
  NONE,
  type Particulars,
  changeMachine,
  createWorkflow,
  definitionIn,
  definitionOfVersion,
  findMachine,
  goodName,
  machineOf,
  now,
  publishVersion,
  requireMachine,
  routed,
  tagsIn,
  tagsShape,
} from "./machine.ts";

const type = z.enum(["STANDARD", "EXPRESS"]);
const configurations = {
  loggingConfiguration: z.unknown().optional(),
  tracingConfiguration: z.unknown().optional(),
  encryptionConfiguration: z.unknown().optional(),
};
const created = z.object({
  name: z.string().min(1).max(80),
  definition: z.string().min(1),
  roleArn: z.string().min(1).max(256),
  type: type.default("STANDARD"),
  publish: z.boolean().default(false),
  versionDescription: z.string().optional(),
  tags: tagsShape.optional(),
  ...configurations,
});

const createStateMachine: Operation = async (context, input) => {
  const { name, definition: text, publish, versionDescription, tags: given, ...rest } = read(created, input);
  const resource = goodName(name);
  const definition = definitionIn(text, rest.type);
  const there = findMachine(context, context.namespace, name);
  if (there === undefined) {
    const { encryptionConfiguration: _, ...kept } = rest;
    const particulars = { ...NONE, ...kept, tags: tagsIn(given), updatedAt: now(context) };
    await createWorkflow(context, resource, definition, particulars);
  } else if (!isSameMachine(there, definition, rest)) {
    fault("StateMachineAlreadyExists", `State Machine Already Exists: '${there.arn}'`);
  }
  const machine = requireMachine(context, arn(context.namespace, "stateMachine", name));
  const version = publish ? await publishVersion(context, machine, versionDescription) : undefined;
  return {
    stateMachineArn: machine.arn,
    creationDate: seconds(machine.resource.metadata.creationTimestamp),
    ...(version === undefined ? {} : { stateMachineVersionArn: version }),
  };
};

function isSameMachine(
  { definition, particulars }: Machine,
  wanted: Json,
  given: Pick<Particulars, "type" | "roleArn">,
): boolean {
  return (
    equal(definition, wanted) && particulars.type === given.type && particulars.roleArn === given.roleArn
  );
}

const updated = z.object({
  stateMachineArn: z.string(),
  definition: z.string().optional(),
  roleArn: z.string().optional(),
  publish: z.boolean().default(false),
  versionDescription: z.string().optional(),
  ...configurations,
});

const updateStateMachine: Operation = async (context, input) => {
  const { stateMachineArn, definition: text, publish, versionDescription, ...rest } = read(updated, input);
  const machine = requireMachine(context, stateMachineArn);
  const { encryptionConfiguration: _, roleArn, ...configured } = rest;
  if (text === undefined && Object.values(rest).every((one) => one === undefined))
    fault(
      "MissingRequiredParameter",
      "Either the definition, the role ARN, or a configuration must be specified",
    );
  const definition = text === undefined ? undefined : definitionIn(text, machine.particulars.type);
  const revisionId = randomUUID();
  await changeMachine(context, machine, ({ particulars }) => ({
    definition,
    particulars: {
      ...particulars,
      ...configured,
      ...(roleArn === undefined ? {} : { roleArn }),
      revisionId,
      updatedAt: now(context),
    },
  }));
  const version = publish
    ? await publishVersion(context, requireMachine(context, machine.arn), versionDescription)
    : undefined;
  return {
    updateDate: seconds(context.clock.now()),
    revisionId,
    ...(version === undefined ? {} : { stateMachineVersionArn: version }),
  };
};

const deleteStateMachine: Operation = async (context, input) => {
  const { stateMachineArn } = read(z.object({ stateMachineArn: z.string() }), input);
  const given = arnOf(stateMachineArn, "stateMachine");
  const machine = findMachine(context, namespaceOf(given, context), given.rest[0] ?? "");
  // What is not there is deleted.
  if (machine === undefined) return {};
  const { name } = machine.resource.metadata;
  const names = [name, ...machine.particulars.versions.map(({ version }) => versionResource(name, version))];
  const { namespace } = machine;
  await context.store.commit(
    names.map((one) => ({ type: "delete", key: { kind: "Workflow", namespace, name: one } })),
    { actor: context.actor, action: "delete" },
  );
  return {};
};

export function describeMachine(machine: Machine): Readonly<Record<string, unknown>> {
  const { particulars, definition, resource } = machine;
  return {
    stateMachineArn: machine.arn,
    name: machine.name,
    status: resource.metadata.deletionTimestamp === undefined ? "ACTIVE" : "DELETING",
    definition: JSON.stringify(definition),
    roleArn: particulars.roleArn,
    type: particulars.type,
    creationDate: seconds(resource.metadata.creationTimestamp),
    loggingConfiguration: particulars.loggingConfiguration ?? { level: "OFF", includeExecutionData: false },
    tracingConfiguration: particulars.tracingConfiguration ?? { enabled: false },
    ...(particulars.revisionId === "INITIAL" ? {} : { revisionId: particulars.revisionId }),
  };
}

const describeStateMachine: Operation = async (context, input) => {
  const { stateMachineArn } = read(z.object({ stateMachineArn: z.string() }), input);
  const machine = requireMachine(context, stateMachineArn);
  const described = describeMachine(machine);
  const [, qualifier] = arnOf(stateMachineArn, "stateMachine").rest;
  if (qualifier === undefined) return described;
  const version = routed(machine, stateMachineArn);
  return {
    ...described,
    stateMachineArn: `${machine.arn}:${version.version}`,
    definition: JSON.stringify(definitionOfVersion(context, machine, version.version)),
    creationDate: seconds(version.createdAt),
    revisionId: version.revisionId,
    ...(version.description === undefined ? {} : { description: version.description }),
  };
};

const listStateMachines: Operation = async (context, input) => {
  const asked = read(z.object(page), input);
  const machines = context.store
    .list({ kind: "Workflow", namespace: context.namespace })
    .items.flatMap((resource) => machineOf(resource) ?? [])
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const { items, ...rest } = paged(machines, asked);
  const stateMachines = items.map((machine) => ({
    stateMachineArn: machine.arn,
    name: machine.name,
    type: machine.particulars.type,
    creationDate: seconds(machine.resource.metadata.creationTimestamp),
  }));
  return { stateMachines, ...rest };
};

const validateStateMachineDefinition: Operation = async (_, input) => {
  const asked = read(
    z.object({
      definition: z.string().min(1).max(1_048_576),
      type: type.default("STANDARD"),
      severity: z.enum(["ERROR", "WARNING"]).default("ERROR"),
      maxResults: z.number().int().min(0).max(100).default(100),
    }),
    input,
  );
  const found = validateText(asked.definition, "definition", asked.type);
  const errors = found.filter(({ severity }) => severity === "error");
  const shown = asked.severity === "ERROR" ? errors : found;
  const most = asked.maxResults === 0 ? 100 : asked.maxResults;
  return {
    result: errors.length === 0 ? "OK" : "FAIL",
    diagnostics: shown.slice(0, most).map(({ severity, message, path, code }) => ({
      severity: severity.toUpperCase(),
      code: severity === "error" ? "SCHEMA_VALIDATION_FAILED" : code,
      message,
      ...(path === undefined ? {} : { location: path === "" ? "/" : path }),
    })),
    truncated: shown.length > most,
  };
};

export const machineOperations: Readonly<Record<string, Operation>> = {
  CreateStateMachine: createStateMachine,
  UpdateStateMachine: updateStateMachine,
  DeleteStateMachine: deleteStateMachine,
  DescribeStateMachine: describeStateMachine,
  ListStateMachines: listStateMachines,
  ValidateStateMachineDefinition: validateStateMachineDefinition,
};
