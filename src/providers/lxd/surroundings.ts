/** What a Machine uses, as LXD has it: the pool its disk is in, networks and volumes by the names of their resources. */
import { TerminalError } from "../../provider/provider.ts";
import type { Lxd } from "./client.ts";
import { type Config, type Named, isMarkedAs } from "./marks.ts";
import type { MachineSpec, Surroundings } from "./machine-form.ts";

export interface LxdPool {
  readonly name: string;
  readonly driver: string;
}

export interface LxdNetwork {
  readonly name: string;
  readonly type: string;
  readonly managed: boolean;
  readonly status: string;
  readonly description: string;
  readonly config: Config;
  readonly used_by: readonly string[];
}

export interface LxdVolume {
  readonly name: string;
  readonly type: string;
  readonly content_type: string;
  readonly description: string;
  readonly config: Config;
  readonly used_by: readonly string[];
}

/** Drivers that hold a volume to a size wherever they are; others only on some file systems. */
const SIZING: ReadonlySet<string> = new Set(["btrfs", "zfs", "lvm", "ceph", "cephfs"]);

/** The interface of this machine that a Network of class bridge is; undefined for others. */
export type BridgeOf = (namespace: string, name: string) => string | undefined;

export class Places {
  readonly lxd: Lxd;
  readonly home: string;
  readonly #pool: string | undefined;
  readonly #bridgeOf: BridgeOf;

  /** `pool`: where disks and volumes are made; `default`, or the only one, when undefined. */
  constructor(lxd: Lxd, home: string, pool: string | undefined, bridgeOf: BridgeOf = () => undefined) {
    this.lxd = lxd;
    this.home = home;
    this.#pool = pool;
    this.#bridgeOf = bridgeOf;
  }

  pools(signal: AbortSignal): Promise<readonly LxdPool[]> {
    return this.lxd.get("/1.0/storage-pools", signal, { recursion: "1" });
  }

  async pool(signal: AbortSignal): Promise<LxdPool> {
    const pools = await this.pools(signal);
    const found =
      this.#pool === undefined
        ? (pools.find(({ name }) => name === "default") ?? (pools.length === 1 ? pools[0] : undefined))
        : pools.find(({ name }) => name === this.#pool);
    if (found === undefined) throw noPool(this.#pool, pools);
    return found;
  }

  async networks(signal: AbortSignal): Promise<readonly LxdNetwork[]> {
    const all = await this.lxd.get<readonly LxdNetwork[]>("/1.0/networks", signal, { recursion: "1" });
    // What is not managed by LXD has none of them.
    return all.map((one) => ({ ...one, config: one.config ?? {}, used_by: one.used_by ?? [] }));
  }

  async volumes(pool: string, signal: AbortSignal): Promise<readonly LxdVolume[]> {
    const all = await this.lxd.get<readonly LxdVolume[]>(
      `/1.0/storage-pools/${encodeURIComponent(pool)}/volumes/custom`,
      signal,
      { recursion: "1" },
    );
    // Its snapshots are listed among them, as `volume/snapshot`.
    return all
      .filter(({ name }) => !name.includes("/"))
      .map((one) => ({ ...one, config: one.config ?? {}, used_by: one.used_by ?? [] }));
  }

  /** Refuses with TerminalError what is not of this LXD. */
  async around(namespace: string, spec: MachineSpec, signal: AbortSignal): Promise<Surroundings> {
    const { name: pool } = await this.pool(signal);
    return {
      pool,
      networks: await this.#networksOf(namespace, spec, signal),
      volumes: await this.#volumesOf(namespace, spec, signal),
    };
  }

  async #networksOf(
    namespace: string,
    { networks }: MachineSpec,
    signal: AbortSignal,
  ): Promise<Surroundings["networks"]> {
    if (networks.length === 0) return new Map();
    const all = await this.networks(signal);
    return new Map(
      networks.map(({ network, address }) => {
        const bridge = this.lxd.isLocal ? this.#bridgeOf(namespace, network) : undefined;
        if (bridge !== undefined && address !== undefined) throw addressNotGiven(network, address);
        if (bridge !== undefined) return [network, { name: bridge, hasAddresses: false, isBridge: true }];
        const found = all.find(({ config }) =>
          isMarkedAs(this.home, "Network", { namespace, name: network }, config),
        );
        if (found === undefined) throw elsewhere("network", network);
        const hasAddresses = ["ipv4.address", "ipv6.address"].some(
          (key) => (found.config[key] ?? "none") !== "none",
        );
        return [network, { name: found.name, hasAddresses }];
      }),
    );
  }

  async #volumesOf(
    namespace: string,
    { volumes }: MachineSpec,
    signal: AbortSignal,
  ): Promise<Surroundings["volumes"]> {
    const found = new Map<string, { readonly name: string; readonly pool: string }>();
    for (const { volume } of volumes) {
      const there = await this.findVolume("Volume", { namespace, name: volume }, signal);
      if (there === undefined) throw elsewhere("volume", volume);
      found.set(volume, { name: there.value.name, pool: there.pool });
    }
    return found;
  }

  /** In whatever pool it is: the Location may have been given another since. */
  async findVolume(
    kind: string,
    named: Named,
    signal: AbortSignal,
  ): Promise<{ readonly value: LxdVolume; readonly pool: string } | undefined> {
    for (const { name: pool } of await this.pools(signal)) {
      const volumes = await this.volumes(pool, signal);
      const value = volumes.find(({ config }) => isMarkedAs(this.home, kind, named, config));
      if (value !== undefined) return { value, pool };
    }
    return undefined;
  }
}

export function holdsToSizes({ driver }: LxdPool): boolean {
  return SIZING.has(driver);
}

export function sizeNotHeld(path: string, { name, driver }: LxdPool): TerminalError {
  return new TerminalError({
    code: "SizeNotEnforced",
    path,
    message: `The storage pool '${name}' (${driver}) does not hold anything to a size.`,
    hint: "Name a pool of btrfs, zfs or lvm in the Location's lxd.pool, or leave the size out.",
  });
}

function noPool(wanted: string | undefined, pools: readonly LxdPool[]): TerminalError {
  const names = pools.map(({ name }) => name).join(", ");
  const what = wanted === undefined ? "that is the one to use" : `'${wanted}'`;
  return new TerminalError({
    code: "NoStoragePool",
    path: "spec.location",
    message: `LXD has no storage pool ${what}.`,
    hint:
      names === ""
        ? "Make one: `lxc storage create default btrfs`."
        : `It has ${names}: name one in the Location's lxd.pool.`,
  });
}

function addressNotGiven(network: string, address: string): TerminalError {
  return new TerminalError({
    code: "AddressNotGiven",
    path: "spec.networks",
    message: `The network '${network}' is a bridge of the host, on which LXD gives no addresses such as ${address}.`,
    hint: "Leave it out here, and have the machine's command or its image set it.",
  });
}

function elsewhere(what: "network" | "volume", name: string): TerminalError {
  return new TerminalError({
    code: what === "network" ? "NetworkElsewhere" : "VolumeElsewhere",
    path: `spec.${what}s`,
    message: `The ${what} '${name}' is not one of this LXD.`,
    hint: `Name a ${what === "network" ? "Network" : "Volume"} of class lxd at the same location${what === "network" ? ", or of class bridge where LXD is on this machine" : ""}.`,
  });
}
