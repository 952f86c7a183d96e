/**
 * A server program of this machine for each Database, whatever the engine: a data folder, a port, a supervised process.
 *
 *   nothing --port chosen and recorded--> data folder made ready --start--> starting --answers--> serving
 *   serving --killed--> ensure again: started, recovers
 *   serving --settings, port or programs changed--> reloaded or restarted
 *
 *  1 The data folder is named after the resource, not its uid: with `retain` a later declaration finds its data again.
 *  2 The port is recorded beside the data before the server is started, so that a server whose start was the last thing
 *    before a crash is found by it. The server that runs has the recorded port.
 *  3 The first user's password is derived from the keyring, and no file, argument or variable holds it.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseServers, ServerAccess } from "../../../provider/database-server.ts";
import {
  type Desired,
  type ProviderContext,
  RequeueAfter,
  TerminalError,
} from "../../../provider/provider.ts";
import type { ServerHost, ServerProgram } from "../../../provider/server-host.ts";
import type { DatabaseSpec, Readiness } from "../engine.ts";

const HOST = "127.0.0.1";
/** First start after a crash replays the log: give it time. */
const START_PATIENCE = 60_000;
const PORT_ATTEMPTS = 3;

export interface ServerPlace {
  readonly desired: Desired<DatabaseSpec>;
  /** Of the data: made by the server's programs. What else belongs to the resource stands beside it. */
  readonly folder: string;
  readonly port: number;
  /** Of the first user. */
  readonly password: string;
}

export type ServerCommand = Omit<ServerProgram, "logFile">;

/** What is under way with a server that runs. */
export type Upkeep = "restart" | { readonly notice: string } | undefined;

/** An engine's server as a program. */
export interface OwnServer {
  /** The first user, who may do everything. */
  readonly user: string;
  /** Makes the data folder ready; nothing runs on it. */
  command(place: ServerPlace): Promise<ServerCommand>;
  checkReady(access: ServerAccess): Promise<Readiness>;
  /** Whether its last words say that another program has its port. */
  readonly portTaken: RegExp;
  /** Brings the settings of a server that runs and answers to what is declared. */
  upkeep?(place: ServerPlace, access: ServerAccess): Promise<Upkeep>;
  stop(desired: Desired<DatabaseSpec>): Promise<void>;
  /** Folder of the archive that it keeps. */
  archive?(place: ServerPlace): string | undefined;
  /** What stands in for it in this folder, see ServerAccess. */
  standIn?(folder: string): string | undefined;
}

export interface OwnServersOptions extends Pick<
  DatabaseServers,
  "class" | "engines" | "capabilities" | "features" | "obstacles"
> {
  readonly serverOf: (spec: DatabaseSpec) => OwnServer;
}

class PortTaken extends Error {}

export function ownServers(host: ServerHost, options: OwnServersOptions): DatabaseServers {
  const { serverOf, ...source } = options;
  return {
    ...source,
    obstacles: async (prospect) => {
      const { port } = prospect.spec;
      const found = typeof port === "number" ? await host.portObstacles([{ path: "spec.port", port }]) : [];
      return [...found, ...((await options.obstacles?.(prospect)) ?? [])];
    },
    find: async (desired, context) => {
      if (host.find(desired.identity) === undefined) return undefined;
      const place = placeOf(desired as Desired<DatabaseSpec>, context, host);
      return place === undefined ? undefined : accessTo(place, serverOf(place.desired.spec));
    },
    ensure: async (desired, context) => {
      const wanted = desired as Desired<DatabaseSpec>;
      const server = serverOf(wanted.spec);
      for (let attempt = 1; ; attempt += 1) {
        try {
          return (
            (await keepRunning(wanted, server, host, context)) ?? (await start(wanted, server, host, context))
          );
        } catch (error) {
          // Between the choice of a port and its use another program may take it.
          if (!(error instanceof PortTaken) || attempt === PORT_ATTEMPTS || wanted.spec.port !== undefined)
            throw error;
        }
      }
    },
    remove: async (desired, { keepData }) => {
      const wanted = desired as Desired<DatabaseSpec>;
      const folder = host.folder("databases", desired.identity);
      await serverOf(wanted.spec).stop(wanted);
      host.discardLog(join(folder, "server.log"));
      if (keepData && existsSync(portFile(folder))) return [folder];
      await host.discard(folder);
      return [];
    },
  };
}

/** The server that runs, as it should be; undefined when there is none or it has to be started anew. */
async function keepRunning(
  desired: Desired<DatabaseSpec>,
  server: OwnServer,
  host: ServerHost,
  context: ProviderContext,
): Promise<ServerAccess | undefined> {
  if (host.find(desired.identity) === undefined) return undefined;
  const place = placeOf(desired, context, host);
  if (place === undefined || (desired.spec.port ?? place.port) !== place.port) {
    await server.stop(desired);
    return undefined;
  }
  const access = accessTo(place, server);
  await untilReady(place, access, server, host, context);
  if (access.standIn !== undefined) return access;
  const upkeep = await server.upkeep?.(place, access);
  if (upkeep === "restart") {
    await server.stop(desired);
    return undefined;
  }
  return { ...access, ...upkeep };
}

async function start(
  desired: Desired<DatabaseSpec>,
  server: OwnServer,
  host: ServerHost,
  context: ProviderContext,
): Promise<ServerAccess> {
  const above = host.folder("databases", desired.identity);
  recordPort(above, await choosePort(desired, host, recordedPort(above)));
  const place = placeOf(desired, context, host)!;
  const command = await server.command(place);
  await host.start(desired.identity, { ...command, logFile: join(above, "server.log") });
  const access = accessTo(place, server);
  await untilReady(place, access, server, host, context);
  return access;
}

function placeOf(
  desired: Desired<DatabaseSpec>,
  { keyring }: ProviderContext,
  host: ServerHost,
): ServerPlace | undefined {
  const { namespace, name } = desired.identity;
  const folder = host.folder("databases", desired.identity);
  const port = recordedPort(folder);
  if (port === undefined) return undefined;
  const password = keyring.derive(`database/${namespace}/${name}/superuser`);
  return { desired, folder: join(folder, "data"), port, password };
}

function accessTo(place: ServerPlace, server: OwnServer): ServerAccess {
  const { folder, port, password } = place;
  const standIn = server.standIn?.(folder);
  const archive = server.archive?.(place);
  return {
    host: HOST,
    port,
    user: server.user,
    password,
    folder,
    ...(standIn === undefined ? {} : { standIn }),
    ...(archive === undefined ? {} : { archive }),
  };
}

/** The declared port, or the one it had last if that is free, or another. */
async function choosePort(
  { identity, spec }: Desired<DatabaseSpec>,
  host: ServerHost,
  recorded: number | undefined,
): Promise<number> {
  const wished = spec.port ?? recorded;
  const seed = `database ${identity.namespace}/${identity.name}`;
  const free = await host.freePort({ seed, ...(wished === undefined ? {} : { wished }) });
  if (spec.port !== undefined && free !== spec.port) {
    throw new TerminalError({
      code: "PortInUse",
      path: "spec.port",
      message: `${host.describePortInUse(spec.port)}.`,
      hint: "Choose another port, or leave it out.",
    });
  }
  if (free === undefined)
    throw new TerminalError({ code: "NoFreePort", message: "No port between 20000 and 31999 is free." });
  return free;
}

function portFile(folder: string): string {
  return join(folder, "port");
}

function recordedPort(folder: string): number | undefined {
  const port = Number(linesOf(portFile(folder))[0]);
  return Number.isInteger(port) && port > 0 ? port : undefined;
}

function recordPort(folder: string, port: number): void {
  if (recordedPort(folder) === port) return;
  writeFileSync(`${portFile(folder)}.new`, `${port}\n`, { mode: 0o600 });
  renameSync(`${portFile(folder)}.new`, portFile(folder));
}

async function untilReady(
  place: ServerPlace,
  access: ServerAccess,
  server: OwnServer,
  host: ServerHost,
  { clock, signal }: ProviderContext,
): Promise<void> {
  const deadline = clock.now() + START_PATIENCE;
  let reason = "";
  for (let delay = 5; clock.now() < deadline; delay = Math.min(delay * 1.5, 250)) {
    const state = await server.checkReady(access);
    if (state.ready) return;
    reason = state.reason;
    if (host.find(place.desired.identity) === undefined) {
      const words = lastWords(place);
      const Problem = server.portTaken.test(words) ? PortTaken : Error;
      throw new Problem(`The server ended while it started: ${words}`);
    }
    await clock.sleep(delay, signal);
  }
  throw new RequeueAfter(1_000, `The server does not answer: ${reason}`);
}

function lastWords({ folder }: ServerPlace): string {
  const lines = linesOf(join(folder, "..", "server.log"));
  return lines.findLast((line) => /FATAL|PANIC|ERROR|Fatal/.test(line)) ?? lines.at(-1) ?? "it said nothing.";
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line.trim() !== "");
  } catch {
    return [];
  }
}
