import { mkdirSync, readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import { describePortInUse } from "../../../provider/ports.ts";
import type { DnsConfig, DnsHealth, ZoneConfig } from "./config.ts";
import { DnsListener } from "./listener.ts";
import { type Zones, compileZones } from "./zone.ts";

/**
 * The authoritative server: its configuration, its state file and its sockets.
 *
 *   empty --configure--> listening --configure--> listening (other zones, other address)
 *   start with a state file --> listening, or trying again every second while the port is taken
 *
 * Invariants:
 * 1. A configuration takes effect whole or not at all: it is compiled, then listened for, then written down, then used.
 * 2. A configuration that has been acknowledged is on disk and comes back after a crash.
 * 3. A zone's serial never falls while the state file lives, and rises whenever the zone's content changes.
 */
interface State {
  readonly config: DnsConfig;
  readonly serials: Readonly<Record<string, number>>;
}

const retryMilliseconds = 1_000;
const nothing: State = { config: { listen: { host: "127.0.0.1", port: 0 }, zones: [] }, serials: {} };

export class DnsServer {
  readonly #stateFile: string;
  #state: State = nothing;
  #zones: Zones = new Map();
  #listener: DnsListener | undefined;
  #problem: string | undefined;
  #queries = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(stateFile: string) {
    this.#stateFile = stateFile;
  }

  /** Takes up the configuration of the state file, when there is one. A damaged file is an error: better none than half. */
  async start(): Promise<void> {
    mkdirSync(dirname(this.#stateFile), { recursive: true, mode: 0o700 });
    const state = readState(this.#stateFile);
    if (state === undefined) return;
    this.#zones = compileZones(state.config, serialsOf(state));
    this.#state = state;
    await this.#listenAgain();
  }

  /**
   * Replaces the whole configuration. Calls are served one after another.
   *
   * @throws DiagnosticError when it is wrong or its address cannot be had; the former one stays in force.
   */
  configure(config: DnsConfig): Promise<DnsHealth> {
    const configured = this.#turn.then(() => this.#configureNow(config));
    this.#turn = configured.catch(() => {});
    return configured;
  }

  health(): DnsHealth {
    const listener = this.#listener;
    return {
      status: listener === undefined ? "not listening" : "ok",
      listen: listener === undefined ? undefined : { host: listener.host, port: listener.port },
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
      zones: [...this.#zones.values()].map((zone) => ({
        name: zone.name,
        serial: zone.soa.data.serial ?? 0,
        records: zone.records,
      })),
      queries: this.#queries,
    };
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#listener?.close();
    this.#listener = undefined;
  }

  async #configureNow(config: DnsConfig): Promise<DnsHealth> {
    const serials = nextSerials(this.#state, config);
    const zones = compileZones(config, serials);
    const listener = this.#serves(config) ? this.#listener! : await this.#open(config);
    const resolved = { ...config, listen: { host: listener.host, port: listener.port } };
    const state = { config: resolved, serials: Object.fromEntries(serials) };
    try {
      await writeState(this.#stateFile, state);
    } catch (error) {
      if (listener !== this.#listener) listener.close();
      throw error;
    }
    clearTimeout(this.#retry);
    if (listener !== this.#listener) this.#listener?.close();
    this.#listener = listener;
    this.#problem = undefined;
    this.#state = state;
    this.#zones = zones;
    return this.health();
  }

  #serves({ listen }: DnsConfig): boolean {
    const current = this.#listener;
    return (
      current !== undefined &&
      current.host === listen.host &&
      (listen.port === current.port || listen.port === 0)
    );
  }

  async #open({ listen }: DnsConfig): Promise<DnsListener> {
    try {
      return await DnsListener.open(
        listen.host,
        listen.port,
        () => this.#zones,
        () => scattered(this.#queries++),
      );
    } catch (error) {
      throw new DiagnosticError([unlistenable(listen, error as NodeJS.ErrnoException)]);
    }
  }

  async #listenAgain(): Promise<void> {
    try {
      this.#listener = await this.#open(this.#state.config);
      this.#problem = undefined;
      if (this.#closed) this.close();
    } catch (error) {
      this.#problem = (error as DiagnosticError).message;
      if (!this.#closed) this.#retry = setTimeout(() => this.#takeTurn(), retryMilliseconds);
    }
  }

  /** After a configuration under way, which may have found an address already. */
  #takeTurn(): void {
    this.#turn = this.#turn.then(() => (this.#listener === undefined ? this.#listenAgain() : undefined));
  }
}

function unlistenable(
  listen: DnsConfig["listen"],
  error: NodeJS.ErrnoException,
): { severity: "error"; code: string; path: string; message: string; hint: string } {
  const base = { severity: "error", path: "listen" } as const;
  if (error.code === "EADDRINUSE")
    return {
      ...base,
      code: "PortInUse",
      message: `The DNS server cannot listen: ${describePortInUse(listen.port)}.`,
      hint: "Choose another port, or stop that program.",
    };
  if (error.code === "EACCES")
    return {
      ...base,
      code: "PortNotPermitted",
      message: `Port ${listen.port} may only be used by root.`,
      hint: "Choose a port of 1024 or more.",
    };
  return {
    ...base,
    code: "CannotListen",
    message: `The DNS server cannot listen on ${listen.host}: ${error.code ?? error.message}.`,
    hint: "Use an address of this machine.",
  };
}

/** Seconds since the epoch where they are ahead, as zone keepers often do; else one more than before. */
function nextSerials(state: State, config: DnsConfig): Map<string, number> {
  const before = new Map(state.config.zones.map((zone) => [zone.name, zone]));
  const serials = new Map(Object.entries(state.serials));
  for (const zone of config.zones) {
    const name = zone.name.toLowerCase().replace(/\.$/, "");
    const known = serials.get(name);
    if (known === undefined || !sameContent(before.get(zone.name), zone))
      serials.set(name, Math.max((known ?? 0) + 1, Math.floor(Date.now() / 1_000)));
  }
  return serials;
}

function sameContent(one: ZoneConfig | undefined, other: ZoneConfig): boolean {
  return isDeepStrictEqual(one, other);
}

/**
 * Spreads a running number: clients ask in patterns (an A and an AAAA question each time), in step with which a plain
 * count would give the same value first for ever. Multiplicative hashing, Knuth, TAOCP volume 3, section 6.4.
 */
function scattered(count: number): number {
  return Math.imul(count, 0x9e3779b1) >>> 16;
}

function serialsOf(state: State): Map<string, number> {
  return new Map(Object.entries(state.serials));
}

function readState(file: string): State | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return JSON.parse(text) as State;
}

async function writeState(file: string, state: State): Promise<void> {
  const next = await open(`${file}.new`, "w", 0o600);
  try {
    await next.writeFile(JSON.stringify(state));
    await next.sync();
  } finally {
    await next.close();
  }
  await rename(`${file}.new`, file);
  const folder = await open(dirname(file), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
