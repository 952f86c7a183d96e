/**
 * Class `prometheus` of Monitor: a Prometheus and an Alertmanager of its own, or ones that are there already, observe what
 * the Monitor speaks of. What to scrape they ask the control plane for (HTTP service discovery); rules and routing are files
 * that they read again when those change.
 *
 *   nothing --ensure--> configured with nothing --configure--> rules, routing, silences in force
 *                                                    '--ensure: one was killed and started anew--'
 *
 *  - Files change together or not at all (trial.ts): what is refused leaves in force what was. Rules, routing and silences
 *    are taken or refused each for itself.
 *  - Nothing is read again that has not changed: a reload costs Prometheus what it would have told meanwhile.
 *  - Those that were there already are told their rule files and silences only: how they scrape and whom they tell is said
 *    by whoever runs them. Who they are is written down, so that what is ours goes when they are left.
 */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { monitor } from "../../kinds/monitor.ts";
import { equal } from "../../model/equality.ts";
import type { Monitored, MonitorProvider, RaisedAlert } from "../../provider/monitoring.ts";
import { type Desired, type Identity, type Observation, RequeueAfter } from "../../provider/provider.ts";
import { redact, secretWords } from "../../provider/redaction.ts";
import type { ServerHost } from "../../provider/server-host.ts";
import {
  FILES,
  alertmanagerConfiguration,
  jobsOf,
  prometheusConfiguration,
  textsIn,
} from "./configuration.ts";
import { locate, missing, usualFolders } from "./program.ts";
import { RemotePrometheus, isReady, reload, setSilences } from "./remote.ts";
import { ruleFiles } from "./rule-files.ts";
import { PROGRAMS, type Ports, Servers, portsIn, urlOf } from "./servers.ts";
import { type Files, onTrial, readText, undoTrial, writeText } from "./trial.ts";

export interface PrometheusOptions {
  readonly host: ServerHost;
  /** Of the control plane, as programs of this machine reach it. Asked each time: it may move. */
  readonly controlPlane: () => { readonly url: string; readonly token: string };
  /** Where programs are looked for; PATH and the usual folders when absent. */
  readonly folders?: readonly string[];
}

type Spec = typeof monitor.Spec;

interface Place {
  readonly url: string;
  /** Empty when there is none. */
  readonly alertmanagerUrl: string;
  /** Absolute: where rule files are. */
  readonly rules: string;
  /** Absent where they were there already. */
  readonly ports?: Ports;
}

const AREA = "monitors";
/** Of trials, one for each program. */
const JOURNALS = { prometheus: "prometheus.trial", alertmanager: "alertmanager.trial" } as const;
const NOBODY = { route: { receiver: "nobody" }, receivers: [{ name: "nobody" }] };
/** Secrets stand in it. */
const PRIVATE = 0o600;
/** Prometheus may run as somebody else. */
const PUBLIC = 0o644;

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
      const folders = options.folders ?? usualFolders();
      const found = await Promise.all(
        PROGRAMS.map(async (one) => ((await locate(one, folders)) === undefined ? [missing(one)] : [])),
      );
      return found.flat();
    },
    observe: (desired) => monitors.observe(desired as Desired<Spec>),
    ensure: (desired) => monitors.ensure(desired as Desired<Spec>),
    remove: (desired, { keepData }) => monitors.remove(desired as Desired<Spec>, keepData),
    configure: (identity, monitored) => monitors.configure(identity, monitored),
    source: (identity) => monitors.source(identity),
    alerts: (identity) => monitors.alerts(identity),
  };
}

class Monitors {
  readonly #options: PrometheusOptions;
  readonly #servers: Servers;
  /** By uid, as `ensure` or `observe` found them. */
  readonly #places = new Map<string, Place>();
  /** By uid: what a Prometheus that is started anew is told again. */
  readonly #monitored = new Map<string, Monitored>();
  /** By uid: files of one Monitor are written by one at a time. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: PrometheusOptions) {
    this.#options = options;
    this.#servers = new Servers(options.host, options.folders ?? usualFolders());
  }

  async observe({ identity, spec }: Desired<Spec>): Promise<Observation | undefined> {
    const { host } = this.#options;
    let place = foreign(spec);
    if (place === undefined) {
      const running = PROGRAMS.filter((one) => this.#servers.runs(identity, one));
      // The folder is not looked for: asking for it makes it.
      const ports = running.length === 0 ? undefined : portsIn(host.folder(AREA, identity));
      if (ports === undefined) return undefined;
      place = this.#own(identity, ports);
      const stopped = PROGRAMS.find((one) => !running.includes(one));
      if (stopped !== undefined)
        return { ready: false, outputs: outputsOf(place), message: `${stopped} does not run.` };
    }
    this.#places.set(identity.uid, place);
    const silent = await nobodyAt(place);
    return silent === undefined
      ? { ready: true, outputs: outputsOf(place) }
      : { ready: false, outputs: outputsOf(place), message: silent };
  }

  ensure({ identity, spec }: Desired<Spec>): Promise<Observation> {
    return this.#inTurn(identity, async () => {
      const existing = foreign(spec);
      await this.#leave(identity, existing);
      const place = existing ?? (await this.#started(identity));
      this.#places.set(identity.uid, place);
      const silent = await nobodyAt(place);
      if (silent !== undefined) throw new Error(silent);
      return { ready: true, outputs: outputsOf(place) };
    });
  }

  remove({ identity, spec }: Desired<Spec>, keepData: boolean): Promise<readonly string[]> {
    return this.#inTurn(identity, async () => {
      const { host } = this.#options;
      const folder = host.folder(AREA, identity);
      this.#places.delete(identity.uid);
      this.#monitored.delete(identity.uid);
      const existing = foreign(spec);
      if (existing !== undefined) {
        const kept = await withdraw(identity, existing);
        await this.#leave(identity, existing);
        await host.discard(folder);
        return kept;
      }
      await this.#servers.stop(identity, folder);
      if (keepData) return [folder];
      await host.discard(folder);
      return [];
    });
  }

  configure(identity: Identity, monitored: Monitored): Promise<readonly string[]> {
    return this.#inTurn(identity, async () => {
      const place = this.#place(identity);
      this.#monitored.set(identity.uid, monitored);
      return this.#tell(identity, place, monitored);
    });
  }

  source(identity: Identity): RemotePrometheus {
    return new RemotePrometheus(() => this.#place(identity).url);
  }

  alerts(identity: Identity): Promise<readonly RaisedAlert[]> {
    return this.source(identity).alerts();
  }

  /** What was made where it was observed before goes; where it is now is written down first. */
  async #leave(identity: Identity, next: Place | undefined): Promise<void> {
    const folder = this.#options.host.folder(AREA, identity);
    const file = join(folder, FILES.guest);
    const text = readText(file);
    const former = text === null ? undefined : (JSON.parse(text) as Place);
    if (former !== undefined && !equal(former, next)) {
      await withdraw(identity, former);
      writeText(file, null, PRIVATE);
    }
    if (next === undefined) return;
    if (portsIn(folder) !== undefined) {
      await this.#servers.stop(identity, folder);
      await this.#options.host.discard(folder);
    }
    writeText(file, JSON.stringify(next), PRIVATE);
  }

  async #started(identity: Identity): Promise<Place> {
    const folder = this.#options.host.folder(AREA, identity);
    const ports = await this.#servers.ports(identity, folder);
    const place = this.#own(identity, ports);
    // What nobody has judged would keep it from starting.
    for (const program of PROGRAMS)
      if (!this.#servers.runs(identity, program)) undoTrial(join(folder, JOURNALS[program]));
    const first = {
      prometheus: () => prometheusConfiguration([], this.#addresses(identity, ports)),
      alertmanager: () => alertmanagerConfiguration(NOBODY).text,
    };
    for (const program of PROGRAMS) {
      const file = join(folder, FILES[program]);
      if (readText(file) === null) writeText(file, first[program](), PRIVATE);
    }
    const isNew = await this.#servers.start(identity, folder, ports);
    const monitored = this.#monitored.get(identity.uid);
    // One that was killed has lost its silences, and may listen at another port.
    if (isNew && monitored !== undefined) await this.#tell(identity, place, monitored);
    return place;
  }

  /** Each is told although another is refused. Resolves with what cannot be done, a sentence each. */
  async #tell(identity: Identity, place: Place, monitored: Monitored): Promise<readonly string[]> {
    const folder = this.#options.host.folder(AREA, identity);
    const routing = alertmanagerConfiguration(monitored.routing);
    const told = [
      place.alertmanagerUrl === ""
        ? undefined
        : await outcome(setSilences(place.alertmanagerUrl, identity.uid, monitored.silences)),
      await outcome(this.#tellRules(identity, folder, place, monitored)),
      place.ports === undefined
        ? undefined
        : await outcome(tellRouting(folder, place, routing.text, textsIn(monitored.routing["receivers"]))),
    ];
    const refused = told.find((error) => error !== undefined);
    if (refused !== undefined) throw refused;
    return place.ports === undefined ? [] : routing.left;
  }

  #tellRules(
    identity: Identity,
    folder: string,
    { url, rules, ports }: Place,
    { targets, files: rulesOf }: Monitored,
  ): Promise<void> {
    // Only one of ours is in our folder, which is closed to others.
    mkdirSync(rules, { recursive: true, mode: 0o755 });
    let files: Files = ruleFiles(rules, identity, rulesOf);
    if (ports !== undefined) {
      writeText(join(folder, FILES.token), this.#options.controlPlane().token, PRIVATE);
      chmodSync(join(folder, FILES.token), PRIVATE);
      const text = prometheusConfiguration(jobsOf(targets), this.#addresses(identity, ports));
      files = { ...files, [join(folder, FILES.prometheus)]: text };
    }
    return onTrial(join(folder, JOURNALS.prometheus), { files, mode: PUBLIC }, () =>
      reload(url, "Prometheus"),
    );
  }

  #place(identity: Identity): Place {
    const place = this.#places.get(identity.uid);
    if (place === undefined) throw new RequeueAfter(1_000, "Its Prometheus is not there yet.");
    return place;
  }

  #own(identity: Identity, ports: Ports): Place {
    return {
      url: urlOf(ports.prometheus),
      alertmanagerUrl: urlOf(ports.alertmanager),
      rules: join(this.#options.host.folder(AREA, identity), FILES.rules),
      ports,
    };
  }

  #addresses({ namespace, name }: Identity, ports: Ports): Parameters<typeof prometheusConfiguration>[1] {
    return {
      alertmanager: `127.0.0.1:${ports.alertmanager}`,
      discovery: `${this.#options.controlPlane().url}/monitoring/http_sd/${namespace}/${name}`,
    };
  }

  #inTurn<T>({ uid }: Identity, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(uid) ?? Promise.resolve()).then(work, work);
    const over = turn
      .catch(() => undefined)
      .then(() => {
        if (this.#turns.get(uid) === over) this.#turns.delete(uid);
      });
    this.#turns.set(uid, over);
    return turn;
  }
}

function foreign({ server }: Spec): Place | undefined {
  if (server === undefined) return undefined;
  return {
    url: server.url.replace(/\/$/, ""),
    alertmanagerUrl: (server.alertmanagerUrl ?? "").replace(/\/$/, ""),
    rules: server.rules,
  };
}

function outputsOf({ url, alertmanagerUrl }: Place): Observation["outputs"] {
  return alertmanagerUrl === "" ? { url } : { url, alertmanagerUrl };
}

/** A sentence when one of them does not answer. */
async function nobodyAt({ url, alertmanagerUrl }: Place): Promise<string | undefined> {
  if (!(await isReady(url))) return `No Prometheus answers at ${url}.`;
  if (alertmanagerUrl !== "" && !(await isReady(alertmanagerUrl)))
    return `No Alertmanager answers at ${alertmanagerUrl}.`;
  return undefined;
}

async function tellRouting(
  folder: string,
  { alertmanagerUrl }: Place,
  text: string,
  texts: readonly string[],
): Promise<void> {
  const files = { [join(folder, FILES.alertmanager)]: text };
  try {
    await onTrial(join(folder, JOURNALS.alertmanager), { files, mode: PRIVATE }, () =>
      reload(alertmanagerUrl, "Alertmanager"),
    );
  } catch (error) {
    // It may quote what it does not understand.
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(redact(message, texts.flatMap(secretWords)), { cause: undefined });
  }
}

/** Takes our rules and silences away from those that stay. Gives what could not be, one phrase each. */
async function withdraw(identity: Identity, place: Place): Promise<readonly string[]> {
  const { url, alertmanagerUrl, rules } = place;
  const stale = Object.keys(ruleFiles(rules, identity, []));
  for (const path of stale) writeText(path, null, PUBLIC);
  const kept: string[] = [];
  if (stale.length > 0 && (await outcome(reload(url, "Prometheus"))) !== undefined)
    kept.push(`its rules in the memory of the Prometheus at ${url}, until that reads its files again`);
  if (alertmanagerUrl !== "" && (await outcome(setSilences(alertmanagerUrl, identity.uid, []))) !== undefined)
    kept.push(`its silences in the Alertmanager at ${alertmanagerUrl}, until they end`);
  return kept;
}

/** The error, if it failed. */
function outcome(work: Promise<unknown>): Promise<Error | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
}
