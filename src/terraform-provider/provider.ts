/**
 * The calls of Terraform, answered by the types: values in and out of the wire, and whatever is wrong as diagnostics.
 *
 *   schema -> validate -> configure -> upgrade, read -> plan -> apply          stop: what is waited for is waited for no more
 *
 *  - A call never fails but for a fault of ours: what is wrong with what people declared, or with the control plane, is said.
 */
import type { Client } from "../client/client.ts";
import { kinds } from "../kinds/registry.ts";
import { type PluginDiagnostic, wireDiagnostic, wirePath } from "../terraform/diagnostic.ts";
import { valueFromJson } from "../terraform/json.ts";
import type { DynamicValue } from "../terraform/messages.ts";
import { decodeValue, encodeValue } from "../terraform/msgpack.ts";
import type { Type } from "../terraform/types.ts";
import { type Members, type Value, isMembers, isWhollyKnown } from "../terraform/value.ts";
import { Refused, complaint, complaintsOf } from "./complaints.ts";
import { type Configured, configuration, configured } from "./configuration.ts";
import { typeNameOf } from "./kind-shape.ts";
import { kindData, kindType } from "./kind-type.ts";
import type { Loading } from "./declaration.ts";
import type { DataType, ResourceType, Session } from "./resource-type.ts";
import type { Answers } from "./server.ts";
import { systemData, systemType } from "./system-type.ts";

export interface ProviderOptions {
  /** Rejects with DiagnosticError when there is none. */
  readonly connect: (configured: Configured) => Promise<Client>;
  readonly log: (message: string) => void;
  readonly loading: Loading;
}

export interface Provider {
  readonly answers: Answers;
  /** Ends what is under way. */
  readonly stop: () => void;
}

export function tuttiProvider({ connect, log, loading }: ProviderOptions): Provider {
  const { resources, data } = typesOf(loading);
  const stopped = new AbortController();
  let client: Promise<Client> | undefined;
  let session: Session = {
    client: () => Promise.reject(new Refused([complaint("The provider has not been configured.")])),
    namespace: "default",
    log,
    signal: stopped.signal,
  };
  const configure = (config: Members): void => {
    const options = configured(config);
    client = undefined;
    session = { ...session, namespace: options.namespace, client: () => (client ??= connected(options)) };
  };
  const connected = (options: Configured): Promise<Client> => {
    if (options.unknown.length === 0) return connect(options);
    const names = options.unknown.join(", ");
    return Promise.reject(
      new Refused([
        complaint(
          `It is not known yet which control plane is meant: ${names} of the provider's configuration.`,
          "Apply first what gives the value, with -target.",
        ),
      ]),
    );
  };
  const resource = (name: string): ResourceType => named(resources, name);
  const answers: Answers = {
    metadata: () =>
      Promise.resolve({
        resources: [...resources.keys()].map((name) => ({ type_name: name })),
        data_sources: [...data.keys()].map((name) => ({ type_name: name })),
      }),
    schema: () =>
      Promise.resolve({
        provider: configuration.schema,
        resource_schemas: Object.fromEntries([...resources].map(([name, { schema }]) => [name, schema])),
        data_source_schemas: Object.fromEntries([...data].map(([name, { schema }]) => [name, schema])),
      }),
    validateProvider: ({ config }) => Promise.resolve({ prepared_config: config }),
    validateResource: ({ type_name: name, config }) =>
      answered(() => {
        const type = resource(name);
        return Promise.resolve(complaining({}, type.validate(membersOf(config, type))));
      }),
    validateData: () => Promise.resolve({}),
    configure: ({ config }) =>
      answered(() => {
        configure(membersOf(config, configuration));
        return Promise.resolve({});
      }),
    upgrade: ({ type_name: name, raw_state: { json } }) =>
      answered(() => {
        const { type } = resource(name);
        return Promise.resolve({
          upgraded_state: wireOf(valueFromJson(Buffer.from(json).toString(), type), type),
        });
      }),
    read: ({ type_name: name, current_state: state, private: own }) =>
      answered(
        async () => {
          const type = resource(name);
          const read = await type.read(session, membersOf(state, type));
          return { new_state: wireOf(read, type.type), private: own };
        },
        { private: own },
      ),
    plan: ({
      type_name: name,
      prior_state: before,
      proposed_new_state: proposed,
      config,
      prior_private: own,
    }) =>
      answered(
        async () => {
          const type = resource(name);
          if (valueOf(proposed, type.type) === null)
            return { planned_state: proposed, requires_replace: [], planned_private: own };
          const prior = valueOf(before, type.type);
          const planned = await type.plan(session, isMembers(prior) ? prior : null, membersOf(config, type));
          return {
            planned_state: wireOf(planned.value, type.type),
            requires_replace: planned.replaceBecause.map(wirePath),
            planned_private: own,
          };
        },
        { requires_replace: [], planned_private: own },
      ),
    apply: ({ type_name: name, prior_state: before, planned_state: wanted, planned_private: own }) =>
      answered(
        async () => {
          const type = resource(name);
          const [prior, planned] = [valueOf(before, type.type), valueOf(wanted, type.type)];
          if (!isMembers(planned)) {
            if (isMembers(prior)) await type.remove(session, prior);
            return { new_state: wireOf(null, type.type), private: own };
          }
          const { state, diagnostics } = await type.apply(session, isMembers(prior) ? prior : null, planned);
          return complaining({ new_state: wireOf(known(state), type.type), private: own }, diagnostics);
        },
        { new_state: before, private: own },
      ),
    import: ({ type_name: name, id }) =>
      answered(
        async () => {
          const type = resource(name);
          const state = wireOf(await type.taken(session, id), type.type);
          return { imported_resources: [{ type_name: name, state, private: new Uint8Array() }] };
        },
        { imported_resources: [] },
      ),
    readData: ({ type_name: name, config }) =>
      answered(async () => {
        const type = named(data, name);
        return { state: wireOf(await type.look(session, membersOf(config, type)), type.type) };
      }),
    stop: () => {
      stopped.abort();
      return Promise.resolve({});
    },
  };
  return {
    answers,
    stop: () => {
      stopped.abort();
      void client?.then(
        (one) => one.close(),
        () => undefined,
      );
    },
  };
}

/** Planned with all that is in them, not by themselves. */
const OF_SYSTEMS: ReadonlySet<string> = new Set(["System", "ResourceSet"]);

function typesOf(loading: Loading): {
  readonly resources: ReadonlyMap<string, ResourceType>;
  readonly data: ReadonlyMap<string, DataType>;
} {
  const declared = kinds.filter((kind) => kind.declarable && !OF_SYSTEMS.has(kind.kind));
  return {
    resources: new Map([
      ["tutti_system", systemType(loading)],
      ...declared.map((kind): [string, ResourceType] => [typeNameOf(kind), kindType(kind)]),
    ]),
    data: new Map([
      ...kinds.map((kind): [string, DataType] => [typeNameOf(kind), kindData(kind)]),
      ["tutti_system", systemData()],
    ]),
  };
}

function named<T>(types: ReadonlyMap<string, T>, name: string): T {
  const type = types.get(name);
  if (type === undefined) throw new Refused([complaint(`There is no type '${name}'.`)]);
  return type;
}

/** `otherwise`: what an answer with errors holds besides. */
async function answered<A extends object>(
  work: () => Promise<A>,
  otherwise: Partial<A> = {},
): Promise<A & { readonly diagnostics?: readonly ReturnType<typeof wireDiagnostic>[] }> {
  try {
    return await work();
  } catch (error) {
    return complaining(otherwise as A, complaintsOf(error));
  }
}

function complaining<A extends object>(answer: A, diagnostics: readonly PluginDiagnostic[]): A {
  return diagnostics.length === 0 ? answer : { ...answer, diagnostics: diagnostics.map(wireDiagnostic) };
}

/** What was made although something failed is kept; there is no state of what is unknown. */
function known(state: Members | null): Members | null {
  if (state === null) return null;
  return Object.fromEntries(
    Object.entries(state).map(([name, value]) => [name, isWhollyKnown(value) ? value : null]),
  );
}

function valueOf(wire: DynamicValue | null | undefined, type: Type): Value {
  const { msgpack, json } = wire ?? {};
  if (msgpack !== undefined && msgpack.length > 0) return decodeValue(msgpack, type);
  return json !== undefined && json.length > 0 ? valueFromJson(Buffer.from(json).toString(), type) : null;
}

function membersOf(wire: DynamicValue | null | undefined, { type }: { readonly type: Type }): Members {
  const value = valueOf(wire, type);
  return isMembers(value) ? value : {};
}

function wireOf(value: Value, type: Type): DynamicValue {
  return { msgpack: encodeValue(value, type) };
}
