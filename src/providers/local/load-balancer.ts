/**
 * Class `embedded`: each LoadBalancer is a balancer process of its own (balancer/), which serves on while the control
 * plane is away.
 *
 *  - Members are told through `setMembers`; `ensure` changes listeners and routes and leaves members as they are.
 *  - A listener without a port gets 8080 if that is free, else another; it keeps it, also when the status was lost in a
 *    crash, since the balancer itself is asked first.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { equal } from "../../model/equality.ts";
import { type BalancerSpec, poolOfListener } from "../../controller/routes.ts";
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
import { certificateFiles, discardOthers, type ServedCertificates } from "./balancer/certificate-files.ts";
import { BalancerClient, BalancerRefusal } from "./balancer/client.ts";
import type { Configuration, ListenerConfiguration } from "./balancer/configuration.ts";
import { configurationOf, observation, ruleObstacles } from "./balancer/declared.ts";
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
    "HTTP/1.1 by host and path, WebSocket, TCP; HTTP/2 to clients that connect with TLS",
    "TLS with given certificates, chosen by the client's server name, or one that is kept or made; replaced without a lost connection",
    "least connections or round robin; idempotent requests are tried again on another instance",
    "clients stay with an instance by cookie or address; limits of requests per client; header rules; its own health checks",
    "answers an ACME server's challenges; drains with acknowledgement",
  ];
  readonly features: readonly string[] = ["stickiness", "rate limits", "header rules", "health checks"];
  readonly #options: BalancerProviderOptions;
  readonly #clients = new Map<string, BalancerClient>();

  constructor(options: BalancerProviderOptions) {
    this.#options = options;
  }

  async observe(desired: Desired): Promise<Observation | undefined> {
    const id = processId(desired.identity);
    if (this.#options.supervisor.find(id) === undefined) return undefined;
    const client = this.#client(id);
    const [report, present] = [await client.stats(), await client.configuration()];
    return observation(desired.spec as BalancerSpec, report, present);
  }

  async obstacles({ spec }: Prospect): Promise<readonly Obstacle[]> {
    return [
      ...ruleObstacles(spec["routes"]),
      ...(await portObstacles(this.#options.home, portsIn(spec, "listeners"))),
    ];
  }

  async ensure(desired: Desired, context: ProviderContext): Promise<Observation> {
    const spec = desired.spec as BalancerSpec;
    const { identity } = desired;
    const id = processId(identity);
    refuseRules(spec);
    const folder = this.#options.home.ensure("balancers", identity.namespace, identity.name);
    const certificates = await certificateFiles(spec, identity, folder, context);
    await this.#start(identity, folder, context);
    const client = this.#client(id);
    for (let attempt = 1; ; attempt += 1) {
      const present = await client.configuration();
      const listeners = await this.#listeners(spec, present, desired, certificates);
      const wanted = configurationOf(spec, listeners, present);
      if (equal(wanted, present) || (await this.#configure(client, wanted, spec, attempt < ATTEMPTS))) break;
    }
    const report = await client.stats();
    // What the balancer would start from after a crash may still name the old ones.
    if (report.diagnostics.length === 0) discardOthers(folder, certificates);
    return observation(spec, report, await client.configuration());
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
        latency: member.window.recentP50Ms ?? member.window.p50Ms ?? 0,
        isStale: member.window.recentP50Ms === null,
        inFlight: member.inFlight,
      })),
    );
  }

  waiting(identity: Identity): Promise<readonly string[]> {
    return this.#client(processId(identity)).waiting();
  }

  /** What one balancer counts, in Prometheus' text format. */
  async metrics(identity: Identity): Promise<string> {
    return this.#client(processId(identity)).metrics();
  }

  async setChallenges(identity: Identity, challenges: Readonly<Record<string, string>>): Promise<void> {
    await this.#client(processId(identity)).setChallenges(challenges);
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

  async #start(identity: Identity, folder: string, { clock, signal }: ProviderContext): Promise<void> {
    const { home, supervisor, logs } = this.#options;
    const id = processId(identity);
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
      if (!(error instanceof BalancerRefusal) || error.status >= 500) throw error;
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
    certificates: ServedCertificates,
  ): Promise<readonly ListenerConfiguration[]> {
    const result: ListenerConfiguration[] = [];
    const recorded = (desired.status?.["ports"] ?? {}) as Readonly<Record<string, number>>;
    for (const listener of spec.listeners) {
      const known = present.listeners.find(({ name }) => name === listener.name)?.port;
      const taken = new Set(result.map(({ port }) => port));
      const port = listener.port ?? known ?? (await this.#choosePort(recorded[listener.name], taken));
      const target = poolOfListener(listener);
      result.push({
        name: listener.name,
        host: listener.host,
        port,
        protocol: listener.protocol,
        ...(listener.protocol === "https"
          ? { certificates: certificates.get(listener.name) ?? [], http2: listener.http2 }
          : {}),
        ...(target === undefined ? {} : { pool: target.pool }),
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
}

/** Before anything is begun: values of rules may have come from a reference, and were not seen by the plan. */
function refuseRules({ routes }: BalancerSpec): void {
  const [obstacle] = ruleObstacles(routes);
  if (obstacle !== undefined) throw new TerminalError(obstacle);
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
