/**
 * Open vSwitch, by its own `ovs-vsctl`: one bridge (the switch) that networks with tags share, in which each of them is a
 * bridge of one tag ("fake bridge"): a port of the switch with an interface of the host, under whose name others attach.
 *
 *   ports of the same tag reach each other; ports of another tag do not
 *
 *  - Every change is one transaction of its database: a crash leaves it as before or as after.
 *  - `tutti-vlan` beside the mark is the tag by which a network was made: what has that tag moves with it when another is
 *    declared, and stays when somebody changed the network's own port.
 */
import { existsSync } from "node:fs";
import { TerminalError } from "../../provider/provider.ts";
import { CommandFailed, type Commands } from "./commands.ts";

export interface OpenVSwitchSettings {
  /** Where its database is: `unix:PATH`, `tcp:HOST:PORT`; its usual socket when absent. */
  readonly database?: string;
  /** Bridge of it that tagged networks are made in; one of our own when absent. */
  readonly bridge?: string;
}

export interface Port {
  readonly name: string;
  /** Of the bridge that it is a port of. */
  readonly switch: string;
  readonly tag?: number;
  /** It is a bridge of one tag. */
  readonly isBridge: boolean;
  readonly ids: ReadonlyMap<string, string>;
}

export interface Switch {
  readonly name: string;
  readonly ids: ReadonlyMap<string, string>;
}

export interface Switched {
  readonly switches: readonly Switch[];
  readonly ports: readonly Port[];
}

export const MARK = "tutti";
export const MEMBER = "tutti-on";
export const MADE_WITH = "tutti-vlan";

const NOTHING: Switched = { switches: [], ports: [] };
/** Seconds in which ovs-vswitchd is to carry out what its database says. */
const PATIENCE = 20;

export class OpenVSwitch {
  readonly database: string | undefined;
  readonly #commands: Commands;
  readonly #switch: string | undefined;

  constructor(commands: Commands, { database, bridge }: OpenVSwitchSettings) {
    this.#commands = commands;
    this.database = database;
    this.#switch = bridge;
  }

  /** Where its database is, for people. */
  get place(): string {
    return this.database ?? `unix:${process.env["OVS_RUNDIR"] ?? "/var/run/openvswitch"}/db.sock`;
  }

  isThere(): boolean {
    const [, path] = /^unix:(.+)$/.exec(this.place) ?? [];
    return path === undefined || existsSync(path);
  }

  /** The bridge that networks are made in. */
  switchFor(own: string): string {
    return this.#switch ?? own;
  }

  get makesItsSwitch(): boolean {
    return this.#switch === undefined;
  }

  /** Nothing where it does not run, unless it `isNeeded`. */
  async look(isNeeded: boolean, signal: AbortSignal): Promise<Switched> {
    if (!this.isThere()) {
      if (isNeeded) throw new Error(notRunning(this.place).message);
      return NOTHING;
    }
    const output = await this.#run(
      [
        ["--columns=name,ports,external_ids", "list", "bridge"],
        ["--columns=_uuid,name,tag,fake_bridge,external_ids", "list", "port"],
      ],
      ["--format=json"],
      signal,
    );
    return switchedIn(output.trim().split("\n"));
  }

  /** One transaction; resolves when it is carried out. */
  async change(steps: readonly (readonly string[])[], signal: AbortSignal): Promise<void> {
    if (steps.length > 0) await this.#run(steps, [], signal);
  }

  async #run(
    steps: readonly (readonly string[])[],
    options: readonly string[],
    signal: AbortSignal,
  ): Promise<string> {
    const database = this.database === undefined ? [] : [`--db=${this.database}`];
    const words = steps.flatMap((step) => ["--", ...step]);
    try {
      return await this.#commands.run(
        ["ovs-vsctl", `--timeout=${PATIENCE}`, ...database, ...options, ...words],
        signal,
      );
    } catch (error) {
      if (error instanceof CommandFailed && /SIGALRM|signal 14/.test(error.message))
        throw new Error(`Open vSwitch did not carry it out within ${PATIENCE} s. Does ovs-vswitchd run?`, {
          cause: error,
        });
      throw error;
    }
  }
}

/**
 * `system` where the kernel has Open vSwitch's module, else the datapath that runs in ovs-vswitchd. It is not told by
 * Open vSwitch itself: a bridge that the kernel cannot make has no interfaces, and nothing says so.
 */
export function datapath(): "system" | "netdev" {
  return existsSync("/sys/module/openvswitch") ? "system" : "netdev";
}

/** As `ovs-vsctl` reads a value, whatever is in it. */
export function external(key: string, value: string): string {
  return `external_ids:${key}=${JSON.stringify(value)}`;
}

export function notRunning(place: string): TerminalError {
  return new TerminalError({
    code: "NoOpenVSwitch",
    path: "spec.vlan",
    message: `Networks with a tag are made by Open vSwitch, and there is none at ${place}.`,
    hint: "Start it (systemctl start openvswitch-switch), or name its database in the Location's bridge.database.",
  });
}

interface Table {
  readonly data: readonly (readonly unknown[])[];
}

function switchedIn(lines: readonly string[]): Switched {
  const [bridges, ports] = lines.map((line) => JSON.parse(line) as Table);
  const switchOf = new Map<string, string>();
  const switches = (bridges?.data ?? []).map(([name, members, ids]) => {
    for (const member of elementsOf(members)) switchOf.set(uuidOf(member), String(name));
    return { name: String(name), ids: mapOf(ids) };
  });
  return {
    switches,
    ports: (ports?.data ?? []).flatMap(([uuid, name, tag, isBridge, ids]): readonly Port[] => {
      const within = switchOf.get(uuidOf(uuid));
      if (within === undefined) return [];
      const port = { name: String(name), switch: within, isBridge: isBridge === true, ids: mapOf(ids) };
      return [typeof tag === "number" ? { ...port, tag } : port];
    }),
  };
}

/** RFC 7047, 5.1: a set of one is that one itself. */
function elementsOf(value: unknown): readonly unknown[] {
  const [sort, elements] = value as readonly [string, unknown];
  return sort === "set" ? (elements as readonly unknown[]) : [value];
}

function uuidOf(value: unknown): string {
  return String((value as readonly unknown[])[1]);
}

function mapOf(value: unknown): ReadonlyMap<string, string> {
  return new Map((value as readonly [string, readonly (readonly [string, string])[]])[1]);
}
