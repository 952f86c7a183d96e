/**
 * Class `embedded`: PostgreSQL with nothing installed, a cluster and a supervised server process for each Database.
 *
 *   folder --ensureCluster--> cluster --supervisor--> server --login--> role and database --> ready
 *
 *  - Passwords are derived from the control plane's key and the resource's identity (Keyring.derive): none is ever
 *    recorded, so none can be lost by a crash. They reach the server as verifiers only.
 *  - The data folder is named after the resource, not its uid: with `retain` a later declaration finds its data again,
 *    and the password is set anew.
 *  - Where PostgreSQL's own programs do not run, PGlite stands in, with what it cannot do said in the status' message.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import {
  type Desired,
  type Observation,
  type Provider,
  type ProviderContext,
  RequeueAfter,
  TerminalError,
} from "../../provider/provider.ts";
import { type Home, processId } from "./home.ts";
import { portIn, portObstacles } from "./obstacles.ts";
import { ensureCluster } from "./postgres/cluster.ts";
import { checkReady, ensureDatabase } from "./postgres/database.ts";
import { pgliteCapabilities, pgliteCommand } from "./postgres/pglite.ts";
import { stopServer } from "./postgres/postmaster.ts";
import { removeLog } from "./supervisor/log-files.ts";
import type { LogWatch } from "./supervisor/log-watch.ts";
import { describePortInUse, freePorts } from "./supervisor/ports.ts";
import type { Supervisor } from "./supervisor/supervisor.ts";

export interface DatabaseProviderOptions {
  readonly home: Home;
  readonly supervisor: Supervisor;
  readonly logs: LogWatch;
}

interface DatabaseSpec {
  readonly database?: string;
  readonly user?: string;
  readonly port?: number;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

const HOST = "127.0.0.1";
const SUPERUSER = "postgres";
/** First start after a crash replays the log: give it time. */
const START_PATIENCE = 60_000;

interface Server {
  readonly id: string;
  readonly folder: string;
  readonly port: number;
  readonly superuser: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
  };
  readonly account: { readonly user: string; readonly password: string; readonly database: string };
}

export function embeddedDatabases(options: DatabaseProviderOptions): Provider<DatabaseSpec> {
  return {
    kind: "Database",
    class: "embedded",
    capabilities: [
      "PostgreSQL 18 with nothing installed",
      "durable: acknowledged transactions survive a crash",
      `where its programs do not run: ${pgliteCapabilities.note}`,
    ],
    obstacles: ({ spec }) => portObstacles(options.home, portIn(spec)),
    observe: async (desired, context) => {
      const port = portInFile(desired, options.home);
      if (port === undefined || options.supervisor.find(processId(desired.identity)) === undefined)
        return undefined;
      const server = describe(desired, port, context, options.home);
      const { ready } = await checkReady(server.superuser);
      return observation(server, ready, context, "postgres");
    },
    ensure: (desired, context) => ensure(desired, context, options),
    remove: (desired, context) => remove(desired, context, options),
  };
}

function describe(
  desired: Desired<DatabaseSpec>,
  port: number,
  context: ProviderContext,
  home: Home,
): Server {
  const { identity, spec } = desired;
  const { namespace, name } = identity;
  return {
    id: processId(identity),
    folder: join(home.folderOf("databases", identity), "data"),
    port,
    superuser: {
      host: HOST,
      port,
      user: SUPERUSER,
      password: context.keyring.derive(`database/${namespace}/${name}/superuser`),
    },
    account: {
      user: spec.user ?? name,
      database: spec.database ?? name,
      password: context.keyring.derive(`database/${namespace}/${name}/${identity.uid}`),
    },
  };
}

function observation(
  server: Server,
  ready: boolean,
  { keyring }: ProviderContext,
  engine: string,
): Observation {
  const { user, password, database } = server.account;
  const url = `postgres://${encodeURIComponent(user)}:${password}@${HOST}:${server.port}/${encodeURIComponent(database)}`;
  return {
    ready,
    outputs: {
      host: HOST,
      port: server.port,
      user,
      database,
      password: keyring.seal(password),
      url: keyring.seal(url),
      engine,
      folder: server.folder,
    },
    ...(engine === "pglite" ? { message: pgliteCapabilities.note } : {}),
  };
}

class PortTaken extends Error {}
const PORT_ATTEMPTS = 3;

async function ensure(
  desired: Desired<DatabaseSpec>,
  context: ProviderContext,
  options: DatabaseProviderOptions,
): Promise<Observation> {
  options.home.ensure("databases", desired.identity.namespace, desired.identity.name);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptToServe(desired, context, options);
    } catch (error) {
      // Between the choice of a port and its use another program may take it.
      if (!(error instanceof PortTaken) || attempt === PORT_ATTEMPTS || desired.spec.port !== undefined)
        throw error;
    }
  }
}

async function attemptToServe(
  desired: Desired<DatabaseSpec>,
  context: ProviderContext,
  options: DatabaseProviderOptions,
): Promise<Observation> {
  const server = describe(desired, await choosePort(desired, options), context, options.home);
  const running = options.supervisor.find(server.id) !== undefined;
  if (running && (await checkReady(server.superuser)).ready) return account(server, context, "postgres");
  const engine = running
    ? existsSync(join(server.folder, "PG_VERSION"))
      ? "postgres"
      : "pglite"
    : await startServer(desired, server, options);
  await untilReady(server, context, options);
  return engine === "pglite" ? observation(server, true, context, engine) : account(server, context, engine);
}

/** The recorded port while the server has it; else a declared one, or a free one. */
async function choosePort(
  desired: Desired<DatabaseSpec>,
  { supervisor, home }: DatabaseProviderOptions,
): Promise<number> {
  const recorded = desired.status?.["port"];
  const wanted = desired.spec.port ?? (typeof recorded === "number" ? recorded : undefined);
  if (supervisor.find(processId(desired.identity)) !== undefined) {
    const port = wanted ?? portInFile(desired, home);
    if (port !== undefined) return port;
  }
  const { namespace, name } = desired.identity;
  const [free] = await freePorts(
    { seed: `${home.folder} database ${namespace}/${name}`, taken: new Set() },
    1,
  );
  if (wanted === undefined) {
    if (free === undefined)
      throw new TerminalError({ code: "NoFreePort", message: "No port between 20000 and 31999 is free." });
    return free;
  }
  const [same] = await freePorts({ seed: "", range: [wanted, wanted] }, 1);
  if (same !== undefined) return wanted;
  if (desired.spec.port === undefined && free !== undefined) return free;
  throw new TerminalError({
    code: "PortInUse",
    path: "spec.port",
    message: `${describePortInUse(wanted)}.`,
    hint: "Choose another port, or leave it out.",
  });
}

/** A server that was started just before a crash: the port stands in its lock file (line 4 of postmaster.pid). */
function portInFile(desired: Desired<DatabaseSpec>, home: Home): number | undefined {
  const file = join(home.folderOf("databases", desired.identity), "data", "postmaster.pid");
  if (!existsSync(file)) return undefined;
  const port = Number(readLines(file)[3]);
  return Number.isInteger(port) && port > 0 ? port : undefined;
}

async function startServer(
  desired: Desired<DatabaseSpec>,
  server: Server,
  { home, supervisor, logs }: DatabaseProviderOptions,
): Promise<"postgres" | "pglite"> {
  const logFile = join(home.folderOf("databases", desired.identity), "server.log");
  const pglite = join(home.folderOf("databases", desired.identity), "pglite");
  let engine: "postgres" | "pglite" = "postgres";
  let command: {
    readonly command: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly cwd: string;
  };
  try {
    command = await ensureCluster({
      dataFolder: server.folder,
      cacheFolder: home.ensure("cache"),
      superuser: SUPERUSER,
      password: server.superuser.password,
      port: server.port,
      settings: desired.spec.settings,
    });
  } catch (error) {
    if (!isUnusable(error) || existsSync(server.folder)) throw error;
    engine = "pglite";
    command = pgliteCommand({ dataFolder: pglite, port: server.port });
  }
  await supervisor.start({ id: server.id, logFile, ...command });
  logs.add(logFile);
  return engine;
}

/** PostgreSQL's programs are not there for this machine or cannot run on it. */
const UNUSABLE: ReadonlySet<string> = new Set([
  "PostgresBinariesMissing",
  "PostgresBinariesIncomplete",
  "PostgresBinariesDoNotRun",
  "PostgresNeedsUnprivilegedUser",
]);

function isUnusable(error: unknown): boolean {
  return error instanceof DiagnosticError && error.diagnostics.some(({ code }) => UNUSABLE.has(code));
}

async function untilReady(
  server: Server,
  context: ProviderContext,
  { supervisor }: DatabaseProviderOptions,
): Promise<void> {
  const deadline = context.clock.now() + START_PATIENCE;
  let reason = "";
  for (let delay = 5; context.clock.now() < deadline; delay = Math.min(delay * 1.5, 250)) {
    const state = await checkReady(server.superuser);
    if (state.ready) return;
    reason = state.reason;
    if (supervisor.find(server.id) === undefined) {
      const words = lastWords(server);
      const Problem = /TCP\/IP sockets|could not bind/.test(words) ? PortTaken : Error;
      throw new Problem(`The server ended while it started: ${words}`);
    }
    await context.clock.sleep(delay, context.signal);
  }
  throw new RequeueAfter(1_000, `The server does not answer: ${reason}`);
}

function lastWords(server: Server): string {
  const lines = readLines(join(server.folder, "..", "server.log"));
  return lines.findLast((line) => /FATAL|PANIC|ERROR/.test(line)) ?? lines.at(-1) ?? "it said nothing.";
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line.trim() !== "");
  } catch {
    return [];
  }
}

async function account(server: Server, context: ProviderContext, engine: string): Promise<Observation> {
  await ensureDatabase({ server: server.superuser, ...server.account });
  return observation(server, true, context, engine);
}

async function remove(
  desired: Desired<DatabaseSpec>,
  context: { readonly keepData: boolean },
  { home, supervisor, logs }: DatabaseProviderOptions,
): Promise<readonly string[]> {
  const folder = home.folderOf("databases", desired.identity);
  await stopServer(supervisor, processId(desired.identity));
  const logFile = join(folder, "server.log");
  logs.delete(logFile);
  removeLog(logFile);
  if (context.keepData) return existsSync(folder) ? [folder] : [];
  await home.discard(folder);
  return [];
}
