/**
 * Class `docker` of Network: a bridge of the engine's host, with names for who is on it.
 *
 *   (nothing) --create--> there --range changed, unused--> (nothing) --create--> there --unused--> (nothing)
 *   (somebody's) --adopt--> there, under its own name --release--> (somebody's)
 *
 * The engine cannot be told whose a network is once it is made: one that was adopted is known by the status alone.
 * A network that somebody uses is neither removed nor given another range: who uses it is said, and it is tried again.
 */
import type { NetworkInspectInfo } from "dockerode";
import type { network } from "../../kinds/network.ts";
import { adoptedId, checkOwner, nothingToAdopt } from "../../provider/adoption.ts";
import {
  type CallContext,
  type Capacity,
  type Desired,
  type Found,
  type Obstacle,
  type Observation,
  type Prospect,
  type Provider,
  type ProviderContext,
  TerminalError,
} from "../../provider/provider.ts";
import { type AddressPool, USUAL_POOLS, isWithin, rangesIn } from "./address-pools.ts";
import { Changes } from "./changes.ts";
import type { Engine } from "./engine.ts";
import { inWords, reasonOf, statusOf } from "./errors.ts";
import { isOf, networkName, ownerIn, resourceLabels } from "./resource-names.ts";
import { Shared } from "./shared.ts";

type NetworkSpec = typeof network.Spec;

/** The engine's own, which cannot be removed. */
const PREDEFINED: ReadonlySet<string> = new Set([
  "bridge",
  "host",
  "none",
  "ingress",
  "docker_gwbridge",
  "podman",
]);

const CIDR = /^(?:\d{1,3}\.){3}\d{1,3}\/\d{1,2}$|^[0-9a-f:]+\/\d{1,3}$/i;

export class DockerNetworks implements Provider {
  readonly kind = "Network";
  readonly class = "docker";
  readonly capabilities: readonly string[] = [
    "a bridge of its own: containers on it reach each other by the names of their services",
    "separates networks from each other",
    "takes a range of addresses",
    "tells at once what others change",
  ];
  readonly #engine: Engine;
  readonly #home: string;
  readonly #changes: Changes;
  /** The engine allows several networks of one name: only one is made at a time. */
  readonly #making = new Shared<NetworkInspectInfo>();

  constructor(engine: Engine, home: string, changes = new Changes(engine)) {
    this.#engine = engine;
    this.#home = home;
    this.#changes = changes;
  }

  obstacles({ spec: { cidr } }: Prospect): Promise<readonly Obstacle[]> {
    const isWrong = typeof cidr === "string" && !cidr.includes("${") && !CIDR.test(cidr);
    return Promise.resolve(isWrong ? [wrongRange(cidr)] : this.#engine.absence());
  }

  async list({ signal }: CallContext): Promise<readonly Found[]> {
    const listed = await this.#inspected({}, signal);
    return listed.filter(({ Name }) => !PREDEFINED.has(Name)).map((network) => this.#found(network));
  }

  async adopt(desired: Desired, id: string, context: ProviderContext): Promise<Observation> {
    const network = await this.#adopted(id, context.signal);
    if (network === undefined) throw noSuchNetwork(id);
    checkOwner("network", id, ownerIn(this.#home, network.Labels), desired, context);
    return observation(desired, network, id);
  }

  /** Labels cannot be taken off; when the resource is gone they mean nothing. */
  async release(): Promise<void> {}

  /** Ranges of addresses that the engine finds by itself; a network that names its own takes none of them. */
  async capacities({ signal }: CallContext): Promise<readonly Capacity[]> {
    if (this.#engine.absence().length > 0) return [];
    const { DefaultAddressPools: pools = USUAL_POOLS } = (await this.#engine.call((docker) => docker.info(), {
      signal,
    })) as { readonly DefaultAddressPools?: readonly AddressPool[] };
    const taken = await this.#engine.call(
      (docker, abortSignal) => docker.listNetworks({ abortSignal } as object),
      { signal },
    );
    const used = taken.filter((network) => isWithin(rangeOf(network), pools)).length;
    const needs: Capacity["needs"] = ({ cidr }) => (cidr === undefined ? 1 : 0);
    return [{ name: "ranges of addresses", limit: rangesIn(pools), used, needs }];
  }

  async observe(desired: Desired, { signal }: ProviderContext): Promise<Observation | undefined> {
    const there = await this.#find(desired, signal);
    return there === undefined ? undefined : observation(desired, there.network, there.adopted);
  }

  /** That it is gone, or another one there. */
  watch({ identity, status }: Desired, changed: () => void, context: CallContext): void {
    const adopted = status?.["adopted"];
    const names = [networkName(this.#home, identity), ...(typeof adopted === "string" ? [adopted] : [])];
    this.#changes.watch("network", names, changed, context);
  }

  async ensure(desired: Desired, context: ProviderContext): Promise<Observation> {
    const { signal } = context;
    const there = await this.#find(desired, signal);
    const asked = adoptedId(desired);
    if (there === undefined && asked !== undefined) return this.adopt(desired, asked, context);
    if (there !== undefined) {
      const { network, adopted } = there;
      const { cidr } = desired.spec as NetworkSpec;
      const isRange = cidr === undefined || rangeOf(network) === cidr;
      if (adopted !== undefined && !isRange) throw otherRange(network, cidr);
      if (isRange && (adopted !== undefined || isAsMade(network, desired.spec)))
        return observation(desired, network, adopted);
      await this.#remove(network, isRange ? "It is made anew" : "It gets another range of addresses", signal);
    }
    const name = networkName(this.#home, desired.identity);
    return observation(
      desired,
      await this.#making.run(name, signal, (ending) => this.#create(desired, ending)),
    );
  }

  async remove(desired: Desired, { signal }: ProviderContext): Promise<readonly string[]> {
    const there = await this.#find(desired, signal);
    if (there !== undefined) await this.#remove(there.network, "It is removed", signal);
    return [];
  }

  /** What was made wins over what is asked to be adopted. */
  async #find(desired: Desired, signal: AbortSignal): Promise<There | undefined> {
    const own = await this.#own(desired, signal);
    if (own !== undefined) return { network: own };
    const adopted = desired.status?.["adopted"];
    if (typeof adopted !== "string") return undefined;
    const network = await this.#adopted(adopted, signal);
    return network === undefined ? undefined : { network, adopted };
  }

  async #own({ identity }: Desired, signal: AbortSignal): Promise<NetworkInspectInfo | undefined> {
    const name = networkName(this.#home, identity);
    const [own] = await this.#inspected({ name: [name] }, signal, ({ Name }) => Name === name);
    if (own !== undefined && !isOf(this.#home, own.Labels)) throw nameTaken(name);
    return own;
  }

  /** By name, or by the engine's own id where several have it. */
  async #adopted(id: string, signal: AbortSignal): Promise<NetworkInspectInfo | undefined> {
    const [one] = await this.#inspected({}, signal, ({ Name, Id }) => Name === id || Id === id);
    return one;
  }

  /** Only asked for one by one does the engine tell who is on it. */
  async #inspected(
    filters: { readonly name?: string[] },
    signal: AbortSignal,
    isMeant: (one: { readonly Name: string; readonly Id: string }) => boolean = () => true,
  ): Promise<readonly NetworkInspectInfo[]> {
    try {
      const listed = await this.#engine.call(
        (docker, abortSignal) => docker.listNetworks({ filters, abortSignal }),
        { signal },
      );
      return await Promise.all(
        listed
          .filter(isMeant)
          .map(({ Id }) => this.#engine.call((docker) => docker.getNetwork(Id).inspect(), { signal })),
      );
    } catch (error) {
      if (statusOf(error) === 404) return [];
      throw inWords(error);
    }
  }

  #found(network: NetworkInspectInfo): Found {
    const users = Object.keys(network.Containers ?? {}).length;
    const cidr = rangeOf(network);
    const project = network.Labels?.["com.docker.compose.project"];
    return {
      id: network.Name,
      name: network.Labels?.["com.docker.compose.network"] ?? network.Name,
      spec: { class: this.class, ...(cidr === undefined ? {} : { cidr }) },
      description: [
        `${network.Driver} network`,
        `${users} container${users === 1 ? "" : "s"}`,
        ...(project === undefined ? [] : [`of the Compose project ${project}`]),
      ].join(", "),
      ...ownerIn(this.#home, network.Labels),
    };
  }

  async #create(desired: Desired, signal: AbortSignal): Promise<NetworkInspectInfo> {
    const { cidr } = desired.spec as NetworkSpec;
    try {
      await this.#engine.call(
        (docker, abortSignal) =>
          docker.createNetwork({
            Name: networkName(this.#home, desired.identity),
            CheckDuplicate: true,
            Driver: "bridge",
            Labels: resourceLabels(this.#home, desired.identity),
            ...(cidr === undefined
              ? {}
              : { EnableIPv6: cidr.includes(":"), IPAM: { Driver: "default", Config: [rangeFor(cidr)] } }),
            abortSignal,
          }),
        { signal },
      );
    } catch (error) {
      throw creationError(error, cidr);
    }
    const made = await this.#own(desired, signal);
    if (made === undefined) throw new Error("The network was made, but the engine has it no more.");
    return made;
  }

  async #remove(found: NetworkInspectInfo, why: string, signal: AbortSignal): Promise<void> {
    const users = Object.values(found.Containers ?? {}).map(({ Name }) => Name);
    if (users.length > 0) throw inUse(found.Name, users, why);
    try {
      await this.#engine.call((docker, abortSignal) => docker.getNetwork(found.Id).remove({ abortSignal }), {
        signal,
      });
    } catch (error) {
      if (statusOf(error) === 404) return;
      if (/active endpoints|being used|in use/i.test(reasonOf(error))) throw inUse(found.Name, [], why);
      throw inWords(error);
    }
  }
}

interface There {
  readonly network: NetworkInspectInfo;
  /** By what it was taken. */
  readonly adopted?: string | undefined;
}

function observation(desired: Desired, network: NetworkInspectInfo, adopted?: string): Observation {
  const gateway = network.IPAM?.Config?.[0]?.Gateway;
  return {
    ready: true,
    outputs: {
      ...(gateway === undefined ? {} : { host: gateway.replace(/\/\d+$/, "") }),
      ...(adopted === undefined ? {} : { adopted }),
    },
    actual: actualOf(desired.spec as NetworkSpec, network, adopted),
  };
}

/** With the host's address said: what is not said the engine chooses, and tells only after it was restarted. */
function rangeFor(cidr: string): { Subnet: string; Gateway?: string } {
  const first = /^(\d+\.\d+\.\d+\.)(\d+)\/([12]?\d|30)$/.exec(cidr);
  return first === null ? { Subnet: cidr } : { Subnet: cidr, Gateway: `${first[1]}${Number(first[2]) + 1}` };
}

/** Of ours: a bridge that reaches outwards, or what is to stay as it was found. */
function isAsMade({ Driver, Internal }: NetworkInspectInfo, spec: unknown): boolean {
  const { driver = "bridge", internal = false } = spec as {
    readonly driver?: string;
    readonly internal?: boolean;
  };
  return Driver === driver && Internal === internal;
}

/** What others could have made of it. */
function actualOf(
  { cidr }: NetworkSpec,
  network: NetworkInspectInfo,
  adopted: string | undefined,
): NonNullable<Observation["actual"]> {
  return {
    ...(cidr === undefined ? {} : { cidr: rangeOf(network) ?? null }),
    ...(adopted !== undefined || network.Driver === "bridge" ? {} : { driver: network.Driver }),
    ...(adopted !== undefined || !network.Internal ? {} : { internal: true }),
  };
}

function rangeOf(found: Pick<NetworkInspectInfo, "IPAM">): string | undefined {
  return found.IPAM?.Config?.[0]?.Subnet;
}

function inUse(name: string, users: readonly string[], why: string): Error {
  const who = users.length === 0 ? "a container" : users.toSorted().join(", ");
  return new Error(`The network '${name}' is in use by ${who}. ${why} as soon as nobody uses it.`);
}

function noSuchNetwork(id: string): TerminalError {
  return nothingToAdopt("network of the engine", id, "`docker network ls` lists those it has.");
}

function otherRange(network: NetworkInspectInfo, cidr: string): TerminalError {
  return new TerminalError({
    code: "AdoptedDiffers",
    path: "spec.cidr",
    message: `The network '${network.Name}' was adopted with the range ${rangeOf(network) ?? "(none)"} and cannot be given ${cidr}.`,
    hint: "Declare its own range, or leave it out.",
  });
}

function nameTaken(name: string): TerminalError {
  return new TerminalError({
    code: "NetworkInTheWay",
    message: `The engine has a network '${name}' that was not made by this control plane.`,
    hint: "Remove it there, or choose another name.",
  });
}

function wrongRange(cidr: string): Obstacle {
  return {
    code: "InvalidRange",
    path: "spec.cidr",
    message: `'${cidr}' is not a range of addresses.`,
    hint: "Write it as 10.1.0.0/24.",
  };
}

function creationError(error: unknown, cidr: string | undefined): Error {
  if (statusOf(error) === undefined) return inWords(error);
  const reason = reasonOf(error);
  if (/overlap|already used|already being used|already in use/i.test(reason) && cidr !== undefined)
    return new TerminalError({
      code: "RangeTaken",
      path: "spec.cidr",
      message: `The range ${cidr} overlaps with that of another network of the engine's host.`,
      hint: "Choose one that is free, or leave it out: the engine then finds one.",
    });
  if (/non-overlapping|no available network|could not find free subnet/i.test(reason))
    return new TerminalError({
      code: "NoFreeRange",
      path: "spec.cidr",
      message: "The engine has no range of addresses left for another network.",
      hint: "Remove networks that nobody uses (`docker network prune`), or name a range.",
    });
  if (/invalid|must be|CIDR|subnet|prefix/i.test(reason) && cidr !== undefined)
    return new TerminalError({
      ...wrongRange(cidr),
      message: `The engine does not take the range ${cidr}: ${reason}.`,
    });
  return inWords(error);
}
