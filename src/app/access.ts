/** The ways from the command line to the control plane of one state folder. */
import { systemClock } from "../clock/clock.ts";
import { createClient } from "../client/http-client.ts";
import type { Client } from "../client/client.ts";
import type { ControlPlaneAccess, Offline, ServeOptions } from "../cli/environment.ts";
import { DiagnosticError, refuse } from "../diagnostics/diagnostic.ts";
import { forgetAllocation, runningControlPlane, startInBackground } from "./background.ts";
import { isAlive } from "../providers/local/supervisor/process-table.ts";
import type { Draft } from "../model/resource.ts";
import type { Registration, StateFolder } from "./home.ts";

const STOP_PATIENCE = 30_000;
const CERTIFICATE_PATIENCE = 10_000;

export function accessTo(folder: StateFolder): ControlPlaneAccess {
  const client = ({ url }: Registration): Client => createClient({ url, token: folder.token() });
  return {
    home: folder.path,
    connect: () => {
      const registration = runningControlPlane(folder);
      return Promise.resolve(registration === undefined ? undefined : client(registration));
    },
    start: async () => client(await startInBackground(folder)),
    stop: () => stop(folder),
    serve: (options) => serveHere(folder, options),
    openOffline: () => openOffline(folder),
    rehearse: async (request) => {
      const [{ rehearse }, { stateIn }] = await Promise.all([
        import("./rehearsal/index.ts"),
        import("./rehearsal/state.ts"),
      ]);
      const state = request.empty ? [] : await stateIn(folder.storeFile);
      return rehearse(request, { keyring: folder.keyring(), state });
    },
    kubeconfig: () => kubeconfig(folder),
    token: () => folder.token(),
    checks: async function* () {
      const { checks } = await import("./checks.ts");
      yield* checks(folder);
    },
  };
}

/** A control plane that has just been started for the first time may still be making its certificate. */
async function kubeconfig(folder: StateFolder): Promise<string> {
  const deadline = systemClock.now() + CERTIFICATE_PATIENCE;
  for (;;) {
    const content = folder.kubeconfig();
    if (content !== undefined) return content;
    if (runningControlPlane(folder) === undefined || systemClock.now() > deadline) break;
    await systemClock.sleep(20);
  }
  return refuse({
    code: "NoControlPlane",
    message: `No control plane has run in ${folder.path} yet.`,
    hint: "Start one with 'tutti up <folder>' or 'tutti serve'.",
  });
}

async function stop(folder: StateFolder): Promise<boolean> {
  const running = runningControlPlane(folder);
  if (running === undefined) return false;
  process.kill(running.pid, "SIGTERM");
  const deadline = systemClock.now() + STOP_PATIENCE;
  while (isAlive(running)) {
    if (systemClock.now() > deadline) {
      refuse({
        code: "ControlPlaneNotStopped",
        message: `The control plane (pid ${running.pid}) did not end within ${STOP_PATIENCE / 1000}s.`,
        hint: `Its log is ${folder.logFile}.`,
      });
    }
    await systemClock.sleep(10);
  }
  return true;
}

async function serveHere(folder: StateFolder, options: ServeOptions): Promise<void> {
  forgetAllocation();
  const other = runningControlPlane(folder);
  if (other !== undefined) {
    refuse({
      code: "AlreadyServing",
      message: `A control plane (pid ${other.pid}) serves ${folder.path} already, at ${other.url}.`,
      hint: "Use it, stop it with 'tutti stop', or choose another folder with --home.",
    });
  }
  const { serve } = await import("./serve.ts");
  const { StoreError } = await import("../store/store.ts");
  try {
    const serving = await serve({
      folder,
      ...(options.host === undefined ? {} : { host: options.host }),
      ...(options.port === undefined ? {} : { port: options.port }),
      ...(options.level === undefined ? {} : { level: options.level }),
      ...(options.parallelism === undefined ? {} : { parallelism: options.parallelism }),
    });
    options.onReady(serving.url);
    if (!options.signal.aborted) {
      await new Promise<void>((resolve) =>
        options.signal.addEventListener("abort", () => resolve(), { once: true }),
      );
    }
    await serving.stop();
    endLeftovers();
  } catch (error) {
    if (error instanceof StoreError) {
      throw new DiagnosticError([
        {
          severity: "error",
          code: error.code,
          message: error.message,
          hint: `The store is ${folder.storeFile}.`,
        },
      ]);
    }
    throw error;
  }
}

/** Milliseconds that what is left over after a stop has to end by itself. */
const LEFTOVERS = 2_000;

/** The timer keeps nobody: when it fires, something does that was forgotten, which is no reason to stay. */
function endLeftovers(): void {
  setTimeout(() => {
    const waiting = process.getActiveResourcesInfo().join(", ");
    process.stderr.write(`The control plane has stopped while something was still waited for: ${waiting}\n`);
    process.exit();
  }, LEFTOVERS).unref();
}

/** The store opened here, for as long as no control plane holds it. Nothing is changed. */
async function openOffline(folder: StateFolder): Promise<Offline> {
  const { existsSync } = await import("node:fs");
  const [
    { DEFINITION, learnAll },
    { offlinePlans },
    { openSqliteStore },
    { createMemoryStore },
    { VERSION },
  ] = await Promise.all([
    import("../kinds/declared-kinds.ts"),
    import("../cli/offline.ts"),
    import("../stores/sqlite.ts"),
    import("../stores/memory.ts"),
    import("./version.ts"),
  ]);
  const store = existsSync(folder.storeFile)
    ? await openSqliteStore({ file: folder.storeFile, clock: systemClock })
    : createMemoryStore({ clock: systemClock });
  learnAll(store.list({ kind: DEFINITION }).items as readonly Draft[]);
  return offlinePlans(store, folder.keyring(), VERSION);
}
