/**
 * Class `lxd` of Network: a bridge of LXD's host, with addresses and names for the machines on it.
 *
 *   (nothing) --create--> there --range changed, unused--> there, with the other range --unused--> (nothing)
 *   (somebody's) --adopt--> marked as ours, otherwise as it was --release | removed--> (somebody's)
 *
 * A network that machines use is neither removed nor given another range: who uses it is said, and it is tried again.
 */
import type { network } from "../../kinds/network.ts";
import { adoptedId, checkOwner, nothingToAdopt } from "../../provider/adoption.ts";
import {
  type CallContext,
  type Capacity,
  type Desired,
  type Found,
  type Identity,
  type Observation,
  type Obstacle,
  type Prospect,
  type Provider,
  type ProviderContext,
  TerminalError,
} from "../../provider/provider.ts";
import { networkCapacities } from "./capacities.ts";
import { type Lxd, absent } from "./client.ts";
import type { Events } from "./events.ts";
import { doing } from "./errors.ts";
import {
  ADOPTED,
  type Config,
  isMark,
  isMarkedAs,
  isOf,
  marksOf,
  networkName,
  ownerIn,
  withoutMarks,
} from "./marks.ts";
import { networkObstacles, wrongRange } from "./obstacles.ts";
import { gatewayIn, isSameRange, parseRange } from "../../provider/address-ranges.ts";
import type { LxdNetwork, Places } from "./surroundings.ts";

/** `config`: what somebody set beside it and is to stay. */
type NetworkSpec = typeof network.Spec & { readonly config?: Config };

export class LxdNetworks implements Provider {
  readonly kind = "Network";
  readonly class = "lxd";
  readonly capabilities: readonly string[] = [
    "a bridge of LXD's host: machines on it get addresses, and reach each other by name",
    "separates networks from each other, and lets machines reach outwards",
    "takes a range of addresses",
    "adopts a network that LXD has, and never removes it",
  ];
  readonly #lxd: Lxd;
  readonly #places: Places;
  readonly #events: Events;

  constructor(places: Places, events: Events) {
    this.#events = events;
    this.#lxd = places.lxd;
    this.#places = places;
  }

  obstacles(prospect: Prospect, { signal }: CallContext): Promise<readonly Obstacle[]> {
    return networkObstacles(prospect, this.#places, signal);
  }

  capacities({ signal }: CallContext): Promise<readonly Capacity[]> {
    return networkCapacities(this.#lxd, signal);
  }

  async list({ signal }: CallContext): Promise<readonly Found[]> {
    const all = await this.#places.networks(signal);
    return all.filter(({ managed }) => managed).map((one) => this.#found(one));
  }

  async adopt(desired: Desired, id: string, context: ProviderContext): Promise<Observation> {
    const { signal } = context;
    const found = (await this.#places.networks(signal)).find(({ name, managed }) => managed && name === id);
    if (found === undefined)
      throw nothingToAdopt("network of LXD", id, "`lxc network list` lists those it has.");
    checkOwner("network", id, ownerIn(this.#places.home, found.config), desired, context);
    if (!isOf(this.#places.home, desired.identity, found.config)) {
      const marks = marksOf(this.#places.home, desired.identity);
      await this.#change(found, { ...found.config, ...marks, [ADOPTED]: "true" }, signal);
    }
    const adopted = await this.observe(desired, context);
    if (adopted === undefined) throw new Error("The network was adopted, but LXD has it no more.");
    return adopted;
  }

  async release({ identity }: Desired, { signal }: ProviderContext): Promise<void> {
    const found = await this.#find(identity, signal);
    if (found !== undefined) await this.#change(found, withoutMarks(found.config), signal);
  }

  async observe({ identity, spec }: Desired, { signal }: ProviderContext): Promise<Observation | undefined> {
    const found = await this.#find(identity, signal);
    return found === undefined ? undefined : observation(spec as NetworkSpec, found);
  }

  ensure(desired: Desired, context: ProviderContext): Promise<Observation> {
    return doing(`make the network '${desired.identity.name}' as declared`, async () => {
      const { signal } = context;
      const found = await this.#find(desired.identity, signal);
      const asked = adoptedId(desired);
      if (found === undefined && asked !== undefined) return this.adopt(desired, asked, context);
      const spec = desired.spec as NetworkSpec;
      if (found === undefined) await this.#create(desired, signal);
      else await this.#set(found, spec, signal);
      const made = await this.observe(desired, context);
      if (made === undefined) throw new Error("The network was made, but LXD has it no more.");
      return made;
    });
  }

  watch({ identity, status }: Desired, changed: () => void, context: CallContext): void {
    const names = new Set([networkName(this.#places.home, identity), String(status?.["adopted"] ?? "")]);
    this.#events.watch([...names].map(pathOf), changed, context);
  }

  async remove({ identity }: Desired, { signal }: ProviderContext): Promise<readonly string[]> {
    const found = await this.#find(identity, signal);
    if (found === undefined) return [];
    if (found.config[ADOPTED] !== undefined) return [`the network ${found.name}, which was adopted`];
    const users = usersOf(found);
    if (users.length > 0) throw inUse(found.name, users, "It is removed");
    await doing(`remove the network '${identity.name}'`, () =>
      absent(this.#lxd.send("DELETE", pathOf(found.name), { signal })),
    );
    return [];
  }

  async #find(identity: Identity, signal: AbortSignal): Promise<LxdNetwork | undefined> {
    const { home } = this.#places;
    const all = await this.#places.networks(signal);
    return all.find(({ config }) => isMarkedAs(home, "Network", identity, config));
  }

  async #create({ identity, spec }: Desired, signal: AbortSignal): Promise<void> {
    const { cidr } = spec as NetworkSpec;
    if (cidr !== undefined && parseRange(cidr) === undefined) throw new TerminalError(wrongRange(cidr));
    const name = networkName(this.#places.home, identity);
    if ((await this.#places.networks(signal)).some((one) => one.name === name)) throw nameTaken(name);
    const config = { ...configOf(spec as NetworkSpec), ...marksOf(this.#places.home, identity) };
    await this.#lxd.send("POST", "/1.0/networks", {
      body: {
        name,
        type: "bridge",
        description: `Network ${identity.name} of the namespace ${identity.namespace}`,
        config: {
          ...(cidr === undefined ? { "ipv4.address": "auto", "ipv6.address": "none" } : {}),
          ...config,
        },
      },
      signal,
    });
  }

  async #set(found: LxdNetwork, spec: NetworkSpec, signal: AbortSignal): Promise<void> {
    const isAdopted = found.config[ADOPTED] !== undefined;
    if (!isRange(found, spec)) {
      if (isAdopted) throw otherRange(found, spec.cidr ?? "");
      const users = usersOf(found);
      if (users.length > 0) throw inUse(found.name, users, "It gets another range of addresses");
    }
    if (Object.keys(othersIn(spec, found)).length === 0 && isRange(found, spec)) return;
    const kept = Object.entries(found.config).filter(([key]) => isMark(key) || isLeft(key, spec));
    await this.#change(found, { ...Object.fromEntries(kept), ...configOf(spec) }, signal);
  }

  async #change({ name, description }: LxdNetwork, config: Config, signal: AbortSignal): Promise<void> {
    await this.#lxd.send("PUT", pathOf(name), { body: { description, config }, signal });
  }

  #found({ name, type, config, used_by: users }: LxdNetwork): Found {
    const range = rangeIn(config);
    return {
      id: name,
      name,
      spec: { class: this.class, ...(range === undefined ? {} : { cidr: range }) },
      description: `${type} network, ${users.length} user${users.length === 1 ? "" : "s"}`,
      ...ownerIn(this.#places.home, config),
    };
  }
}

function pathOf(name: string): string {
  return `/1.0/networks/${encodeURIComponent(name)}`;
}

/** All that a network that we make has; where no range is declared, LXD's own choice stays. */
function configOf({ cidr, config }: NetworkSpec): Config {
  const isSix = cidr?.includes(":") === true;
  const range = cidr === undefined ? {} : { [isSix ? "ipv6.address" : "ipv4.address"]: gatewayIn(cidr) };
  const nat = isSix
    ? { "ipv6.nat": "true", "ipv4.address": "none" }
    : { "ipv4.nat": "true", "ipv6.address": "none" };
  return { ...nat, ...range, ...config };
}

/** What LXD chose where nothing is declared. */
function isLeft(key: string, { cidr }: NetworkSpec): boolean {
  return key.startsWith("volatile.") || (key === "ipv4.address" && cidr === undefined);
}

function observation(spec: NetworkSpec, found: LxdNetwork): Observation {
  const gateway = gatewayOf(found.config);
  const others = found.config[ADOPTED] === undefined ? othersIn(spec, found) : {};
  const isReady = found.status === "Created";
  return {
    ready: isReady,
    ...(isReady ? {} : { message: `LXD says of it: ${found.status}.` }),
    outputs: {
      ...(gateway === undefined ? {} : { host: gateway.replace(/\/\d+$/, "") }),
      ...(found.config[ADOPTED] === undefined ? {} : { adopted: found.name }),
    },
    actual: {
      ...(spec.cidr === undefined
        ? {}
        : { cidr: isRange(found, spec) ? spec.cidr : (rangeIn(found.config) ?? null) }),
      ...(Object.keys(others).length === 0 ? {} : { config: others }),
    },
  };
}

function isRange({ config }: LxdNetwork, { cidr }: NetworkSpec): boolean {
  if (cidr === undefined) return true;
  const gateway = cidr.includes(":") ? config["ipv6.address"] : config["ipv4.address"];
  return isSameRange(parseRange(cidr), parseRange(gateway ?? ""));
}

function gatewayOf(config: Config): string | undefined {
  return [config["ipv4.address"], config["ipv6.address"]].find((one) => one !== undefined && one !== "none");
}

function rangeIn(config: Config): string | undefined {
  return gatewayOf(config);
}

/** What is set otherwise than we make it, the range aside. */
function othersIn(spec: NetworkSpec, { config }: LxdNetwork): Readonly<Record<string, string | null>> {
  const wanted = configOf(spec);
  const range = spec.cidr?.includes(":") === true ? "ipv6.address" : "ipv4.address";
  const keys = Object.keys({ ...config, ...wanted }).filter(
    (key) => key !== range && !/^(volatile|user)\./.test(key) && config[key] !== wanted[key],
  );
  return Object.fromEntries(keys.map((key) => [key, config[key] ?? null]));
}

function usersOf({ used_by: users }: LxdNetwork): readonly string[] {
  return users.map((path) => decodeURIComponent(path.split("?")[0]?.split("/").at(-1) ?? path)).toSorted();
}

function inUse(name: string, users: readonly string[], why: string): Error {
  return new Error(
    `The network '${name}' is in use by ${users.join(", ")}. ${why} as soon as nobody uses it.`,
  );
}

function otherRange({ name, config }: LxdNetwork, cidr: string): TerminalError {
  return new TerminalError({
    code: "AdoptedDiffers",
    path: "spec.cidr",
    message: `The network '${name}' was adopted with the range ${rangeIn(config) ?? "(none)"} and cannot be given ${cidr}.`,
    hint: "Declare its own range, or leave it out.",
  });
}

function nameTaken(name: string): TerminalError {
  return new TerminalError({
    code: "NetworkInTheWay",
    message: `LXD's host has a network '${name}' that was not made by this control plane.`,
    hint: "Remove it there, or choose another name.",
  });
}
