/**
 * Class `embedded`: each DNSZone is an authoritative server process of its own (dns/), which answers on while the control
 * plane is away. A DNSRecord changes its zone's configuration; the server keeps the whole of it on disk, so what is there
 * is read back from it.
 */
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { equal } from "../../model/equality.ts";
import type { dnsRecord } from "../../kinds/dns-record.ts";
import type { dnsZone } from "../../kinds/dns-zone.ts";
import {
  type Desired,
  type Identity,
  type Observation,
  type Provider,
  type ProviderContext,
  RequeueAfter,
  TerminalError,
} from "../../provider/provider.ts";
import { DnsClient, dnsCommand } from "./dns/client.ts";
import type { DnsConfig, RecordConfig } from "./dns/config.ts";
import { type Home, processId } from "./home.ts";
import { portIn, portObstacles } from "./obstacles.ts";
import { removeLog } from "./supervisor/log-files.ts";
import type { LogWatch } from "./supervisor/log-watch.ts";
import { describePortInUse, freePorts } from "../../provider/ports.ts";
import type { Supervisor } from "./supervisor/supervisor.ts";

export interface DnsProviderOptions {
  readonly home: Home;
  readonly supervisor: Supervisor;
  readonly logs: LogWatch;
}

type ZoneSpec = typeof dnsZone.Spec;
type RecordSpec = typeof dnsRecord.Spec;

const HOST = "127.0.0.1";
const PREFERRED_PORT = 5353;
/** How often another port is tried when one that was chosen cannot be had. */
const ATTEMPTS = 5;
const START_PATIENCE = 10_000;

/** Zones and their records share a server, so changes of one zone are made one after the other. */
class ZoneServers {
  readonly options: DnsProviderOptions;
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: DnsProviderOptions) {
    this.options = options;
  }

  /** By namespace and zone name: records know no uid of their zone. */
  id(zone: { readonly namespace: string; readonly name: string }): string {
    return processId({ kind: "DNSZone", namespace: zone.namespace, name: zone.name, uid: "server" });
  }

  client(zone: { readonly namespace: string; readonly name: string }): DnsClient {
    return new DnsClient(this.options.home.socketOf(this.id(zone)));
  }

  state(zone: { readonly namespace: string; readonly name: string }): DnsConfig | undefined {
    try {
      return configIn(
        JSON.parse(readFileSync(join(this.options.home.folderOf("dns", zone), "state.json"), "utf8")),
      );
    } catch {
      return undefined;
    }
  }

  async exclusively<T>(
    zone: { readonly namespace: string; readonly name: string },
    work: () => Promise<T>,
  ): Promise<T> {
    const id = this.id(zone);
    const turn = (this.#turns.get(id) ?? Promise.resolve()).then(work, work);
    const settled = turn.catch(() => {});
    this.#turns.set(id, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(id) === settled) this.#turns.delete(id);
    }
  }

  async start(zone: Identity, { clock, signal }: ProviderContext): Promise<DnsClient> {
    const { home, supervisor, logs } = this.options;
    const id = this.id(zone);
    const folder = home.ensure("dns", zone.namespace, zone.name);
    if (supervisor.find(id) === undefined) {
      const logFile = join(folder, "server.log");
      await supervisor.start({
        id,
        logFile,
        ...dnsCommand({ socket: home.socketOf(id), stateFile: join(folder, "state.json") }),
      });
      logs.add(logFile);
    }
    const client = this.client(zone);
    const deadline = clock.now() + START_PATIENCE;
    while (!(await answers(client))) {
      if (supervisor.find(id) === undefined)
        throw new Error("The name server's process ended while it started; its log is in the state folder.");
      if (clock.now() > deadline) throw new Error("The name server's process does not answer.");
      await clock.sleep(5, signal);
    }
    return client;
  }

  async stop(zone: Identity): Promise<void> {
    const { home, supervisor, logs } = this.options;
    const folder = home.folderOf("dns", zone);
    await supervisor.stop(this.id(zone), { graceMs: 2_000 });
    const logFile = join(folder, "server.log");
    logs.delete(logFile);
    removeLog(logFile);
    await home.discard(folder);
    await rm(home.socketOf(this.id(zone)), { force: true });
  }
}

function configIn(state: unknown): DnsConfig | undefined {
  const config = typeof state === "object" && state !== null && "config" in state ? state.config : state;
  return typeof config === "object" && config !== null && "zones" in config
    ? (config as DnsConfig)
    : undefined;
}

async function answers(client: DnsClient): Promise<boolean> {
  try {
    await client.health();
    return true;
  } catch {
    return false;
  }
}

export function embeddedDns(options: DnsProviderOptions): readonly Provider[] {
  const servers = new ZoneServers(options);
  return [zones(servers), records(servers)] as unknown as readonly Provider[];
}

function zones(servers: ZoneServers): Provider<ZoneSpec> {
  return {
    kind: "DNSZone",
    class: "embedded",
    capabilities: [
      "an authoritative server on a port of this machine, UDP and TCP",
      "does not transfer zones and does not sign them",
    ],
    obstacles: ({ spec }) => portObstacles(servers.options.home, portIn(spec)),
    observe: async ({ identity, spec }) => {
      if (servers.options.supervisor.find(servers.id(identity)) === undefined) return undefined;
      const { listen } = await servers.client(identity).health();
      return listen === undefined ? undefined : zoneObservation(spec, listen, servers.state(identity));
    },
    ensure: (desired, context) =>
      servers.exclusively(desired.identity, () => ensureZone(desired, context, servers)),
    remove: (desired) =>
      servers.exclusively(desired.identity, async () => (await servers.stop(desired.identity), [])),
  };
}

function zoneObservation(
  spec: ZoneSpec,
  { host, port }: { readonly host: string; readonly port: number },
  config: DnsConfig | undefined,
): Observation {
  const zone = config?.zones[0];
  return {
    ready: true,
    outputs: { host, port, server: `${host}:${port}` },
    actual: {
      ...(spec.port === undefined ? {} : { port }),
      ...(zone === undefined ? {} : { domain: zone.name, ttl: zone.soa?.minimum ?? null }),
    },
  };
}

async function ensureZone(
  { identity, spec, status }: Desired<ZoneSpec>,
  context: ProviderContext,
  servers: ZoneServers,
): Promise<Observation> {
  const client = await servers.start(identity, context);
  const { listen } = await client.health();
  const present = servers.state(identity);
  const configOn = (port: number): DnsConfig => ({
    listen: { host: HOST, port },
    zones: [{ name: spec.domain, soa: { minimum: spec.ttl }, records: recordsIn(present) }],
  });
  const fixed = spec.port ?? listen?.port;
  if (fixed === undefined) return configureAnywhere(client, spec, configOn, status?.["port"], servers);
  if (listen?.port === fixed && equal(present, configOn(fixed)))
    return zoneObservation(spec, listen, present);
  try {
    await client.configure(configOn(fixed));
  } catch (error) {
    throw spec.port === undefined ? error : portInUse(fixed);
  }
  return zoneObservation(spec, { host: HOST, port: fixed }, configOn(fixed));
}

/** On the port it had before, on the usual one, or on another: free for TCP is not free for UDP, where mDNS has 5353. */
async function configureAnywhere(
  client: DnsClient,
  spec: ZoneSpec,
  configOn: (port: number) => DnsConfig,
  before: unknown,
  servers: ZoneServers,
): Promise<Observation> {
  const recorded = typeof before === "number" ? before : undefined;
  const refused = new Set<number>();
  for (;;) {
    const port = await choosePort(recorded, refused, servers.options.home);
    try {
      await client.configure(configOn(port));
      return zoneObservation(spec, { host: HOST, port }, configOn(port));
    } catch (error) {
      if (refused.size === ATTEMPTS) throw error;
      refused.add(port);
    }
  }
}

function portInUse(port: number): TerminalError {
  return new TerminalError({
    code: "PortInUse",
    path: "spec.port",
    message: `The name server cannot listen: ${describePortInUse(port)}.`,
    hint: "Choose another port, or leave it out.",
  });
}

async function choosePort(
  recorded: number | undefined,
  taken: ReadonlySet<number>,
  home: Home,
): Promise<number> {
  for (const wanted of [recorded, PREFERRED_PORT]) {
    if (wanted === undefined) continue;
    const [free] = await freePorts({ seed: "", range: [wanted, wanted], taken }, 1);
    if (free !== undefined) return free;
  }
  const [free] = await freePorts({ seed: `${home.folder} dns`, taken }, 1);
  if (free === undefined)
    throw new TerminalError({ code: "NoFreePort", message: "No port between 20000 and 31999 is free." });
  return free;
}

function recordsIn(config: DnsConfig | undefined): readonly RecordConfig[] {
  return config?.zones[0]?.records ?? [];
}

function records(servers: ZoneServers): Provider<RecordSpec> {
  const zoneOf = ({ identity, spec }: Desired<RecordSpec>): Identity => ({
    kind: "DNSZone",
    namespace: identity.namespace,
    name: spec.zone,
    uid: "",
  });
  return {
    kind: "DNSRecord",
    class: "embedded",
    capabilities: ["records of an embedded zone"],
    observe: (desired) => {
      const config = servers.state(zoneOf(desired));
      const there = recordsIn(config).some((record) => isSame(record, desired.spec));
      return Promise.resolve(there ? recordObservation(desired.spec, config) : undefined);
    },
    ensure: (desired, context) =>
      servers.exclusively(zoneOf(desired), () =>
        changeRecords(desired, zoneOf(desired), true, servers, context),
      ),
    remove: async (desired, context) => {
      const zone = zoneOf(desired);
      if (servers.options.supervisor.find(servers.id(zone)) === undefined) return [];
      await servers.exclusively(zone, () => changeRecords(desired, zone, false, servers, context));
      return [];
    },
  };
}

function recordOf({ name, type, ttl, values }: RecordSpec): RecordConfig {
  return { name, type, values, ...(ttl === undefined ? {} : { ttl }) };
}

/** A record is known by its name and type: declaring it again with other values replaces them. */
async function changeRecords(
  { spec, status }: Desired<RecordSpec>,
  zone: Identity,
  present: boolean,
  servers: ZoneServers,
  context: ProviderContext,
): Promise<Observation> {
  const config = servers.state(zone);
  const first = config?.zones[0];
  if (config === undefined || first === undefined) throw new RequeueAfter(100, "The zone has no server yet.");
  const made = (status?.["made"] ?? spec) as RecordSpec;
  const others = first.records.filter((record) => !isSame(record, spec) && !isSame(record, made));
  const next = [...others, ...(present ? [recordOf(spec)] : [])].sort((a, b) =>
    a.name + a.type < b.name + b.type ? -1 : 1,
  );
  if (!equal(next, first.records)) {
    const client = await servers.start(zone, context);
    await client.configure({ ...config, zones: [{ ...first, records: next }] });
  }
  return recordObservation(spec, { ...config, zones: [{ ...first, records: next }] });
}

function isSame(record: RecordConfig, spec: RecordSpec): boolean {
  return record.name === spec.name && record.type === spec.type;
}

function recordObservation(spec: RecordSpec, config: DnsConfig | undefined): Observation {
  const domain = config?.zones[0]?.name ?? "";
  const found = recordsIn(config).find((record) => isSame(record, spec));
  return {
    ready: true,
    outputs: { name: spec.name === "@" ? domain : `${spec.name}.${domain}` },
    ...(found === undefined
      ? {}
      : { actual: { values: found.values, ...(spec.ttl === undefined ? {} : { ttl: found.ttl ?? null }) } }),
  };
}
