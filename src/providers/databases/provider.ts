/**
 * The provider of Databases of one class: a source of servers, and what is done in them.
 *
 *   source.ensure --> server --until it answers--> database and accounts (accounts.ts) --> ready
 *
 * What was done is marked in the server itself: after a crash, or with no status at all, the next `ensure` sees how far
 * it is.
 */
import type { DatabaseServers, ServerAccess } from "../../provider/database-server.ts";
import {
  type CallContext,
  type Desired,
  type Observation,
  type Obstacle,
  type Provider,
  type ProviderContext,
  RequeueAfter,
  TerminalError,
} from "../../provider/provider.ts";
import { adoptionOf } from "./adoption.ts";
import { backupsOf, beginFromBackup, flushOrigin, momentsLacking } from "./backups.ts";
import { type Kept, accountsOf, allLogins, keepAccounts, ownerRole } from "./accounts.ts";
import { measurements } from "./measurements.ts";
import { Looked, serverObstacles } from "./prospect.ts";
import type {
  Account,
  DatabaseSpec,
  EngineKnowledge,
  EngineSession,
  Mark,
  WantedDatabase,
} from "./engine.ts";

/** First start after a crash replays the log: give it time. */
const START_PATIENCE = 60_000;
/** While something is under way at the server itself. */
const LOOK_AGAIN = 5_000;

/** Needs that an engine, not a class, may lack: where in the spec they stand. */
const ENGINE_FEATURES = {
  extensions: "extensions",
  users: "more users",
  rotate: "rotation",
  backup: "backups",
  restore: "backups",
};

export interface DatabaseProviderOptions {
  readonly source: DatabaseServers;
  readonly engines: readonly EngineKnowledge[];
  /** Milliseconds that a former login stays at least (accounts.ts). */
  readonly rotationGrace: number;
}

export function databaseProvider({ source, engines, rotationGrace }: DatabaseProviderOptions): Provider {
  const isShared = source.features.includes("existing servers");
  const engineOf = (spec: DatabaseSpec): EngineKnowledge => {
    const found = engines.find(({ engine }) => engine === spec.engine);
    const refusal = found === undefined ? unknownEngine(source, spec, engines) : lacking(found, source, spec);
    if (found === undefined || refusal !== undefined) throw new TerminalError(refusal!);
    return found;
  };
  const wantedOf = (desired: Desired<DatabaseSpec>, context: ProviderContext): WantedDatabase =>
    wantedDatabase(desired, 0, isShared, context);
  const parts = { source, engineOf, wantedOf };
  const looked = new Looked();
  const provider: Provider<DatabaseSpec> = {
    kind: "Database",
    class: source.class,
    capabilities: source.capabilities,
    features: [...new Set([...source.features, ...engines.flatMap(({ features }) => features)])],
    obstacles: async (prospect, context) => {
      const spec = prospect.spec as unknown as DatabaseSpec;
      const engine = engines.find((one) => one.engine === spec.engine);
      const refusal = engine === undefined ? undefined : lacking(engine, source, spec);
      if (refusal !== undefined) return [refusal];
      const found = (await source.obstacles?.(prospect)) ?? [];
      if (found.length > 0 || engine === undefined || !isShared) return found;
      return serverObstacles(prospect, { source, engine, looked }, context);
    },
    observe: async (desired, context) => {
      const engine = engineOf(desired.spec);
      const access = await source.find(desired, context);
      if (access === undefined) return undefined;
      const state = await engine.checkReady(access);
      if (!state.ready) return { ready: false, outputs: {}, message: `It does not answer: ${state.reason}.` };
      if (access.standIn !== undefined) return observation(desired, access, undefined, engine, context);
      const wanted = wantedDatabase(desired, 0, isShared, context);
      return engine.within(access, wanted, async (session) => {
        const { mark } = (await session.find()) ?? {};
        if (mark?.uid !== desired.identity.uid) return undefined;
        const seen = observation(desired, access, { mark }, engine, context);
        return { ...seen, ...(await actualOf(session, desired, mark, context)) };
      });
    },
    ensure: async (desired, context) => {
      const engine = engineOf(desired.spec);
      if ((await source.find(desired, context)) === undefined) await flushOrigin(parts, desired, context);
      const access = await source.ensure(desired, context);
      await untilReady(access, engine, isShared, context);
      if (access.standIn !== undefined) {
        refuseMore(desired.spec, access.standIn);
        return observation(desired, access, undefined, engine, context);
      }
      const wanted = wantedOf(desired, context);
      await beginFromBackup(engine, access, desired, wanted, context);
      return engine.within(access, wanted, async (session) => {
        const kept = await keepAccounts(session, desired, { isShared, grace: rotationGrace }, context);
        const made = observation(desired, access, kept, engine, context);
        return { ...made, ...(await actualOf(session, desired, kept.mark, context)) };
      });
    },
    ...(source.watch === undefined
      ? {}
      : {
          watch: (desired: Desired, changed: () => void, context: CallContext) =>
            source.watch?.(desired, changed, context),
        }),
    measure: async (desired, context) => {
      const engine = engineOf(desired.spec);
      const access = await source.find(desired, context);
      if (access === undefined || access.standIn !== undefined) return [];
      return measurements(await engine.measure(access, wantedOf(desired, context)));
    },
    remove: async (desired, context) => {
      if (!isShared) return source.remove(desired, context);
      const engine = engineOf(desired.spec);
      const access = await source.ensure(desired, context);
      return engine.within(access, wantedDatabase(desired, 0, isShared, context), async (session) => {
        const found = await session.find();
        if (found !== undefined && found.mark?.uid !== desired.identity.uid) return [];
        const mark = found?.mark;
        return session.remove(mark, allLogins(desired, mark), context.keepData);
      });
    },
  };
  const adoption = isShared ? adoptionOf(parts, (desired, context) => provider.ensure(desired, context)) : {};
  return { ...(provider as Provider), ...(adoption as Partial<Provider>), ...backupsOf(parts) };
}

/** Of engines that can say. */
async function actualOf(
  session: EngineSession,
  desired: Desired<DatabaseSpec>,
  { generation }: Mark,
  context: Pick<ProviderContext, "keyring">,
): Promise<Pick<Observation, "actual">> {
  const actual = await session.actual?.(desired.spec, accountsOf(desired, generation, context));
  return actual === undefined ? {} : { actual };
}

/** `generation`: how often the passwords were rotated (Mark). */
export function wantedDatabase(
  desired: Desired<DatabaseSpec>,
  generation: number,
  isShared: boolean,
  context: Pick<ProviderContext, "keyring">,
): WantedDatabase {
  const { identity, spec } = desired;
  return {
    identity,
    database: spec.database ?? identity.name,
    ownerRole: ownerRole(desired),
    owner: accountsOf(desired, generation, context)[0].login,
    extensions: spec.extensions ?? [],
    settings: spec.settings,
    isShared,
  };
}

async function untilReady(
  access: ServerAccess,
  engine: EngineKnowledge,
  isShared: boolean,
  { clock, signal }: ProviderContext,
): Promise<void> {
  const deadline = clock.now() + START_PATIENCE;
  for (let delay = 5; ; delay = Math.min(delay * 1.5, 250)) {
    const state = await engine.checkReady(access);
    if (state.ready) return;
    // A server that is somebody else's is not starting because of us.
    if (isShared) throw new Error(`The server at ${access.host} cannot be used: ${state.reason}.`);
    if (clock.now() >= deadline) throw new RequeueAfter(1_000, `The server does not answer: ${state.reason}`);
    await clock.sleep(delay, signal);
  }
}

/** `kept`: undefined where a stand-in serves, which has no accounts. */
function observation(
  desired: Desired<DatabaseSpec>,
  access: ServerAccess,
  kept: Kept | undefined,
  engine: EngineKnowledge,
  { keyring }: ProviderContext,
): Observation {
  const [owner, ...users] = accountsOf(desired, kept?.mark.generation ?? 0, { keyring });
  const database = desired.spec.database ?? desired.identity.name;
  const secrets = ({ login }: Account): { user: string; password: string; url: string } => ({
    user: login.user,
    password: keyring.seal(login.password),
    url: keyring.seal(engine.url(access, login, database)),
  });
  return {
    ready: true,
    outputs: {
      host: access.host,
      port: access.port,
      database,
      ...secrets(owner),
      engine: kept === undefined ? "pglite" : engine.engine,
      ...(access.folder === undefined ? {} : { folder: access.folder }),
      ...(kept === undefined ? {} : rotationOutputs(kept)),
      ...(kept?.mark.isAdopted === true ? { adopted: database } : {}),
      ...(users.length === 0 ? {} : { users: users.map((user) => ({ name: user.name, ...secrets(user) })) }),
    },
    ...underWay(access, kept),
  };
}

function underWay(access: ServerAccess, kept: Kept | undefined): Pick<Observation, "message" | "lookAfter"> {
  const messages = [access.standIn, access.notice, kept?.notice].filter((one) => one !== undefined);
  const lookAfter = access.notice === undefined ? kept?.lookAfter : LOOK_AGAIN;
  return {
    ...(messages.length === 0 ? {} : { message: messages.join(" ") }),
    ...(lookAfter === undefined ? {} : { lookAfter }),
  };
}

function rotationOutputs({ mark }: Kept): object {
  const { rotatedAt, rotation } = mark;
  return { rotatedAt, ...(rotation === undefined ? {} : { rotation }) };
}

function unknownEngine(
  source: DatabaseServers,
  spec: DatabaseSpec,
  engines: readonly EngineKnowledge[],
): Obstacle {
  return {
    code: "Unsupported",
    path: "spec.engine",
    message: `The class '${source.class}' of Database has no ${spec.engine}.`,
    hint: `It has ${engines.map(({ engine }) => engine).join(", ")}.`,
  };
}

/** What stands in for a server has one database that everybody gets into, and nothing else. */
function refuseMore(spec: DatabaseSpec, standIn: string): void {
  const refusal = lacking({ engine: spec.engine, features: [] }, { features: [] }, spec);
  if (refusal === undefined) return;
  const message = `PostgreSQL's own programs do not run on this machine, and what stands in for them has no such thing: ${standIn}`;
  throw new TerminalError({
    ...refusal,
    message,
    hint: "Leave it out, or use the class server or external.",
  });
}

/** A class has what any of its engines has; this one may not. */
function lacking(
  engine: Pick<EngineKnowledge, "engine" | "features" | "backups">,
  source: Pick<DatabaseServers, "features">,
  spec: DatabaseSpec,
): Obstacle | undefined {
  for (const [field, feature] of Object.entries(ENGINE_FEATURES)) {
    const value = spec[field as keyof DatabaseSpec];
    const isUsed = value !== undefined && !(Array.isArray(value) && value.length === 0);
    if (!isUsed || engine.features.includes(feature) || source.features.includes(feature)) continue;
    return {
      code: "Unsupported",
      path: `spec.${field}`,
      message: `The engine ${engine.engine} has no ${feature}.`,
      hint: "Leave it out, or choose another engine.",
    };
  }
  return momentsLacking(engine, spec);
}
