/**
 * The control plane as a process: state folder, store, providers, controllers, API. It may be killed at any moment: what
 * it started runs on, and the next one of the same state folder finds it.
 *
 * Order of starting: store (whose lock admits one process) -> providers (which adopt what runs) -> API -> controllers ->
 * registration, so that whoever finds the registration finds an API that answers. Stopping is the reverse.
 */
import { join } from "node:path";
import pino from "pino";
import { createApi } from "../api/api.ts";
import { startForAlert } from "./alert-runs.ts";
import { webhooks } from "../api/workflow/hooks.ts";
import { systemClock } from "../clock/clock.ts";
import { localProviders } from "../providers/local/index.ts";
import { identityOf } from "../providers/local/supervisor/process-table.ts";
import { openSqliteStore } from "../stores/sqlite.ts";
import { serverCertificate } from "./certificate.ts";
import { checkDeclared, checkRun, prepareCheck } from "./check-declared.ts";
import { readSecret } from "./controllers.ts";
import { type ControlPlane, createControlPlane } from "./control-plane.ts";
import { allEngines } from "./engines.ts";
import type { StateFolder } from "./home.ts";
import { kubeconfig } from "./kubeconfig.ts";
import { discovery } from "./monitoring/discovery.ts";
import { ControlPlaneMeasurements } from "./monitoring/sources/control-plane.ts";
import { MonitoringThread } from "./monitoring/thread.ts";
import { metricsText } from "./metrics.ts";
import { VERSION } from "./version.ts";
import { ownProviders } from "./own-providers.ts";
import { statesMount } from "./states.ts";
import { Workflows } from "./workflows.ts";

export interface ServeOptions {
  readonly folder: StateFolder;
  readonly host?: string;
  /** A free one when absent; the last one again if it is still free. */
  readonly port?: number;
  /** Standard output of the process is its log file when it runs in the background. */
  readonly level?: "debug" | "info" | "warn" | "error";
  /** So many resources are worked on at once; no limit when absent. */
  readonly parallelism?: number;
}

export interface Serving {
  readonly url: string;
  /** Resolves when everything is closed. */
  readonly stop: () => Promise<void>;
}

const DAY = 86_400_000;
/** What Prometheus keeps as well. */
const RETENTION = 15 * DAY;
const RETENTION_BYTES = 4 * 2 ** 30;
/** Milliseconds that the first `up` has before monitoring takes a processor for a second to start. */
const HEAD_START = 2_000;
/** How long a balancer is waited for by who asks for /metrics, milliseconds. */
const BALANCER_PATIENCE = 5_000;

export async function serve({
  folder,
  host = "127.0.0.1",
  port,
  level = "info",
  parallelism,
}: ServeOptions): Promise<Serving> {
  folder.ensure();
  const log = pino({ level, base: { pid: process.pid } }, pino.destination({ fd: 1, sync: false }));
  const clock = systemClock;
  // Nobody asks before it listens.
  let url = "";
  const measurements = new ControlPlaneMeasurements();
  const store = await openSqliteStore({
    file: folder.storeFile,
    clock,
    appended: measurements.committed,
  });
  const keyring = folder.keyring();
  const token = folder.token();
  const local = await localProviders({ folder: folder.path, clock, keyring });
  const monitoring: MonitoringThread = new MonitoringThread({
    clock,
    log,
    folder: join(folder.path, "monitoring"),
    version: VERSION,
    headStart: HEAD_START,
    retention: RETENTION,
    retentionBytes: RETENTION_BYTES,
    collect: (source, signal) => plane.collect(source, signal),
    restored: () => plane.alerts.restored(),
    runWorkflow: (name, payload, input) => startForAlert(store, name, payload, input),
    transitions: (records) => records.forEach((record) => plane.alerts.onTransition(record)),
  });
  const workflows: Workflows = new Workflows({
    folder: folder.path,
    clock,
    log,
    store,
    keyring,
    plane: () => plane,
  });
  const plane: ControlPlane = createControlPlane({
    store,
    clock,
    keyring,
    ...allEngines({
      local,
      store,
      clock,
      keyring,
      folder: folder.path,
      controlPlane: () => ({ url, token }),
    }),
    backups: join(folder.path, "backups"),
    monitoring: { metrics: monitoring, sink: monitoring },
    workflows,
    measurements,
    ownProviders: ownProviders({ store, clock, log }),
    ...(parallelism === undefined ? {} : { parallelism }),
    log,
  });
  local.onServerExit((resource) => plane.lookAt(resource));
  const api = createApi({
    store,
    keyring,
    clock,
    token,
    version: VERSION,
    engines: plane.engines,
    pins: plane.pins,
    capabilities: plane.capabilities,
    discover: plane.discover,
    checkPlacement: plane.checkPlacement,
    checkRules: (resource) => [...checkDeclared(resource), ...checkRun(resource, store)],
    prepareCheck,
    preflight: plane.preflight,
    foresee: plane.foresee,
    refresh: plane.refresh,
    workflows,
    upgrades: { workers: workflows.upgrade },
    openMounts: {
      hooks: webhooks({
        store,
        clock,
        seen: workflows.seen,
        readSecret: (namespace, name) => readSecret(store, keyring, namespace, name),
      }),
    },
    log,
    mounts: {
      prometheus: monitoring.prometheus,
      alertmanager: monitoring.alertmanager,
      states: { serve: statesMount({ store, clock, workflows, token }), checksSignatures: true },
      monitoring: discovery({
        store,
        clock,
        targets: plane.targets,
        collect: plane.collect,
        url: () => url,
      }),
    },
    metrics: () =>
      metricsText({
        own: plane.ownText,
        balancers: () => store.list({ kind: "LoadBalancer" }).items,
        balancerMetrics: ({ metadata: { namespace = "default", name } }) =>
          plane.collect({ of: "balancer", namespace, name }, AbortSignal.timeout(BALANCER_PATIENCE)),
      }),
  });
  url = await listen(api, host, port ?? lastPort(folder));
  monitoring.start(url);
  await plane.start();
  folder.register({
    pid: process.pid,
    startTime: identityOf(process.pid)?.startTime ?? 0,
    url,
    version: VERSION,
  });
  log.info({ url, revision: store.revision }, "control plane is ready");
  // Beside everything else: nobody who starts a system has to wait for it.
  const secured = serveSecurely(api, folder, host, token).catch((error: unknown) =>
    log.error({ reason: error instanceof Error ? error.message : String(error) }, "no HTTPS address"),
  );
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    folder.unregister(process.pid);
    await secured;
    await api.close();
    // At once: what asks a thread that hangs is refused when that is ended.
    await Promise.all([plane.stop(), monitoring.stop()]);
    local.close();
    await store.close();
    log.info("control plane has stopped");
    log.flush();
  };
  return { url, stop: () => (stopped ??= stop()) };
}

async function serveSecurely(
  api: ReturnType<typeof createApi>,
  folder: StateFolder,
  host: string,
  token: string,
): Promise<void> {
  const tls = await serverCertificate(folder, systemClock.now());
  const preferred = folder.portInKubeconfig();
  const url = await api
    .listen({ host, port: preferred ?? 0, tls })
    .catch(() => api.listen({ host, port: 0, tls }));
  folder.write("kubeconfig", `${kubeconfig(url, token, tls.certificate)}\n`);
}

async function listen(
  api: ReturnType<typeof createApi>,
  host: string,
  preferred: number | undefined,
): Promise<string> {
  try {
    return await api.listen({ host, port: preferred ?? 0 });
  } catch (error) {
    if (preferred === undefined || (error as { readonly code?: string }).code !== "EADDRINUSE") throw error;
    return api.listen({ host, port: 0 });
  }
}

/** The same address as last time where possible, so that kubeconfigs and open consoles stay right. */
function lastPort(folder: StateFolder): number | undefined {
  const url = folder.registration()?.url ?? folder.lastUrl();
  return url === undefined ? undefined : Number(new URL(url).port) || undefined;
}
