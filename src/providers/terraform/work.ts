/** One thing of a provider's type, while something is done about it. */
import { createHash } from "node:crypto";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import { adoptedId } from "../../provider/adoption.ts";
import {
  type Desired,
  type Observation,
  type ProviderContext,
  TerminalError,
} from "../../provider/provider.ts";
import type { Schema } from "../../terraform/schema.ts";
import type { Members } from "../../terraform/value.ts";
import { type Known, type Target, jsonOf } from "./calls.ts";
import { decodeConfig } from "./config.ts";
import { type Sealing, outputOf } from "./outputs.ts";
import type { Plugin } from "./plugin.ts";
import { opened } from "./secrets.ts";
import { type State, sealState } from "./state.ts";

export interface ResourceSpec {
  readonly provider?: string;
  readonly type?: string;
  readonly data?: boolean;
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface Work {
  readonly desired: Desired<ResourceSpec>;
  readonly context: ProviderContext;
  readonly target: Target;
  readonly state: State | undefined;
}

/** Refuses with TerminalError what says neither. */
export function named({ provider, type }: ResourceSpec): {
  readonly provider: string;
  readonly type: string;
} {
  if (provider !== undefined && type !== undefined) return { provider, type };
  const lacks = provider === undefined ? "provider" : "type";
  throw new TerminalError({
    code: "MissingProvider",
    path: `spec.${lacks}`,
    message: `A Resource of class terraform needs a ${lacks}.`,
    hint: "Name a Provider, or a source such as hashicorp/random, and a type of it.",
  });
}

/** Refuses with TerminalError a type that the provider does not know. */
export function schemaFor(plugin: Plugin, { data }: ResourceSpec, type: string): Schema {
  const kind = data === true ? "data" : "resource";
  const schema = plugin.schema(kind, type);
  if (schema !== undefined) return schema;
  const names = kind === "data" ? plugin.dataTypes : plugin.resourceTypes;
  const isOther = plugin.schema(kind === "data" ? "resource" : "data", type) !== undefined;
  throw new TerminalError({
    code: "UnknownType",
    path: "spec.type",
    message: `The provider ${plugin.package.source} has no ${kind === "data" ? "data source" : "resource"} '${type}'.`,
    hint: isOther
      ? `It is a ${kind === "data" ? "resource: leave out 'data'" : "data source: set 'data: true'"}.`
      : (didYouMean(type, names) ?? `It has ${names.slice(0, 12).toSorted().join(", ")}.`),
  });
}

/** Refuses with TerminalError what cannot be decoded. */
export function configOf({ desired, context, target }: Work): Members {
  const declared = opened(desired.spec.config ?? {}, context.keyring);
  const { value, problems } = decodeConfig(declared, target.schema.block, target.place);
  const [problem] = problems;
  if (problem !== undefined) throw new TerminalError(problem);
  return value;
}

/** The next state. `config`: what it was brought to, when it was. */
export function stateFrom(
  { target, state: before }: Work,
  { value, private: bytes }: Known,
  { config, isTainted = false }: { readonly config?: string | undefined; readonly isTainted?: boolean } = {},
): State {
  const { plugin, type, schema } = target;
  return {
    source: plugin.package.source,
    version: plugin.package.version,
    type,
    schemaVersion: schema.version,
    value: jsonOf(value),
    private: Buffer.from(bytes).toString("base64"),
    serial: (before?.serial ?? 0) + 1,
    ...(config === undefined ? {} : { config }),
    ...(isTainted ? { isTainted } : {}),
  };
}

/** Of what it was brought to: the configuration, and the provider that understood it. */
export function hashOf({ desired, target }: Work): string {
  const { package: from } = target.plugin;
  return createHash("sha256")
    .update(JSON.stringify([from.source, from.version, target.type, desired.spec.config ?? {}]))
    .digest("base64url");
}

export function observationOf(work: Work, state: State, value: Members): Observation {
  const { desired, context, target } = work;
  const adopted = adoptedId(desired);
  return {
    outputs: {
      ...outputsOf(work, value),
      terraform: sealState(
        { ...state, schemaVersion: target.schema.version, value: jsonOf(value) },
        context.keyring,
      ),
      ...(adopted === undefined ? {} : { adopted }),
    },
    ready: true,
  };
}

/** `id` and `output`. */
export function outputsOf(work: Work, value: Members): Readonly<Record<string, unknown>> {
  const { id } = value;
  const output = outputOf(value, work.target.schema.block, sealingOf(work));
  return { ...(typeof id === "string" ? { id } : {}), output };
}

export function sealingOf({ context: { keyring }, target }: Work): Sealing {
  return { keyring, secrets: target.place.secrets };
}
