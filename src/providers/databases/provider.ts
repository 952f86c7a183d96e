/**
 * The provider of Databases of one class: a source of servers, and what is done in them.
 *
 *   source.ensure --> server --until it answers--> database and accounts --> ready
 *
 *  - Passwords are derived from the control plane's key and the resource's identity (Keyring.derive): none is ever
 *    recorded, so none can be lost by a crash.
 */
import type { DatabaseEngine, DatabaseServers, ServerAccess } from "../../provider/database-server.ts";
import {
  type Desired,
  type Observation,
  type Provider,
  type ProviderContext,
  RequeueAfter,
  TerminalError,
} from "../../provider/provider.ts";
import type { DatabaseSpec, EngineKnowledge, WantedDatabase } from "./engine.ts";

/** First start after a crash replays the log: give it time. */
const START_PATIENCE = 60_000;

export function databaseProvider(source: DatabaseServers, engines: readonly EngineKnowledge[]): Provider {
  const engineOf = (spec: DatabaseSpec): EngineKnowledge => {
    const found = engines.find(({ engine }) => engine === spec.engine);
    if (found !== undefined) return found;
    throw new TerminalError({
      code: "UnknownEngine",
      path: "spec.engine",
      message: `The class '${source.class}' has no ${spec.engine}.`,
      hint: `It has ${engines.map(({ engine }) => engine).join(", ")}.`,
    });
  };
  const provider: Provider<DatabaseSpec> = {
    kind: "Database",
    class: source.class,
    capabilities: source.capabilities,
    features: [...new Set([...source.features, ...engines.flatMap(({ features }) => features)])],
    ...(source.obstacles === undefined ? {} : { obstacles: (prospect) => source.obstacles!(prospect) }),
    observe: async (desired, context) => {
      const engine = engineOf(desired.spec);
      const access = await source.find(desired, context);
      if (access === undefined) return undefined;
      const { ready } = await engine.checkReady(access);
      return observation(wantedOf(desired, context), access, ready, engine, context);
    },
    ensure: async (desired, context) => {
      const engine = engineOf(desired.spec);
      const access = await source.ensure(desired, context);
      await untilReady(access, engine, context);
      const wanted = wantedOf(desired, context);
      if (access.standIn === undefined) await engine.ensureDatabase(access, wanted);
      return observation(wanted, access, true, engine, context);
    },
    remove: (desired, context) => source.remove(desired, context),
  };
  return provider as Provider;
}

function wantedOf({ identity, spec }: Desired<DatabaseSpec>, { keyring }: ProviderContext): WantedDatabase {
  const { namespace, name, uid } = identity;
  return {
    identity,
    database: spec.database ?? name,
    owner: { user: spec.user ?? name, password: keyring.derive(`database/${namespace}/${name}/${uid}`) },
  };
}

async function untilReady(
  access: ServerAccess,
  engine: EngineKnowledge,
  { clock, signal }: ProviderContext,
): Promise<void> {
  const deadline = clock.now() + START_PATIENCE;
  for (let delay = 5; ; delay = Math.min(delay * 1.5, 250)) {
    const state = await engine.checkReady(access);
    if (state.ready) return;
    if (clock.now() >= deadline) throw new RequeueAfter(1_000, `The server does not answer: ${state.reason}`);
    await clock.sleep(delay, signal);
  }
}

function observation(
  { database, owner }: WantedDatabase,
  access: ServerAccess,
  ready: boolean,
  engine: EngineKnowledge,
  { keyring }: ProviderContext,
): Observation {
  const name: DatabaseEngine | "pglite" = access.standIn === undefined ? engine.engine : "pglite";
  return {
    ready,
    outputs: {
      host: access.host,
      port: access.port,
      user: owner.user,
      database,
      password: keyring.seal(owner.password),
      url: keyring.seal(engine.url(access, owner, database)),
      engine: name,
      ...(access.folder === undefined ? {} : { folder: access.folder }),
    },
    ...(access.standIn === undefined ? {} : { message: access.standIn }),
  };
}
