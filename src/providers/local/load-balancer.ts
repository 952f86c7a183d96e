/**
 * Class `embedded`: each LoadBalancer is a balancer process of its own (balancer/), which serves on while the control
 * plane is away.
 *
 *  - Members are told through `setMembers`; `ensure` changes listeners and routes and leaves members as they are.
 *  - A listener without a port gets 8080 if that is free, else another; it keeps it, also when the status was lost in a
 *    crash, since the balancer itself is asked first.
 */
import { writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { equal } from "../../model/equality.ts";
import { parseDuration } from "../../model/duration.ts";
import { type BalancerSpec, poolName, poolsOf } from "../../controller/routes.ts";
import {
  type Desired,
  type Identity,
  type Member,
  type MemberStats,
  type Observation,
  type Obstacle,
  type Prospect,
  type ProviderContext,
  TerminalError,
  type TrafficProvider,
} from "../../provider/provider.ts";
import { BalancerClient, BalancerRefusal } from "./balancer/client.ts";
import type { CertificateFiles, Configuration, ListenerConfiguration } from "./balancer/configuration.ts";
import { type Home, processId } from "./home.ts";
import { portObstacles, portsIn } from "./obstacles.ts";
import { nodeCommand, nodeEnvironment } from "./program.ts";
import { removeLog } from "./supervisor/log-files.ts";
import type { LogWatch } from "./supervisor/log-watch.ts";
import { describePortInUse, freePorts } from "../../provider/ports.ts";
import type { Supervisor } from "./supervisor/supervisor.ts";

export interface BalancerProviderOptions {
  readonly home: Home;
  readonly supervisor: Supervisor;
  readonly logs: LogWatch;
}

const PREFERRED_PORT = 8080;
/** How often a port is chosen anew because somebody was faster. */
const ATTEMPTS = 5;
const START_PATIENCE = 10_000;

export class EmbeddedBalancers implements TrafficProvider {
  readonly kind = "LoadBalancer";
  readonly class = "embedded";
  readonly capabilities: readonly string[] = [
    "HTTP/1.1 by host and path, WebSocket, TCP",
    "TLS with a given or a self-made certificate",
    "least connections or round robin; idempotent requests are tried again on another instance",
    "drains with acknowledgement",
  ];
  readonly #options: BalancerProviderOptions;
  readonly #clients = new Map<string, BalancerClient>();

  constructor(options: BalancerProviderOptions) {
    this.#options = options;
  }

  async observe(desired: Desired): Promise<Observation | undefined> {
    const id = processId(desired.identity);
    if (this.#options.supervisor.find(id) === undefined) return undefined;
    const report = await this.#client(id).stats();
    return observation(
      desired.spec as BalancerSpec,
      report.listeners,
      report.diagnostics.map((diagnostic) => diagnostic.message),
    );
  }

  obstacles({ spec }: Prospect): Promise<readonly Obstacle[]> {
    return portObstacles(this.#options.home, portsIn(spec, "listeners"));
  }

  async ensure(desired: Desired, context: ProviderContext): Promise<Observation> {
    const spec = desired.spec as BalancerSpec;
    const id = processId(desired.identity);
    await this.#start(desired.identity, context);
    const client = this.#client(id);
    const folder = this.#options.home.folderOf("balancers", desired.identity);
    const certificates = await this.#certificates(spec, desired.identity, folder, context);
    for (let attempt = 1; ; attempt += 1) {
      const present = await client.configuration();
      const listeners = await this.#listeners(spec, present, desired, certificates);
      const wanted = configurationOf(spec, listeners, present);
      if (equal(wanted, present) || (await this.#configure(client, wanted, spec, attempt < ATTEMPTS))) break;
    }
    const report = await client.stats();
    return observation(
      spec,
      report.listeners,
      report.diagnostics.map((diagnostic) => diagnostic.message),
    );
  }

  async remove(desired: Desired): Promise<readonly string[]> {
    const { home, supervisor, logs } = this.#options;
    const id = processId(desired.identity);
    await supervisor.stop(id, { graceMs: 5_000 });
    this.#clients.get(id)?.close();
    this.#clients.delete(id);
    const folder = home.folderOf("balancers", desired.identity);
    const logFile = join(folder, "balancer.log");
    logs.delete(logFile);
    removeLog(logFile);
    await home.discard(folder);
    await rm(home.socketOf(id), { force: true });
    return [];
  }

  async setMembers(identity: Identity, pool: string, members: readonly Member[]): Promise<void> {
    await this.#client(processId(identity)).setMembers(pool, members);
  }

  async drain(identity: Identity, pool: string, member: string, timeout: number): Promise<void> {
    await this.#client(processId(identity)).drain(pool, member, timeout);
  }

  async stats(identity: Identity): Promise<readonly MemberStats[]> {
    const report = await this.#client(processId(identity)).stats();
    return report.pools.flatMap((pool) =>
      pool.members.map((member) => ({
        pool: pool.name,
        id: member.id,
        requests: member.window.requests,
        errors: member.window.failures + member.window.serverErrors,
        latency: member.window.p50Ms ?? 0,
        inFlight: member.inFlight,
      })),
    );
  }

  /** What one balancer counts, in Prometheus' text format. */
  async metrics(identity: Identity): Promise<string> {
    return this.#client(processId(identity)).metrics();
  }

  async setChallenges(identity: Identity, challenges: Readonly<Record<string, string>>): Promise<void> {
    if (Object.keys(challenges).length > 0)
      throw new Error(`The balancer of ${identity.name} answers no ACME challenges yet.`);
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #client(id: string): BalancerClient {
    let client = this.#clients.get(id);
    if (client === undefined) {
      client = new BalancerClient(this.#options.home.socketOf(id));
      this.#clients.set(id, client);
    }
    return client;
  }

  async #start(identity: Identity, { clock, signal }: ProviderContext): Promise<void> {
    const { home, supervisor, logs } = this.#options;
    const id = processId(identity);
    const folder = home.ensure("balancers", identity.namespace, identity.name);
    const client = this.#client(id);
    if (supervisor.find(id) === undefined) {
      const logFile = join(folder, "balancer.log");
      await supervisor.start({
        id,
        command: nodeCommand(
          new URL("./balancer/main.ts", import.meta.url),
          "--socket",
          home.socketOf(id),
          "--state",
          join(folder, "state.json"),
        ),
        env: nodeEnvironment(),
        cwd: folder,
        logFile,
      });
      logs.add(logFile);
    }
    const deadline = clock.now() + START_PATIENCE;
    while (!(await client.healthy())) {
      if (supervisor.find(id) === undefined)
        throw new Error("The balancer's process ended while it started; its log is in the state folder.");
      if (clock.now() > deadline) throw new Error("The balancer's process does not answer.");
      await clock.sleep(5, signal);
    }
  }

  /** False when a port that was free when it was chosen is somebody else's by now, and `mayChooseAgain`. */
  async #configure(
    client: BalancerClient,
    wanted: Configuration,
    spec: BalancerSpec,
    mayChooseAgain: boolean,
  ): Promise<boolean> {
    try {
      await client.configure(wanted);
      return true;
    } catch (error) {
      if (!(error instanceof BalancerRefusal)) throw error;
      const taken =
        error.status === 409
          ? wanted.listeners.find(({ port }) =>
              error.diagnostics.some(({ address }) => address.endsWith(`:${port}`)),
            )
          : undefined;
      const isChosen = spec.listeners.some(({ name, port }) => name === taken?.name && port === undefined);
      if (isChosen && mayChooseAgain) return false;
      throw new TerminalError(
        taken === undefined
          ? {
              code: error.diagnostics[0]?.code ?? "BalancerRefused",
              message: error.message,
              hint: "Change the listeners or routes.",
            }
          : {
              code: "PortInUse",
              path: `spec.listeners.${taken.name}.port`,
              message: `${capitalised(describePortInUse(taken.port))}.`,
              hint: "Choose another port, or leave it out to have one chosen.",
            },
      );
    }
  }

  async #listeners(
    spec: BalancerSpec,
    present: Configuration,
    desired: Desired,
    certificates: ReadonlyMap<string, readonly CertificateFiles[]>,
  ): Promise<readonly ListenerConfiguration[]> {
    const result: ListenerConfiguration[] = [];
    const recorded = (desired.status?.["ports"] ?? {}) as Readonly<Record<string, number>>;
    for (const listener of spec.listeners) {
      const known = present.listeners.find(({ name }) => name === listener.name)?.port;
      const taken = new Set(result.map(({ port }) => port));
      const port = listener.port ?? known ?? (await this.#choosePort(recorded[listener.name], taken));
      const { service } = listener;
      result.push({
        name: listener.name,
        host: listener.host,
        port,
        protocol: listener.protocol,
        ...(listener.protocol === "https" ? { certificates: certificates.get(listener.name) ?? [] } : {}),
        ...(listener.protocol === "tcp" && service !== undefined
          ? { pool: poolName(service, listener.servicePort) }
          : {}),
      });
    }
    return result;
  }

  async #choosePort(recorded: number | undefined, taken: ReadonlySet<number>): Promise<number> {
    for (const wanted of [recorded, PREFERRED_PORT]) {
      if (wanted === undefined) continue;
      const [free] = await freePorts({ seed: "", range: [wanted, wanted], taken }, 1);
      if (free !== undefined) return free;
    }
    const [free] = await freePorts({ seed: `${this.#options.home.folder} balancer`, taken }, 1);
    if (free === undefined)
      throw new TerminalError({ code: "NoFreePort", message: "No port between 20000 and 31999 is free." });
    return free;
  }

  async #certificates(
    spec: BalancerSpec,
    identity: Identity,
    folder: string,
    context: ProviderContext,
  ): Promise<ReadonlyMap<string, readonly CertificateFiles[]>> {
    const result = new Map<string, readonly CertificateFiles[]>();
    for (const listener of spec.listeners) {
      if (listener.protocol !== "https") continue;
      const files = {
        certFile: join(folder, `${listener.name}.crt`),
        keyFile: join(folder, `${listener.name}.key`),
      };
      if (listener.tls?.secret !== undefined) writeGiven(listener.tls.secret, identity, files, context);
      else await writeSelfMade(spec, files);
      result.set(listener.name, [{ hosts: [], ...files }]);
    }
    return result;
  }
}

function writeGiven(
  secret: string,
  identity: Identity,
  files: { readonly certFile: string; readonly keyFile: string },
  context: ProviderContext,
): void {
  const data = context.readSecret(identity.namespace, secret);
  const [certificate, key] = [data?.["tls.crt"], data?.["tls.key"]];
  if (certificate === undefined || key === undefined) {
    throw new TerminalError({
      code: "CertificateMissing",
      path: "spec.listeners",
      message: `The Secret '${secret}' has no tls.crt and tls.key.`,
      hint: "Put the PEM certificate chain and its key there.",
    });
  }
  writeFileSync(files.certFile, certificate, { mode: 0o600 });
  writeFileSync(files.keyFile, key, { mode: 0o600 });
}

/** Made once for the hosts it is for; made anew when they change. */
async function writeSelfMade(
  spec: BalancerSpec,
  files: { readonly certFile: string; readonly keyFile: string },
): Promise<void> {
  const hosts = [
    ...new Set([
      "localhost",
      "127.0.0.1",
      ...spec.routes.flatMap(({ host }) => (host === undefined ? [] : [host])),
    ]),
  ];
  const { X509Certificate } = await import("node:crypto");
  const { existsSync, readFileSync } = await import("node:fs");
  if (existsSync(files.keyFile) && existsSync(files.certFile)) {
    const certificate = new X509Certificate(readFileSync(files.certFile));
    const names = certificate.subjectAltName ?? "";
    if (
      hosts.every((host) => names.includes(host)) &&
      Date.parse(certificate.validTo) - Date.now() > 30 * 86_400_000
    )
      return;
  }
  const { selfSigned } = await import("./balancer/certificate.ts");
  const made = await selfSigned(hosts);
  writeFileSync(files.keyFile, made.key, { mode: 0o600 });
  writeFileSync(files.certFile, made.certificate, { mode: 0o600 });
}

function configurationOf(
  spec: BalancerSpec,
  listeners: readonly ListenerConfiguration[],
  present: Configuration,
): Configuration {
  return {
    listeners,
    routes: spec.routes.map(({ host, path, service, port, stripPrefix, timeout }) => ({
      ...(host === undefined ? {} : { host }),
      path,
      pool: poolName(service, port),
      ...(stripPrefix ? { stripPrefix } : {}),
      timeoutMs: parseDuration(timeout),
    })),
    pools: poolsOf(spec).map(({ pool }) => ({
      name: pool,
      algorithm: spec.algorithm,
      retries: spec.retries,
      queueTimeoutMs: parseDuration(spec.queue),
      members: present.pools.find(({ name }) => name === pool)?.members ?? [],
    })),
  };
}

function observation(
  spec: BalancerSpec,
  listeners: readonly {
    readonly name: string;
    readonly host: string;
    readonly port: number;
    readonly protocol: string;
  }[],
  problems: readonly string[],
): Observation {
  const first = listeners[0];
  const urls = listeners.flatMap(({ protocol, host, port }) =>
    protocol === "tcp" ? [] : [`${protocol}://${shown(host)}:${port}/`],
  );
  const missing = spec.listeners.length - listeners.length;
  return {
    ready: missing <= 0 && problems.length === 0,
    ...(problems.length > 0 ? { message: problems.join(" ") } : {}),
    outputs: {
      urls,
      ...(first === undefined
        ? {}
        : {
            host: shown(first.host),
            port: first.port,
            url: first.protocol === "tcp" ? `tcp://${shown(first.host)}:${first.port}` : (urls[0] ?? ""),
          }),
      ports: Object.fromEntries(listeners.map(({ name, port }) => [name, port])),
    },
  };
}

/** An address that listens everywhere is reached here by the loopback address. */
function shown(host: string): string {
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
