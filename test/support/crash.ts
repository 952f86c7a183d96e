/**
 * Kills the control plane at random moments while a system is brought up, scaled, rolled out and taken down, starts it
 * again, and looks whether what was acknowledged is there, once, and nothing else.
 *
 *   idle --change--> changing --kill -9--> dead --serve--> converging (perhaps killed again) --> idle, checked
 *
 *  C1 What was acknowledged before the kill is declared afterwards; what was not is there whole or not at all.
 *  C2 Each id is carried by one process, and the ids are exactly those of what the store declares.
 *  C3 An instance that is still in the store is the very process it was before the kill.
 *  C4 Folders, logs and sockets are exactly those of what is declared; after `down` there are none, and no port listens.
 *  C5 Rows that the database acknowledged are there as long as the database is declared.
 */
import postgres from "postgres";
import { PROGRAMS, type Seen, type TestHome, isReady, kill } from "./home.ts";
import { leftBehind } from "./left-behind.ts";
import { ask } from "./load.ts";
import { isHeld, listeningPorts, rootsBy, startedBy } from "./processes.ts";
import { until } from "./until.ts";
import { setTimeout as sleep } from "node:timers/promises";

const SYSTEM = "shop";
const PATIENCE = 90_000;

/** What is declared of the service; undefined when there is no system. */
type Declared = { readonly version: string; readonly replicas: number } | undefined;

export type ChangeName = "up" | "scale" | "rollout" | "down";

export interface Round {
  readonly change: ChangeName;
  readonly kills: number;
  readonly acknowledged: boolean;
  readonly applied: boolean;
  /** Milliseconds from the last start of the control plane to where it was converged. */
  readonly convergence: number;
  readonly violations: readonly string[];
}

interface Before {
  readonly declared: Declared;
  /** Process by uid of the instances. */
  readonly pids: ReadonlyMap<string, number>;
  readonly ports: readonly number[];
}

export class CrashRun {
  readonly #home: TestHome;
  readonly #random: () => number;
  #declared: Declared;
  #versions = 0;
  #rows = 0;

  /** `random`: uniform in [0, 1). */
  constructor(home: TestHome, random: () => number) {
    this.#home = home;
    this.#random = random;
  }

  async round(): Promise<Round> {
    const before = await this.#before();
    const change = this.#choose();
    const wanted = this.#wanted(change);
    let acknowledged = false;
    const changing = this.#change(change, wanted).then(
      () => (acknowledged = true),
      () => undefined,
    );
    // Most of what can go wrong goes wrong early: short delays are likelier than long ones.
    await sleep(1500 * this.#random() ** 2);
    await this.#home.killControlPlane();
    await changing;
    let kills = 1;
    while (this.#random() < 0.25) {
      await this.#killWhileStarting();
      kills += 1;
    }
    await this.#home.serve();
    const began = performance.now();
    const violations: string[] = [];
    this.#declared = await this.#settle(acknowledged, wanted, before, violations);
    await this.#check(before, violations);
    const applied = same(this.#declared, wanted);
    return { change, kills, acknowledged, applied, convergence: performance.now() - began, violations };
  }

  async #before(): Promise<Before> {
    const instances = this.#declared === undefined ? [] : await this.#home.list("Instance");
    const pids = new Map(
      instances.map(({ metadata, status }) => [metadata.uid, Number(status?.["identity"]?.["pid"])]),
    );
    return {
      declared: this.#declared,
      pids,
      ports: listeningPorts(startedBy(this.#home.path).map(({ pid }) => pid)),
    };
  }

  #choose(): ChangeName {
    if (this.#declared === undefined) return "up";
    const at = this.#random();
    return at < 0.4 ? "scale" : at < 0.75 ? "rollout" : "down";
  }

  #wanted(change: ChangeName): Declared {
    const replicas = 1 + Math.floor(this.#random() * 5);
    const now = this.#declared;
    if (change === "down") return undefined;
    if (change === "scale") return { version: now?.version ?? "", replicas };
    this.#versions += 1;
    return { version: `v${this.#versions}`, replicas: now?.replicas ?? replicas };
  }

  async #change(change: ChangeName, wanted: Declared): Promise<void> {
    const client = this.#home.client();
    if (change === "scale") {
      await client.patch(SERVICE, "api", { spec: { replicas: wanted?.replicas } });
      return;
    }
    const action = change === "down" ? ("down" as const) : ("apply" as const);
    const proposed = { resources: wanted === undefined ? [] : declaration(wanted), action, folder: PROGRAMS };
    const { hash } = await client.plan(SYSTEM, proposed);
    await client.apply(SYSTEM, { ...proposed, hash });
  }

  /** Ended somewhere between its first instruction and shortly after it answers. */
  async #killWhileStarting(): Promise<void> {
    const { child, done } = this.#home.start(["serve"]);
    await sleep(1200 * this.#random());
    if (child.pid !== undefined) kill(child.pid);
    await done;
  }

  /** Waits until what is declared is so, and nothing else. */
  async #settle(
    acknowledged: boolean,
    wanted: Declared,
    { declared }: Before,
    violations: string[],
  ): Promise<Declared> {
    const found = await this.#read();
    const allowed = acknowledged ? [wanted] : [wanted, declared];
    if (!allowed.some((each) => same(each, found)))
      violations.push(`C1: declared is ${show(found)}, not ${allowed.map(show).join(" or ")}`);
    try {
      await until("convergence", async () => (await this.#isConverged(found)) || undefined, PATIENCE);
    } catch {
      violations.push(`not converged after ${PATIENCE / 1000} s: ${await this.#describe()}`);
    }
    return found;
  }

  async #read(): Promise<Declared> {
    const [system, service] = await Promise.all([
      this.#home.get(`System/${SYSTEM}`),
      this.#home.get("Service/api"),
    ]);
    if (system === undefined || system.metadata.deletionTimestamp !== undefined) return undefined;
    return {
      version: String(service?.spec?.["env"]?.["VERSION"]),
      replicas: Number(service?.spec?.["replicas"]),
    };
  }

  async #isConverged(declared: Declared): Promise<boolean> {
    const [system, instances] = await Promise.all([
      this.#home.get(`System/${SYSTEM}`),
      this.#home.list("Instance"),
    ]);
    if (declared === undefined) return system === undefined && instances.length === 0;
    if (system === undefined || !isReady(system)) return false;
    const all = await Promise.all(KINDS.map((kind) => this.#home.list(kind)));
    return (
      all.flat().every((resource) => isReady(resource)) &&
      instances.length === declared.replicas + 1 &&
      instances
        .filter(({ spec }) => spec?.["service"] === "api")
        .every(
          (instance) =>
            isReady(instance) && instance.spec?.["run"]?.["env"]?.["VERSION"] === declared.version,
        )
    );
  }

  async #check(before: Before, violations: string[]): Promise<void> {
    const instances = await this.#home.list("Instance");
    await this.#checkProcesses(instances, violations);
    for (const { metadata, status } of instances) {
      const pid = before.pids.get(metadata.uid);
      if (pid !== undefined && pid !== Number(status?.["identity"]?.["pid"]))
        violations.push(
          `C3: ${metadata.name} was process ${pid} and is ${String(status?.["identity"]?.["pid"])}`,
        );
    }
    this.#checkKept(before, instances, violations);
    this.#checkFolders(before, instances, violations);
    if (this.#declared !== undefined) await this.#checkAnswers(before, violations);
  }

  async #checkProcesses(instances: readonly Seen[], violations: string[]): Promise<void> {
    const roots = rootsBy(this.#home.path);
    const running = [...roots.keys()];
    const ids = this.#declared === undefined ? [] : await this.#declaredIds(instances);
    for (const [id, processes] of roots)
      if (processes.length > 1) violations.push(`C2: ${processes.length} processes are ${id}`);
    for (const id of running.filter((each) => !ids.some((wanted) => each.startsWith(wanted))))
      violations.push(`C2: an orphan runs: ${id}`);
    for (const id of ids.filter((wanted) => !running.some((each) => each.startsWith(wanted))))
      violations.push(`C2: nothing runs as ${id}`);
  }

  async #declaredIds(instances: readonly Seen[]): Promise<readonly string[]> {
    const [database, balancer] = await Promise.all([
      this.#home.get("Database/orders"),
      this.#home.get("LoadBalancer/front"),
    ]);
    return [
      ...instances.map(({ metadata }) => `Instance/default/${metadata.name}/${metadata.uid}`),
      `Database/default/orders/${database?.metadata.uid ?? ""}`,
      `LoadBalancer/default/front/${balancer?.metadata.uid ?? ""}`,
      "DNSZone/default/names/",
    ];
  }

  /** With the same template, an instance is there as long as there is room for it. */
  #checkKept(before: Before, instances: readonly Seen[], violations: string[]): void {
    const [was, is] = [before.declared, this.#declared];
    if (was === undefined || is === undefined || was.version !== is.version) return;
    const kept = instances.filter(({ metadata }) => before.pids.has(metadata.uid)).length;
    const expected = Math.min(was.replicas, is.replicas) + 1;
    if (kept < expected)
      violations.push(`C3: ${kept} of the ${expected} instances that should have gone on running are there`);
  }

  #checkFolders({ ports }: Before, instances: readonly Seen[], violations: string[]): void {
    const left = leftBehind(this.#home.path);
    const expected =
      this.#declared === undefined
        ? []
        : [
            "balancers/default/front",
            "databases/default/orders",
            "dns/default/names",
            "volumes/default/papers",
            ...instances.map(({ metadata }) => `instances/default/${metadata.name}.log`),
          ];
    const sockets = left.filter((path) => path.startsWith("run/"));
    const rest = left.filter((path) => !path.startsWith("run/") && !/previous/.test(path));
    const orphans = rest.filter((path) => !expected.includes(path));
    if (orphans.length > 0) violations.push(`C4: left behind: ${orphans.join(", ")}`);
    const missing = expected.filter((path) => !rest.includes(path));
    if (missing.length > 0) violations.push(`C4: missing: ${missing.join(", ")}`);
    if (sockets.length !== (this.#declared === undefined ? 0 : 2))
      violations.push(`C4: sockets: ${sockets.join(", ")}`);
    // A port that is free again may be somebody else's by now.
    const open = this.#declared === undefined ? ports.filter((port) => isHeld(port, this.#home.path)) : [];
    if (open.length > 0) violations.push(`C4: ports still listen: ${open.join(", ")}`);
  }

  async #checkAnswers({ declared }: Before, violations: string[]): Promise<void> {
    const answer = await ask(`${await this.#home.url("front")}/`);
    if (answer.body !== this.#declared?.version) violations.push(`the front answers '${answer.body}'`);
    const database = await this.#home.client().get<Seen>(DATABASE, "orders", { reveal: true });
    const sql = postgres(String(database.status?.["url"]), { max: 1, onnotice: () => undefined });
    try {
      await sql`create table if not exists rows (number integer)`;
      const [row] = await sql<{ count: number }[]>`select count(*)::int as count from rows`;
      if (declared === undefined) this.#rows = 0;
      if (row?.count !== this.#rows) violations.push(`C5: ${row?.count} rows, not ${this.#rows}`);
      await sql`insert into rows values (${this.#rows})`;
      this.#rows = (row?.count ?? 0) + 1;
    } finally {
      await sql.end({ timeout: 2 });
    }
  }

  async #describe(): Promise<string> {
    const all = await Promise.all(["System", "Instance", ...KINDS].map((kind) => this.#home.list(kind)));
    return all
      .flat()
      .map(
        ({ kind, metadata, status }) =>
          `${kind}/${metadata.name}${metadata.deletionTimestamp === undefined ? "" : " deleting"}: ${(status?.conditions ?? []).map(({ type, status: is, message }) => `${type}=${is} ${message}`).join("; ")}`,
      )
      .join(" | ");
  }
}

const KINDS = ["Service", "Database", "LoadBalancer", "DNSZone", "Volume"] as const;
const SERVICE = { kind: "Service", plural: "services", group: "tutti.dev", version: "v1", namespaced: true };
const DATABASE = { ...SERVICE, kind: "Database", plural: "databases" };

function declaration({ version, replicas }: NonNullable<Declared>): readonly unknown[] {
  const server = ["node", "server.ts"];
  return [
    { kind: "System", metadata: { name: SYSTEM } },
    { kind: "Volume", metadata: { name: "papers" }, spec: {} },
    { kind: "Database", metadata: { name: "orders" }, spec: {} },
    {
      kind: "Service",
      metadata: { name: "api" },
      spec: { command: server, replicas, ports: [{ name: "http" }], env: { VERSION: version } },
    },
    {
      kind: "Service",
      metadata: { name: "worker" },
      spec: {
        command: server,
        ports: [{ name: "http" }],
        env: { DATABASE_URL: "${database.orders.status.url}", PAPERS: "${volume.papers.status.path}" },
      },
    },
    { kind: "LoadBalancer", metadata: { name: "front" }, spec: { routes: [{ service: "api" }] } },
    { kind: "DNSZone", metadata: { name: "names" }, spec: { domain: "shop.test" } },
  ].map((draft) => ({ apiVersion: "tutti.dev/v1", ...draft }));
}

function same(one: Declared, other: Declared): boolean {
  return one?.version === other?.version && one?.replicas === other?.replicas;
}

function show(declared: Declared): string {
  return declared === undefined ? "nothing" : `${declared.replicas} of ${declared.version}`;
}

/** Mulberry32: small, and the same numbers for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
