/**
 * Class `prometheus` of Monitor: a Prometheus and an Alertmanager of its own, or ones that are there already, observe what
 * the Monitor speaks of. What to scrape they ask the control plane for (HTTP service discovery); rules and routing are files
 * that they read again when those change.
 *
 *   down --ensure--> configured with nothing --configure--> rules, routing, silences in force
 *
 *  - Ports are chosen once and kept in the status, so that addresses stay.
 *  - A file takes its place whole; one that is refused is replaced by the one before, which stays in force.
 *  - Those that were there already are told their rule files and silences only: how they scrape and whom they tell is said
 *    by whoever runs them.
 */
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { monitor } from "../../kinds/monitor.ts";
import type { Monitored, MonitorProvider, RaisedAlert } from "../../provider/monitoring.ts";
import {
  type Desired,
  type Identity,
  type Observation,
  RequeueAfter,
  TerminalError,
} from "../../provider/provider.ts";
import type { ServerHost } from "../../provider/server-host.ts";
import {
  FILES,
  alertmanagerConfiguration,
  jobsOf,
  prometheusConfiguration,
  ruleFile,
} from "./configuration.ts";
import { type Program, locate, missing } from "./program.ts";
import { RemotePrometheus, isReady, reload, setSilences } from "./remote.ts";

export interface PrometheusOptions {
  readonly host: ServerHost;
  /** Of the control plane, as programs of this machine reach it. Asked each time: it may move. */
  readonly controlPlane: () => { readonly url: string; readonly token: string };
}

type Spec = typeof monitor.Spec;

interface Outputs {
  readonly url: string;
  readonly alertmanagerUrl: string;
  readonly ports: Readonly<Record<Program, number>>;
}

const AREA = "monitors";
const PROGRAMS: readonly Program[] = ["alertmanager", "prometheus"];
const READY_PATIENCE = 30_000;
const LOOK = 50;
const STOP_GRACE = 10_000;
const NOBODY = { route: { receiver: "nobody" }, receivers: [{ name: "nobody" }] };

export function prometheusMonitors(options: PrometheusOptions): MonitorProvider {
  const monitors = new Monitors(options);
  return {
    kind: "Monitor",
    class: "prometheus",
    capabilities: [
      "a Prometheus and an Alertmanager of this machine, started and configured, or ones that are there",
      "the autoscaler and the command line ask it",
      "receivers of kind command and workflow are not told",
    ],
    features: ["existing servers"],
    obstacles: async ({ spec }) => {
      if (spec["server"] !== undefined) return [];
      const found = await Promise.all(
        PROGRAMS.map(async (one) => ((await locate(one)) === undefined ? [missing(one)] : [])),
      );
      return found.flat();
    },
    observe: (desired) => monitors.observe(desired as Desired<Spec>),
    ensure: (desired) => monitors.ensure(desired as Desired<Spec>),
    remove: (desired, { keepData }) => monitors.remove(desired.identity, keepData),
    configure: (identity, monitored) => monitors.configure(identity, monitored),
    source: (identity) => monitors.source(identity),
    alerts: (identity) => monitors.alerts(identity),
  };
}

class Monitors {
  readonly #options: PrometheusOptions;
  /** Addresses by uid, as `ensure` found them. */
  readonly #known = new Map<string, { readonly outputs: Outputs; readonly spec: Spec }>();

  constructor(options: PrometheusOptions) {
    this.#options = options;
  }

  async observe({ identity, spec, status }: Desired<Spec>): Promise<Observation | undefined> {
    const outputs = foreign(spec) ?? outputsIn(status);
    if (outputs === undefined) return undefined;
    const { host } = this.#options;
    if (spec.server === undefined && PROGRAMS.some((one) => host.find(identity, one) === undefined))
      return { ready: false, outputs: { ...outputs }, message: "It does not run." };
    this.#known.set(identity.uid, { outputs, spec });
    const isUp = await isReady(outputs.url);
    return isUp
      ? { ready: true, outputs: { ...outputs } }
      : { ready: false, outputs: { ...outputs }, message: `Nobody answers at ${outputs.url}.` };
  }

  async ensure(desired: Desired<Spec>): Promise<Observation> {
    const { identity, spec, status } = desired;
    const existing = foreign(spec);
    if (existing !== undefined) {
      this.#known.set(identity.uid, { outputs: existing, spec });
      if (!(await isReady(existing.url))) throw new Error(`No Prometheus answers at ${existing.url}.`);
      return { ready: true, outputs: { ...existing } };
    }
    const outputs = await this.#outputs(identity, outputsIn(status));
    this.#known.set(identity.uid, { outputs, spec });
    const folder = this.#folder(identity);
    if (!exists(join(folder, FILES.prometheus)))
      this.#write(folder, FILES.prometheus, prometheusConfiguration([], this.#addresses(identity, outputs)));
    if (!exists(join(folder, FILES.alertmanager)))
      this.#write(folder, FILES.alertmanager, alertmanagerConfiguration(NOBODY).text);
    for (const program of PROGRAMS) await this.#start(identity, program, outputs.ports[program]);
    for (const url of [outputs.alertmanagerUrl, outputs.url]) await untilReady(url);
    return { ready: true, outputs: { ...outputs } };
  }

  async remove(identity: Identity, keepData: boolean): Promise<readonly string[]> {
    const { host } = this.#options;
    for (const purpose of PROGRAMS.toReversed()) await host.stop(identity, { purpose, graceMs: STOP_GRACE });
    this.#known.delete(identity.uid);
    const folder = this.#folder(identity);
    for (const purpose of PROGRAMS) host.discardLog(join(folder, `${purpose}.log`));
    if (keepData) return [folder];
    await host.discard(folder);
    return [];
  }

  async configure(identity: Identity, { targets, files, routing, silences }: Monitored): Promise<void> {
    const { outputs, spec } = this.#place(identity);
    const folder = this.#folder(identity);
    this.#writeRules(spec.server?.rules ?? join(folder, FILES.rules), files);
    if (spec.server === undefined) {
      this.#write(folder, FILES.token, this.#options.controlPlane().token);
      const before = read(join(folder, FILES.prometheus));
      this.#write(
        folder,
        FILES.prometheus,
        prometheusConfiguration(jobsOf(targets), this.#addresses(identity, outputs)),
      );
      await this.#source(identity)
        .reload()
        .catch((error: unknown) => {
          if (before !== undefined) this.#write(folder, FILES.prometheus, before);
          throw error;
        });
      const formerly = read(join(folder, FILES.alertmanager));
      this.#write(folder, FILES.alertmanager, alertmanagerConfiguration(routing).text);
      await reload(outputs.alertmanagerUrl, "Alertmanager").catch((error: unknown) => {
        if (formerly !== undefined) this.#write(folder, FILES.alertmanager, formerly);
        throw error;
      });
    } else await this.#source(identity).reload();
    if (outputs.alertmanagerUrl !== "") await setSilences(outputs.alertmanagerUrl, silences);
  }

  source(identity: Identity): RemotePrometheus {
    return this.#source(identity);
  }

  alerts(identity: Identity): Promise<readonly RaisedAlert[]> {
    return this.#source(identity).alerts();
  }

  #source(identity: Identity): RemotePrometheus {
    return new RemotePrometheus(() => this.#place(identity).outputs.url);
  }

  #place(identity: Identity): { readonly outputs: Outputs; readonly spec: Spec } {
    const known = this.#known.get(identity.uid);
    if (known === undefined) throw new RequeueAfter(1_000, "Its Prometheus is not there yet.");
    return known;
  }

  #folder(identity: Identity): string {
    return this.#options.host.folder(AREA, identity);
  }

  #addresses(identity: Identity, outputs: Outputs): Parameters<typeof prometheusConfiguration>[1] {
    const { url } = this.#options.controlPlane();
    return {
      controlPlane: url,
      alertmanager: `127.0.0.1:${outputs.ports.alertmanager}`,
      discovery: `${url}/monitoring/http_sd/${identity.namespace}/${identity.name}`,
    };
  }

  async #outputs(identity: Identity, before: Outputs | undefined): Promise<Outputs> {
    const { host } = this.#options;
    const portFor = async (program: Program): Promise<number> => {
      const wished = before?.ports[program];
      if (wished !== undefined && host.find(identity, program) !== undefined) return wished;
      const port = await host.freePort({
        ...(wished === undefined ? {} : { wished }),
        seed: `${identity.uid} ${program}`,
      });
      if (port !== undefined) return port;
      throw new TerminalError({
        code: "NoFreePort",
        path: "spec",
        message: `There is no free port for ${program}.`,
        hint: "Stop something that listens.",
      });
    };
    const ports = { prometheus: await portFor("prometheus"), alertmanager: await portFor("alertmanager") };
    return {
      url: `http://127.0.0.1:${ports.prometheus}`,
      alertmanagerUrl: `http://127.0.0.1:${ports.alertmanager}`,
      ports,
    };
  }

  async #start(identity: Identity, program: Program, port: number): Promise<void> {
    const path = await locate(program);
    if (path === undefined) throw new TerminalError(missing(program));
    const folder = this.#folder(identity);
    const data = join(folder, `${program}-data`);
    mkdirSync(data, { recursive: true, mode: 0o700 });
    const own =
      program === "prometheus"
        ? [
            `--storage.tsdb.path=${data}`,
            "--storage.tsdb.retention.time=15d",
            "--web.enable-lifecycle",
            "--web.enable-remote-write-receiver",
          ]
        : [`--storage.path=${data}`, "--cluster.listen-address="];
    await this.#options.host.start(
      identity,
      {
        command: [
          path,
          `--config.file=${join(folder, FILES[program])}`,
          `--web.listen-address=127.0.0.1:${port}`,
          "--log.level=warn",
          ...own,
        ],
        env: { PATH: process.env["PATH"] ?? "", HOME: folder },
        cwd: folder,
        logFile: join(folder, `${program}.log`),
      },
      program,
    );
  }

  /** Files that are no longer wanted go; those of others in the same folder stay. */
  #writeRules(folder: string, files: Monitored["files"]): void {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const wanted = new Map(
      files.map(({ name, groups }) => [`tutti.${name.replaceAll("/", ".")}.json`, ruleFile(groups)]),
    );
    for (const file of readdirSync(folder))
      if (file.startsWith("tutti.") && !wanted.has(file)) rmSync(join(folder, file));
    for (const [file, text] of wanted) this.#write(folder, file, text);
  }

  #write(folder: string, file: string, text: string): void {
    const path = join(folder, file);
    if (read(path) === text) return;
    const partial = `${path}.part`;
    writeFileSync(partial, text, { mode: 0o600 });
    renameSync(partial, path);
  }
}

function foreign({ server }: Spec): Outputs | undefined {
  if (server === undefined) return undefined;
  return {
    url: server.url.replace(/\/$/, ""),
    alertmanagerUrl: (server.alertmanagerUrl ?? "").replace(/\/$/, ""),
    ports: { prometheus: 0, alertmanager: 0 },
  };
}

function outputsIn(status: Readonly<Record<string, unknown>> | undefined): Outputs | undefined {
  return status?.["ports"] === undefined || status["url"] === undefined
    ? undefined
    : (status as unknown as Outputs);
}

async function untilReady(url: string): Promise<void> {
  const deadline = performance.now() + READY_PATIENCE;
  while (!(await isReady(url))) {
    if (performance.now() > deadline) throw new Error(`Nobody answers at ${url}; its log says more.`);
    await sleep(LOOK);
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function exists(path: string): boolean {
  return read(path) !== undefined;
}
