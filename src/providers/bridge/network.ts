/**
 * Class `bridge` of Network: a bridge of the host, of the kernel or, with a tag, of Open vSwitch. Machines attach to it by
 * its name; interfaces of the host are put on it by the declaration.
 *
 *   (nothing) --made, marked--> there --shaped: tag, address, up, apart, interfaces--> as declared
 *   there --other sort wanted, unused--> (nothing);  as declared --changed by hand--> shaped again
 *   (somebody's) --adopt: marked--> there, as it was --release | removed--> (somebody's)
 *
 *  - One step at a time: the switch of Open vSwitch is shared, and two ranges must not come to overlap.
 *  - Networks are apart: the host forwards nothing that comes from one.
 *  - Who is on a bridge without our mark (machines, what people attached) stays; while there is any, it is not removed.
 *  - What was adopted gets no address and no tag, and is never removed.
 */
import { adoptedId, checkOwner, nothingToAdopt } from "../../provider/adoption.ts";
import {
  type CallContext,
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
import { Commands } from "./commands.ts";
import type { BridgeSort } from "./bridge-sort.ts";
import { LinuxBridges } from "./linux-bridges.ts";
import { Listening } from "./listening.ts";
import { bridgeName, markText, memberMark, ownerIn } from "./marks.ts";
import {
  type NetworkSpec,
  actualOf,
  addressesOf,
  checkAdopted,
  checkFree,
  checkMember,
  isMarked,
  isSettled,
  isTagged,
  membersOf,
} from "./network-form.ts";
import { bridgeObstacles, conflictOf, isEngines, whyNot } from "./obstacles.ts";
import { OpenVSwitch, type OpenVSwitchSettings } from "./open-vswitch.ts";
import { type Bridge, type Surroundings, isForwarding, keepApart, lookAround } from "./surroundings.ts";
import { TaggedBridges } from "./tagged-bridges.ts";

export interface BridgeOptions {
  /** Of the control plane, unique among all that use this host. */
  readonly home: string;
  /** Network namespace of the host by its name; the control plane's own when absent. */
  readonly namespace?: string;
  readonly openVSwitch?: OpenVSwitchSettings;
}

export class BridgeNetworks implements Provider {
  readonly kind = "Network";
  readonly class = "bridge";
  readonly capabilities: readonly string[] = [
    "a bridge of this machine: machines and interfaces that are put on it reach each other",
    "separates networks from each other, and from what is outside",
    "VLAN tags, where Open vSwitch runs",
    "the first address of its range is this machine's; gives no addresses to others",
    "adopts a bridge that is there, and never removes it",
    "needs CAP_NET_ADMIN on Linux",
    "tells at once what others change",
  ];
  readonly features: readonly string[] = ["VLAN tags", "interfaces"];
  readonly #home: string;
  readonly #commands: Commands;
  readonly #openVSwitch: OpenVSwitch;
  readonly #listening: Listening;
  readonly #sorts: Readonly<Record<Bridge["sort"], BridgeSort>>;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ home, namespace, openVSwitch = {} }: BridgeOptions) {
    this.#home = home;
    this.#commands = new Commands(namespace === undefined ? {} : { namespace });
    this.#openVSwitch = new OpenVSwitch(this.#commands, openVSwitch);
    this.#listening = new Listening(this.#commands, this.#openVSwitch);
    this.#sorts = {
      linux: new LinuxBridges(this.#commands),
      tagged: new TaggedBridges(this.#openVSwitch, home),
    };
  }

  obstacles(prospect: Prospect, { signal }: CallContext): Promise<readonly Obstacle[]> {
    return bridgeObstacles(prospect, this.#parts(), signal);
  }

  async list({ signal }: CallContext): Promise<readonly Found[]> {
    // Nothing could be adopted.
    if (whyNot() !== undefined) return [];
    const { bridges } = await this.#look(false, signal);
    return bridges.filter(({ name }) => !isEngines(name)).map((bridge) => this.#found(bridge));
  }

  adopt(desired: Desired, id: string, context: ProviderContext): Promise<Observation> {
    return this.#inTurn(() => this.#adopt(desired, id, context));
  }

  release({ identity }: Desired, { signal }: ProviderContext): Promise<void> {
    return this.#inTurn(async () => {
      const around = await this.#look(false, signal);
      const found = this.#find(identity, around);
      if (found !== undefined) await this.#letGo(found, identity, around, signal);
    });
  }

  async observe({ identity, spec }: Desired, { signal }: ProviderContext): Promise<Observation | undefined> {
    const around = await this.#look(isTagged(spec), signal);
    const found = this.#find(identity, around);
    return found === undefined ? undefined : this.#observation(spec as NetworkSpec, found, signal);
  }

  ensure(desired: Desired, context: ProviderContext): Promise<Observation> {
    return this.#inTurn(async () => {
      const { identity } = desired;
      const { signal } = context;
      const spec = desired.spec as NetworkSpec;
      const around = await this.#look(isTagged(spec), signal);
      const found = this.#find(identity, around);
      const asked = adoptedId(desired);
      if (found === undefined && asked !== undefined) return this.#adopt(desired, asked, context);
      const isAdopted = found?.mark?.isAdopted === true;
      if (isAdopted) checkAdopted(found, spec);
      const now = isAdopted ? around : await this.#make(identity, spec, found, around, signal);
      const bridge = this.#find(identity, now);
      if (bridge === undefined) throw new Error("The bridge was made, but is there no more.");
      if (!isAdopted) await this.#address(bridge, spec, signal);
      await this.#attachAll(bridge, spec, identity, now, signal);
      const made = await this.observe(desired, context);
      if (made === undefined) throw new Error("The bridge was made, but is there no more.");
      return made;
    });
  }

  watch({ identity, spec }: Desired, changed: () => void, { signal, clock }: CallContext): void {
    const { interfaces = [] } = spec as NetworkSpec;
    const names = [bridgeName(this.#home, identity), ...interfaces];
    this.#listening.watch(names, isTagged(spec), changed, { signal, clock });
  }

  remove({ identity, spec }: Desired, { signal }: ProviderContext): Promise<readonly string[]> {
    return this.#inTurn(async () => {
      const around = await this.#look(isTagged(spec), signal);
      const found = this.#find(identity, around);
      if (found === undefined) {
        await this.#tidy(identity, around, signal);
        return [];
      }
      if (found.mark?.isAdopted === true) {
        await this.#letGo(found, identity, around, signal);
        return [`the bridge ${found.name}, which was adopted`];
      }
      await this.#remove(found, identity, "It is removed", around, signal);
      return [];
    });
  }

  close(): void {
    this.#listening.close();
  }

  #parts(): Parameters<typeof bridgeObstacles>[1] {
    return { home: this.#home, commands: this.#commands, openVSwitch: this.#openVSwitch };
  }

  #look(isNeeded: boolean, signal: AbortSignal): Promise<Surroundings> {
    return lookAround(this.#commands, this.#openVSwitch, isNeeded, signal);
  }

  #find({ uid }: Identity, { bridges }: Surroundings): Bridge | undefined {
    return bridges.find(({ mark }) => mark?.uid === uid && mark.home === this.#home);
  }

  async #adopt(desired: Desired, id: string, context: ProviderContext): Promise<Observation> {
    const { identity } = desired;
    const found = (await this.#look(isTagged(desired.spec), context.signal)).bridges.find(
      ({ name }) => name === id,
    );
    if (found === undefined)
      throw nothingToAdopt("bridge", id, "`ip link show type bridge` and `ovs-vsctl list-br` list them.");
    checkOwner("bridge", id, ownerIn(this.#home, found.mark), desired, context);
    if (found.mark?.uid !== identity.uid)
      await this.#sorts[found.sort].setMark(found, markText(this.#home, identity, true), context.signal);
    const adopted = await this.observe(desired, context);
    if (adopted === undefined) throw new Error("The bridge was adopted, but is there no more.");
    return adopted;
  }

  /** The bridge itself, bare. Gives what is there then. */
  async #make(
    identity: Identity,
    spec: NetworkSpec,
    found: Bridge | undefined,
    around: Surroundings,
    signal: AbortSignal,
  ): Promise<Surroundings> {
    if (found !== undefined && isSettled(spec, found)) return around;
    const name = bridgeName(this.#home, identity);
    const conflict = await conflictOf({ spec, own: found?.name ?? name, ...this.#parts() }, around, signal);
    if (conflict !== undefined) throw new TerminalError(conflict);
    const sort = isTagged(spec) ? "tagged" : "linux";
    const isOther = found !== undefined && found.sort !== sort;
    if (found !== undefined && !isOther) await this.#sorts[sort].setTag(found, spec.vlan, around, signal);
    else {
      if (isOther) await this.#remove(found, identity, "It is made anew", around, signal);
      const now = isOther ? await this.#look(isTagged(spec), signal) : around;
      checkFree(name, sort, now);
      const mark = markText(this.#home, identity);
      await this.#sorts[sort].create({ name, mark, tag: spec.vlan }, now, signal);
    }
    return this.#look(isTagged(spec), signal);
  }

  /** The host's own side of it. */
  async #address({ name, link }: Bridge, spec: NetworkSpec, signal: AbortSignal): Promise<void> {
    if (link === undefined) throw new Error(`There is no interface '${name}' yet. Does ovs-vswitchd run?`);
    const wanted = addressesOf(spec);
    const ip = (...args: string[]): Promise<string> => this.#commands.run(["ip", ...args], signal);
    for (const address of link.addresses.filter((one) => !wanted.includes(one)))
      await ip("address", "delete", address, "dev", name);
    for (const address of wanted.filter((one) => !link.addresses.includes(one)))
      await ip("address", "add", address, "dev", name, ...(address.includes(":") ? ["nodad"] : []));
    if (spec.forwards !== true) await keepApart(this.#commands, name, signal);
    if (!link.isUp) await ip("link", "set", name, "up");
  }

  async #attachAll(
    found: Bridge,
    { interfaces = [] }: NetworkSpec,
    identity: Identity,
    around: Surroundings,
    signal: AbortSignal,
  ): Promise<void> {
    const mark = memberMark(this.#home, identity);
    for (const name of interfaces) {
      const link = around.links.get(name);
      if (link === undefined) throw new Error(`There is no interface '${name}' on this machine.`);
      const isIn = found.members.some((one) => one.name === name);
      if (!isIn) checkMember(name, found, mark, around);
      // An interface with an alias of somebody's bears no mark.
      if (!isIn || !isMarked(name, around))
        await this.#sorts[found.sort].attach(found, name, mark, around, signal);
      if (!link.isUp) await this.#commands.run(["ip", "link", "set", name, "up"], signal);
    }
    for (const name of membersOf(mark, around).filter((one) => !interfaces.includes(one)))
      await this.#sorts[found.sort].detach(found.name, name, around, signal);
  }

  async #letGo(found: Bridge, identity: Identity, around: Surroundings, signal: AbortSignal): Promise<void> {
    const members = membersOf(memberMark(this.#home, identity), around);
    const { setMark, detach } = this.#bound(found.sort);
    // What was adopted is as it was before; what was made stays with all that is on it.
    if (found.mark?.isAdopted === true)
      for (const name of members) await detach(found.name, name, around, signal);
    await setMark(found, undefined, signal);
  }

  #bound(sort: Bridge["sort"]): Pick<BridgeSort, "setMark" | "detach"> {
    const made = this.#sorts[sort];
    return { setMark: made.setMark.bind(made), detach: made.detach.bind(made) };
  }

  async #remove(
    found: Bridge,
    identity: Identity,
    why: string,
    around: Surroundings,
    signal: AbortSignal,
  ): Promise<void> {
    const mark = memberMark(this.#home, identity);
    const own = membersOf(mark, around);
    const users = found.members.map(({ name }) => name).filter((name) => !own.includes(name));
    if (users.length > 0)
      throw new Error(
        `The bridge '${found.name}' is in use by ${users.toSorted().join(", ")}. ${why} as soon as nobody uses it.`,
      );
    const sort = this.#sorts[found.sort];
    for (const name of own) await sort.detach(found.name, name, around, signal);
    const now = own.length === 0 ? around : await this.#look(found.sort === "tagged", signal);
    await sort.remove(found, now, signal);
  }

  /** Others have taken the bridge away, and left what was on it. */
  async #tidy(identity: Identity, around: Surroundings, signal: AbortSignal): Promise<void> {
    const members = membersOf(memberMark(this.#home, identity), around);
    for (const name of members) {
      const sort = around.ports.some((port) => port.name === name) ? "tagged" : "linux";
      await this.#sorts[sort].detach(bridgeName(this.#home, identity), name, around, signal);
    }
    const now = members.length === 0 ? around : await this.#look(false, signal);
    await this.#sorts.tagged.tidy(now, signal);
  }

  async #observation(spec: NetworkSpec, found: Bridge, signal: AbortSignal): Promise<Observation> {
    const { link, name } = found;
    const gateway = link?.addresses[0]?.replace(/\/\d+$/, "");
    const isUp = link?.isUp === true;
    const forwards = link !== undefined && (await isForwarding(this.#commands, name, signal));
    return {
      ready: isUp,
      ...(isUp ? {} : { message: `The interface ${name} is ${link === undefined ? "not there" : "down"}.` }),
      outputs: {
        bridge: name,
        ...(gateway === undefined ? {} : { host: gateway, gateway }),
        ...(found.mark?.isAdopted === true ? { adopted: name } : {}),
      },
      actual: actualOf(spec, found, forwards),
    };
  }

  #found({ name, sort, tag, switch: shared, link, mark, members }: Bridge): Found {
    const cidr = link?.addresses[0];
    return {
      id: name,
      name,
      spec: {
        class: this.class,
        ...(cidr === undefined ? {} : { cidr }),
        ...(sort === "linux" ? {} : { vlan: tag }),
      },
      description: [
        sort === "linux" ? "Linux bridge" : `tag ${tag ?? "none"} of the switch ${shared ?? ""}`,
        `${members.length} interface${members.length === 1 ? "" : "s"}`,
      ].join(", "),
      ...ownerIn(this.#home, mark),
    };
  }

  async #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const turn = (async (): Promise<T> => {
      await before.catch(() => undefined);
      return step();
    })();
    this.#last = turn;
    return turn;
  }
}
