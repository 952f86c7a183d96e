/** Versions, which never change, and aliases, which send executions to one or two of them by weight. */
import { z } from "zod";
import { versionResource } from "../../dialects/states-language/engine/names.ts";
import { type Operation, type StatesContext, arnOf, page, paged, read, seconds } from "./context.ts";
import { fault } from "./fault.ts";
import {
  type Alias,
  type Machine,
  now,
  publishVersion,
  requireMachine,
  versionNumber,
  changeMachine,
} from "./machine.ts";

const publishStateMachineVersion: Operation = async (context, input) => {
  const { stateMachineArn, revisionId, description } = read(
    z.object({
      stateMachineArn: z.string(),
      revisionId: z.string().optional(),
      description: z.string().max(256).optional(),
    }),
    input,
  );
  const machine = requireMachine(context, stateMachineArn);
  if (revisionId !== undefined && revisionId !== machine.particulars.revisionId)
    fault("ConflictException", `The revision '${revisionId}' is not the newest.`);
  const version = await publishVersion(context, machine, description);
  const { particulars } = requireMachine(context, machine.arn);
  const published = particulars.versions.find((one) => String(one.version) === versionNumber(version));
  return {
    stateMachineVersionArn: version,
    creationDate: seconds(published?.createdAt ?? now(context)),
  };
};

const deleteStateMachineVersion: Operation = async (context, input) => {
  const { stateMachineVersionArn: text } = read(z.object({ stateMachineVersionArn: z.string() }), input);
  const machine = requireMachine(context, text);
  const { versions, aliases } = machine.particulars;
  const wanted = versionNumber(text);
  const referring = aliases.find(({ routing }) =>
    routing.some((one) => versionNumber(one.stateMachineVersionArn) === wanted),
  );
  if (referring !== undefined)
    fault("ConflictException", `The alias '${referring.name}' refers to the version.`);
  if (versions.every(({ version }) => String(version) !== wanted)) return {};
  const { namespace, resource } = machine;
  const name = versionResource(resource.metadata.name, Number(wanted));
  await changeMachine(context, machine, ({ particulars }) => ({
    particulars: {
      ...particulars,
      versions: particulars.versions.filter(({ version }) => String(version) !== wanted),
    },
    more: [{ type: "delete", key: { kind: "Workflow", namespace, name } }],
  }));
  return {};
};

const listStateMachineVersions: Operation = async (context, input) => {
  const asked = read(z.object({ stateMachineArn: z.string(), ...page }), input);
  const machine = requireMachine(context, asked.stateMachineArn);
  const { items, ...rest } = paged(machine.particulars.versions.toReversed(), asked);
  const stateMachineVersions = items.map(({ version, createdAt }) => ({
    stateMachineVersionArn: `${machine.arn}:${version}`,
    creationDate: seconds(createdAt),
  }));
  return { stateMachineVersions, ...rest };
};

const routing = z
  .array(z.object({ stateMachineVersionArn: z.string(), weight: z.number().int().min(0).max(100) }))
  .min(1)
  .max(2);

function checkRouting(context: StatesContext, given: z.infer<typeof routing>): Machine {
  const [first] = given;
  const machine = requireMachine(context, first?.stateMachineVersionArn ?? "");
  for (const { stateMachineVersionArn: text } of given) {
    const isKnown = machine.particulars.versions.some(
      ({ version }) => String(version) === versionNumber(text),
    );
    if (!isKnown || requireMachine(context, text).arn !== machine.arn)
      fault("ValidationException", `'${text}' is no version of ${machine.arn}.`);
  }
  if (given.reduce((sum, { weight }) => sum + weight, 0) !== 100)
    fault("ValidationException", "The weights of a routing configuration add up to 100.");
  return machine;
}

const createStateMachineAlias: Operation = async (context, input) => {
  const { name, description, routingConfiguration } = read(
    z.object({
      name: z.string().regex(/^(?=.*[a-zA-Z_.-])[a-zA-Z0-9_.-]{1,80}$/),
      description: z.string().max(256).optional(),
      routingConfiguration: routing,
    }),
    input,
  );
  const machine = checkRouting(context, routingConfiguration);
  const { aliases } = machine.particulars;
  const there = aliases.find((one) => one.name === name);
  if (there !== undefined && JSON.stringify(there.routing) !== JSON.stringify(routingConfiguration))
    fault("ConflictException", `The alias '${name}' exists already, with another routing.`);
  const at = now(context);
  const alias: Alias = there ?? {
    name,
    description,
    routing: routingConfiguration,
    createdAt: at,
    updatedAt: at,
  };
  if (there === undefined)
    await changeMachine(context, machine, ({ particulars }) => ({
      particulars: { ...particulars, aliases: [...particulars.aliases, alias] },
    }));
  return { stateMachineAliasArn: `${machine.arn}:${name}`, creationDate: seconds(alias.createdAt) };
};

function requireAlias(
  context: StatesContext,
  text: string,
): { readonly machine: Machine; readonly alias: Alias } {
  const machine = requireMachine(context, text);
  const [, wanted] = arnOf(text, "stateMachine").rest;
  const alias = machine.particulars.aliases.find(({ name }) => name === wanted);
  if (alias === undefined)
    return fault("ResourceNotFound", `Request references a resource that does not exist: '${text}'`);
  return { machine, alias };
}

const byAlias = { stateMachineAliasArn: z.string() };

const describeStateMachineAlias: Operation = async (context, input) => {
  const { stateMachineAliasArn } = read(z.object(byAlias), input);
  const { machine, alias } = requireAlias(context, stateMachineAliasArn);
  return {
    stateMachineAliasArn: `${machine.arn}:${alias.name}`,
    name: alias.name,
    ...(alias.description === undefined ? {} : { description: alias.description }),
    routingConfiguration: alias.routing,
    creationDate: seconds(alias.createdAt),
    updateDate: seconds(alias.updatedAt),
  };
};

const updateStateMachineAlias: Operation = async (context, input) => {
  const { stateMachineAliasArn, description, routingConfiguration } = read(
    z.object({
      ...byAlias,
      description: z.string().max(256).optional(),
      routingConfiguration: routing.optional(),
    }),
    input,
  );
  const { machine, alias } = requireAlias(context, stateMachineAliasArn);
  if (routingConfiguration !== undefined) checkRouting(context, routingConfiguration);
  const changed: Alias = {
    ...alias,
    description: description ?? alias.description,
    routing: routingConfiguration ?? alias.routing,
    updatedAt: now(context),
  };
  await changeMachine(context, machine, ({ particulars }) => ({
    particulars: {
      ...particulars,
      aliases: particulars.aliases.map((one) => (one.name === alias.name ? changed : one)),
    },
  }));
  return { updateDate: seconds(changed.updatedAt) };
};

const deleteStateMachineAlias: Operation = async (context, input) => {
  const { stateMachineAliasArn } = read(z.object(byAlias), input);
  const { machine, alias } = requireAlias(context, stateMachineAliasArn);
  await changeMachine(context, machine, ({ particulars }) => ({
    particulars: {
      ...particulars,
      aliases: particulars.aliases.filter(({ name }) => name !== alias.name),
    },
  }));
  return {};
};

const listStateMachineAliases: Operation = async (context, input) => {
  const asked = read(z.object({ stateMachineArn: z.string(), ...page }), input);
  const machine = requireMachine(context, asked.stateMachineArn);
  const { items, ...rest } = paged(machine.particulars.aliases, asked);
  const stateMachineAliases = items.map(({ name, createdAt }) => ({
    stateMachineAliasArn: `${machine.arn}:${name}`,
    creationDate: seconds(createdAt),
  }));
  return { stateMachineAliases, ...rest };
};

export const versionOperations: Readonly<Record<string, Operation>> = {
  PublishStateMachineVersion: publishStateMachineVersion,
  DeleteStateMachineVersion: deleteStateMachineVersion,
  ListStateMachineVersions: listStateMachineVersions,
  CreateStateMachineAlias: createStateMachineAlias,
  DescribeStateMachineAlias: describeStateMachineAlias,
  UpdateStateMachineAlias: updateStateMachineAlias,
  DeleteStateMachineAlias: deleteStateMachineAlias,
  ListStateMachineAliases: listStateMachineAliases,
};
