/**
 * A Redis server of this machine from the system's program. What is acknowledged is on disk: the append-only file is
 * synced with every write.
 *
 *  1 Passwords reach the server as digests, in an ACL file that belongs to its user alone; the default user is off.
 *  2 The configuration is written just before a start, or after the server has taken it: what stands in the file is what
 *    the server runs with.
 */
import { chown, mkdir } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import type { ServerAccess } from "../../../provider/database-server.ts";
import { TerminalError } from "../../../provider/provider.ts";
import type { ServerHost } from "../../../provider/server-host.ts";
import { refuseSettings, textOf, writeFor } from "../config.ts";
import { type Installed, type Package, installed, packageObstacle } from "../programs.ts";
import { plainEnvironment, run } from "../run.ts";
import type { OwnServer, ServerPlace, Upkeep } from "../servers/own.ts";
import { type RunAs, commandAs, decideRunAs, userOf } from "../unprivileged.ts";
import { type Send, checkReady, withConnection } from "./connection.ts";
import { passwordRule } from "./rules.ts";

export const redisPackage: Package = { title: "Redis", program: "redis-server", debian: "redis-server" };

const SUPERUSER = "tutti";
const STOP_GRACE = 60_000;
const CONFIG = "tutti.conf";
const ACL = "users.acl";
/** As refuseSettings has them: with underscores. */
const OURS: ReadonlySet<string> = new Set([
  "port",
  "bind",
  "dir",
  "aclfile",
  "user",
  "requirepass",
  "include",
  "daemonize",
  "logfile",
  "pidfile",
  "unixsocket",
  "appendonly",
  "rename_command",
  "protected_mode",
  "set_proc_title",
]);

export function redisServer(host: ServerHost): OwnServer {
  return {
    user: SUPERUSER,
    portTaken: /Failed listening on port|Address already in use/,
    checkReady: (access) => checkReady(access),
    command: async (place) => {
      refuseSettings(place.desired.spec.settings, OURS, "Redis");
      const program = await programFor(place);
      const runAs = await decideRunAs({
        dataFolder: place.folder,
        paths: [program.path],
        mark: ACL,
        user: "redis",
      });
      await makeFolder(place.folder, runAs);
      await checkSettings(place, program, runAs);
      await writeFor(runAs, join(place.folder, ACL), accessList(place));
      await writeFor(runAs, join(place.folder, CONFIG), configuration(place, place.folder));
      return {
        command: commandAs(runAs, [program.path, join(place.folder, CONFIG)]),
        env: plainEnvironment,
        cwd: "/",
        ...userOf(runAs),
      };
    },
    upkeep: async (place, access) => {
      refuseSettings(place.desired.spec.settings, OURS, "Redis");
      const program = await programFor(place);
      if (textOf(join(place.folder, CONFIG)) !== configuration(place, place.folder))
        return applySettings(place, program, access);
      return withConnection(access, (send) => programUpkeep(program, send));
    },
    stop: ({ identity }) => host.stop(identity, { signal: "SIGTERM", graceMs: STOP_GRACE }),
  };
}

async function programFor({ desired }: ServerPlace): Promise<Installed> {
  const obstacle = await packageObstacle(redisPackage, desired.spec.version);
  if (obstacle !== undefined) throw new TerminalError(obstacle);
  return (await installed(redisPackage.program))!;
}

async function makeFolder(folder: string, runAs: RunAs): Promise<void> {
  if (existsSync(folder)) return;
  await mkdir(dirname(folder), { recursive: true, mode: runAs.kind === "user" ? 0o711 : 0o700 });
  await mkdir(folder, { mode: 0o700 });
  if (runAs.kind === "user") await chown(folder, runAs.uid, runAs.gid);
}

function configuration({ desired, port }: ServerPlace, folder: string): string {
  const all: Readonly<Record<string, string | number | boolean>> = {
    bind: "127.0.0.1",
    port,
    dir: folder,
    aclfile: join(folder, ACL),
    appendonly: "yes",
    appendfsync: "always",
    save: "",
    unixsocket: "redis.sock", // relative to the folder: a path of any length
    unixsocketperm: 700,
    // A title would be written over the environment, by which the process is found again.
    "set-proc-title": "no",
    ...desired.spec.settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} ${quoted(value)}`);
  return `# Written by Tutti.\n${lines.join("\n")}\n`;
}

function quoted(value: string | number | boolean): string {
  return `"${textValue(value).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function textValue(value: string | number | boolean): string {
  return value === true ? "yes" : value === false ? "no" : String(value);
}

/** The accounts that are there stay; the first user has the password of now, and nobody comes in without one. */
function accessList({ folder, password }: ServerPlace): string {
  const others = (textOf(join(folder, ACL)) ?? "")
    .split("\n")
    .filter(
      (line) => line !== "" && !line.startsWith("user default ") && !line.startsWith(`user ${SUPERUSER} `),
    );
  return [
    "user default off",
    `user ${SUPERUSER} on ${passwordRule(password)} ~* &* +@all`,
    ...others,
    "",
  ].join("\n");
}

/** The program reads the configuration and ends, because it is to listen nowhere. */
async function checkSettings(place: ServerPlace, program: Installed, runAs: RunAs): Promise<void> {
  if (Object.keys(place.desired.spec.settings).length === 0) return;
  const candidate = join(place.folder, "tutti.candidate.conf");
  await writeFor(runAs, candidate, configuration({ ...place, port: 0 }, place.folder));
  const command = [program.path, candidate, "--unixsocket", ""];
  const result = await run(commandAs(runAs, command), userOf(runAs));
  const said = result.kind === "failed" ? result.error : result.output;
  if (said.includes("not listen anywhere")) return;
  const why = said.slice(said.indexOf("FATAL CONFIG FILE ERROR")).split("\n").slice(2).join(" ").trim();
  throw refusal(why);
}

function refusal(why: string): DiagnosticError {
  return new DiagnosticError([
    {
      severity: "error",
      code: "SettingInvalid",
      path: "spec.settings",
      message: `Redis does not accept the settings: ${why}.`,
      hint: "Correct spec.settings; those before are still in force.",
    },
  ]);
}

/** Taken by the server as it runs, or by a restart where one of them needs that or was taken back. */
async function applySettings(place: ServerPlace, program: Installed, access: ServerAccess): Promise<Upkeep> {
  const runAs = await decideRunAs({ dataFolder: place.folder, paths: [], mark: ACL });
  await checkSettings(place, program, runAs);
  const wanted = Object.entries(place.desired.spec.settings);
  const before = textOf(join(place.folder, CONFIG)) ?? "";
  const names = new Set(configuration(place, place.folder).split("\n").map(nameIn));
  if (before.split("\n").some((line) => !names.has(nameIn(line)))) return "restart";
  const words = wanted.flatMap(([name, value]) => [name, textValue(value)]);
  const isTaken = await withConnection(access, async (send) => {
    try {
      if (words.length > 0) await send("CONFIG", "SET", ...words);
      return true;
    } catch {
      return false; // what is right, as was seen, and cannot be changed while it runs
    }
  });
  if (!isTaken) return "restart";
  await writeFor(runAs, join(place.folder, CONFIG), configuration(place, place.folder));
  return undefined;
}

function nameIn(line: string): string {
  return line.split(" ")[0] ?? "";
}

/** Newer programs are taken into use when nobody is in a transaction or waits for a key. */
async function programUpkeep({ release }: Installed, send: Send): Promise<Upkeep> {
  const running = /^redis_version:(\S+)/m.exec(await send<string>("INFO", "server"))?.[1];
  if (running === undefined || running === release) return undefined;
  const clients = (await send<string>("CLIENT", "LIST")).split("\n");
  const isBusy = clients.some((line) => / multi=\d/.test(line) || / flags=\w*b/.test(line));
  if (!isBusy) return "restart";
  return {
    notice: `Redis ${release} is installed; the server (${running}) is restarted with it as soon as nobody is in a transaction.`,
  };
}
