/** The calls about one thing of a type, with values in place of bytes. */
import {
  type AttributePath,
  type PluginDiagnostic,
  diagnosticsOf,
  pathIn,
} from "../../terraform/diagnostic.ts";
import { valueFromJson, valueToJson } from "../../terraform/json.ts";
import type { DynamicValue } from "../../terraform/messages.ts";
import { decodeValue, encodeValue } from "../../terraform/msgpack.ts";
import type { Schema } from "../../terraform/schema.ts";
import { type Members, type Value, isMembers, sameValue } from "../../terraform/value.ts";
import { type Place, failureOf, errorsOf } from "./complaints.ts";
import type { Plugin } from "./plugin.ts";
import { proposedNew } from "./proposed.ts";
import type { State } from "./state.ts";

export interface Target {
  readonly plugin: Plugin;
  readonly type: string;
  readonly schema: Schema;
  readonly place: Place;
  readonly signal: AbortSignal;
}

/** What there is: null when nothing. */
export interface Known {
  readonly value: Members | null;
  readonly private: Uint8Array;
}

export interface Planned {
  readonly value: Members | null;
  readonly wire: DynamicValue;
  readonly private: Uint8Array;
  /** Changed attributes by which it cannot stay. */
  readonly replaceBecause: readonly AttributePath[];
  readonly isLegacy: boolean;
  readonly diagnostics: readonly PluginDiagnostic[];
}

export const NOTHING: Known = { value: null, private: new Uint8Array() };

export async function validate(
  { plugin, type, schema, signal }: Target,
  config: Members,
  isData: boolean,
): Promise<readonly PluginDiagnostic[]> {
  const answer = await plugin.call(
    isData ? "validateData" : "validateResource",
    { type_name: type, config: wireOf(config, schema) },
    signal,
  );
  return diagnosticsOf(answer.diagnostics);
}

/** As the provider of now understands it. Rejects with what it complains about. */
export async function known(target: Target, state: State): Promise<Known> {
  const { plugin, type, schema, place, signal } = target;
  const bytes = Buffer.from(state.private, "base64");
  if (state.value === null) return { value: null, private: bytes };
  const isOfNow = state.schemaVersion === schema.version && state.version === plugin.package.version;
  if (isOfNow) return { value: membersOf(valueFromJson(state.value, schema.type)), private: bytes };
  const answer = await plugin.call(
    "upgrade",
    { type_name: type, version: state.schemaVersion, raw_state: { json: Buffer.from(state.value) } },
    signal,
  );
  const problems = diagnosticsOf(answer.diagnostics);
  if (errorsOf(problems).length > 0) throw failureOf(problems, place);
  return { value: membersOf(valueIn(answer.upgraded_state, schema)), private: bytes };
}

/** What is there now. Rejects with what the provider complains about. */
export async function read(target: Target, before: Known): Promise<Known> {
  const { plugin, type, schema, place, signal } = target;
  if (before.value === null) return before;
  const answer = await plugin.call(
    "read",
    { type_name: type, current_state: wireOf(before.value, schema), private: before.private },
    signal,
  );
  const problems = diagnosticsOf(answer.diagnostics);
  if (errorsOf(problems).length > 0) throw failureOf(problems, place);
  return { value: membersOf(valueIn(answer.new_state, schema)), private: answer.private };
}

/** `config`: null to have it go. Errors are among the diagnostics. */
export async function plan(target: Target, prior: Known, config: Members | null): Promise<Planned> {
  const { plugin, type, schema, signal } = target;
  if (config === null && !plugin.planDestroy)
    return {
      value: null,
      wire: wireOf(null, schema),
      private: prior.private,
      replaceBecause: [],
      isLegacy: false,
      diagnostics: [],
    };
  const proposed = config === null ? null : proposedNew(schema.block, prior.value, config);
  const answer = await plugin.call(
    "plan",
    {
      type_name: type,
      prior_state: wireOf(prior.value, schema),
      proposed_new_state: wireOf(proposed, schema),
      config: wireOf(config, schema),
      prior_private: prior.private,
    },
    signal,
  );
  const diagnostics = diagnosticsOf(answer.diagnostics);
  const failed = errorsOf(diagnostics).length > 0;
  const value = failed ? proposed : membersOf(valueIn(answer.planned_state, schema));
  return {
    value,
    wire: failed ? wireOf(proposed, schema) : (answer.planned_state ?? wireOf(null, schema)),
    private: answer.planned_private,
    replaceBecause: failed ? [] : forced(answer.requires_replace.map(pathIn), prior.value, value),
    isLegacy: answer.legacy_type_system === true,
    diagnostics,
  };
}

/** Only what is different counts: providers name more. */
function forced(paths: readonly AttributePath[], prior: Value, planned: Value): readonly AttributePath[] {
  if (prior === null || planned === null) return [];
  return paths.filter((path) => !sameValue(at(prior, path), at(planned, path), "dynamic"));
}

function at(value: Value, path: AttributePath): Value {
  let found: Value = value;
  for (const step of path) {
    if (Array.isArray(found)) found = (found as readonly Value[])[Number(step)] ?? null;
    else if (isMembers(found)) found = found[String(step)] ?? null;
    else return found;
  }
  return found;
}

export interface Applied extends Known {
  readonly isLegacy: boolean;
  readonly diagnostics: readonly PluginDiagnostic[];
}

/** Errors are among the diagnostics: something may have been done all the same, and is in the value. */
export async function apply(
  target: Target,
  prior: Known,
  planned: Planned,
  config: Members | null,
): Promise<Applied> {
  const { plugin, type, schema, signal } = target;
  const answer = await plugin.call(
    "apply",
    {
      type_name: type,
      prior_state: wireOf(prior.value, schema),
      planned_state: planned.wire,
      config: wireOf(config, schema),
      planned_private: planned.private,
    },
    signal,
  );
  const diagnostics = diagnosticsOf(answer.diagnostics);
  // Older providers leave the state out when nothing has changed because of an error.
  const isLeftOut =
    (answer.new_state?.msgpack?.length ?? 0) === 0 && (answer.new_state?.json?.length ?? 0) === 0;
  return {
    value: isLeftOut ? prior.value : membersOf(valueIn(answer.new_state, schema)),
    private: answer.private,
    isLegacy: answer.legacy_type_system === true,
    diagnostics,
  };
}

export async function take(
  target: Target,
  id: string,
): Promise<{ readonly taken: Known | undefined; readonly diagnostics: readonly PluginDiagnostic[] }> {
  const { plugin, type, schema, signal } = target;
  const answer = await plugin.call("import", { type_name: type, id }, signal);
  const one = answer.imported_resources.find(({ type_name: name }) => name === type);
  return {
    taken:
      one === undefined ? undefined : { value: membersOf(valueIn(one.state, schema)), private: one.private },
    diagnostics: diagnosticsOf(answer.diagnostics),
  };
}

export async function readData(
  { plugin, type, schema, signal }: Target,
  config: Members,
): Promise<{ readonly value: Members | null; readonly diagnostics: readonly PluginDiagnostic[] }> {
  const answer = await plugin.call("readData", { type_name: type, config: wireOf(config, schema) }, signal);
  const diagnostics = diagnosticsOf(answer.diagnostics);
  const value = errorsOf(diagnostics).length > 0 ? null : membersOf(valueIn(answer.state, schema));
  return { value, diagnostics };
}

export function jsonOf(value: Members | null): string | null {
  return value === null ? null : valueToJson(value);
}

function wireOf(value: Members | null, { type }: Schema): DynamicValue {
  return { msgpack: encodeValue(value, type) };
}

function valueIn(wire: DynamicValue | null | undefined, { type }: Schema): Value {
  const { msgpack, json } = wire ?? {};
  if (msgpack !== undefined && msgpack.length > 0) return decodeValue(msgpack, type);
  return json === undefined || json.length === 0
    ? null
    : valueFromJson(Buffer.from(json).toString("utf8"), type);
}

function membersOf(value: Value): Members | null {
  return isMembers(value) ? value : null;
}
