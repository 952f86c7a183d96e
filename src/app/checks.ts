/** What `tutti doctor` looks at: the usual causes of trouble on a machine, each with its remedy. */
import { constants, accessSync, existsSync, statSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { Check } from "../cli/environment.ts";
import { createClient } from "../client/http-client.ts";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { mariadbPackage } from "../providers/databases/mariadb/server.ts";
import { locateBinaries } from "../providers/databases/postgres/binaries.ts";
import { installedPostgres } from "../providers/databases/postgres/installed.ts";
import { installed } from "../providers/databases/programs.ts";
import { redisPackage } from "../providers/databases/redis/server.ts";
import { decideRunAs } from "../providers/databases/unprivileged.ts";
import { Engine } from "../providers/docker/engine.ts";
import { runningControlPlane } from "./background.ts";
import type { StateFolder } from "./home.ts";

const LITTLE = 2 ** 30;

export async function* checks(folder: StateFolder): AsyncGenerator<Check> {
  yield node();
  yield* home(folder);
  yield disk(folder);
  yield await controlPlane(folder);
  yield* await postgres(folder);
  yield await containerEngine();
  yield await programs();
  yield descriptors();
}

function node(): Check {
  const major = Number(process.versions.node.split(".")[0]);
  const base = { name: "Node", message: `Version ${process.versions.node} at ${process.execPath}.` };
  return major >= 24
    ? { ...base, state: "ok" }
    : {
        ...base,
        state: "problem",
        remedy: "Run ./tutti, which brings Node 24, or install Node 24 or newer.",
      };
}

function* home(folder: StateFolder): Generator<Check> {
  const name = "State folder";
  if (!existsSync(folder.path)) {
    let parent = dirname(folder.path);
    while (!existsSync(parent)) parent = dirname(parent);
    const writable = canWrite(parent);
    yield writable
      ? { name, state: "ok", message: `${folder.path} will be made on first use.` }
      : {
          name,
          state: "problem",
          message: `${folder.path} cannot be made: ${parent} is not writable.`,
          remedy: "Set TUTTI_HOME to a folder you may write to.",
        };
    return;
  }
  const { mode, uid } = statSync(folder.path);
  if (!canWrite(folder.path)) {
    yield {
      name,
      state: "problem",
      message: `${folder.path} is not writable.`,
      remedy: "Change its owner, or set TUTTI_HOME.",
    };
  } else if ((mode & 0o077) !== 0 || uid !== (process.getuid?.() ?? uid)) {
    yield {
      name,
      state: "warning",
      message: `${folder.path} can be entered by others.`,
      remedy: `chmod 700 ${folder.path}`,
    };
  } else yield { name, state: "ok", message: `${folder.path}, for its owner alone.` };
}

function canWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function disk(folder: StateFolder): Check {
  let path = folder.path;
  while (!existsSync(path)) path = dirname(path);
  const { bavail, bsize } = statfsSync(path);
  const free = bavail * bsize;
  const message = `${(free / 2 ** 30).toFixed(1)} GB are free.`;
  return free < LITTLE
    ? {
        name: "Disk",
        state: "warning",
        message,
        remedy: "Make room: databases and the store stop when the disk is full.",
      }
    : { name: "Disk", state: "ok", message };
}

async function controlPlane(folder: StateFolder): Promise<Check> {
  const name = "Control plane";
  const running = runningControlPlane(folder);
  if (running === undefined) {
    const left = folder.registration();
    const message =
      left === undefined
        ? "None is running."
        : `None is running; the last one (pid ${left.pid}) ended without saying so.`;
    return {
      name,
      state: left === undefined ? "ok" : "warning",
      message,
      ...(left === undefined
        ? {}
        : { remedy: "The next one takes over what runs: tutti serve, or tutti up." }),
    };
  }
  const client = createClient({ url: running.url, token: folder.token() });
  try {
    const { gitVersion } = (await client.version()) as { readonly gitVersion?: string };
    return {
      name,
      state: "ok",
      message: `It answers at ${running.url} (pid ${running.pid}${gitVersion === undefined ? "" : `, ${gitVersion}`}).`,
    };
  } catch (error) {
    return {
      name,
      state: "problem",
      message: `It runs (pid ${running.pid}) but does not answer: ${error instanceof Error ? error.message : String(error)}.`,
      remedy: `Read ${folder.logFile}; 'tutti stop' and 'tutti serve' start it anew without touching what runs.`,
    };
  } finally {
    client.close();
  }
}

async function postgres(folder: StateFolder): Promise<readonly Check[]> {
  const name = "PostgreSQL";
  try {
    const binaries = await locateBinaries();
    const runAs = await decideRunAs({
      dataFolder: `${folder.path}/databases/base`,
      paths: [binaries.postgres],
    });
    const how = {
      self: "as you",
      user: "as an unprivileged user",
      namespace: "as an unprivileged user of its own namespace",
    }[runAs.kind];
    return [{ name, state: "ok", message: `Its own programs run here, ${how}.` }];
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return error.diagnostics.map(({ message, hint }) => ({
      name,
      state: "warning",
      message: `${message} Databases fall back to PGlite, which is not durable.`,
      remedy: hint ?? "Install the package's optional dependencies.",
    }));
  }
}

/** The class docker at this machine's own locations. That there is none is no trouble: nothing needs one by default. */
async function containerEngine(): Promise<Check> {
  const name = "Container engine";
  const engine = new Engine({});
  const [absence] = engine.absence();
  if (absence !== undefined)
    return { name, state: "ok", message: `${absence.message} The class docker needs one.` };
  try {
    return { name, state: "ok", message: `${await engine.describe()}, at ${engine.endpoint}.` };
  } catch (error) {
    return {
      name,
      state: "warning",
      message: error instanceof Error ? error.message : String(error),
      remedy: "Start it, give yourself access to its socket, or set DOCKER_HOST.",
    };
  } finally {
    engine.close();
  }
}

/** Of the classes `haproxy` and `server`. */
async function programs(): Promise<Check> {
  const found = await Promise.all([
    installed("haproxy").then((one) => ["HAProxy", one?.release] as const),
    installedPostgres(undefined).then((one) => ["PostgreSQL", one?.release] as const),
    ...[mariadbPackage, redisPackage].map(async ({ title, program }) => {
      return [title, (await installed(program))?.release] as const;
    }),
  ]);
  const words = found.map(([title, release]) =>
    release === undefined ? `no ${title}` : `${title} ${release}`,
  );
  return { name: "Programs", state: "ok", message: `Installed: ${words.join(", ")}.` };
}

function descriptors(): Check {
  const report = process.report.getReport() as unknown as {
    readonly userLimits?: { readonly open_files?: { readonly soft: number | string } };
  };
  const soft = Number(report.userLimits?.open_files?.soft ?? Number.NaN);
  if (Number.isNaN(soft) || soft >= 4096)
    return { name: "Open files", state: "ok", message: `Up to ${Number.isNaN(soft) ? "any number" : soft}.` };
  return {
    name: "Open files",
    state: "warning",
    message: `Only ${soft} may be open.`,
    remedy: "ulimit -n 65536, for hundreds of instances.",
  };
}
