/**
 * Class `docker` of Network: a bridge of the engine's host, with names for who is on it.
 *
 *   (nothing) --create--> there --range changed, unused--> (nothing) --create--> there --unused--> (nothing)
 *
 * A network that somebody uses is neither removed nor given another range: who uses it is said, and it is tried again.
 */
import type { NetworkInspectInfo } from "dockerode";
import type { network } from "../../kinds/network.ts";
import {
  type Desired,
  type Obstacle,
  type Observation,
  type Prospect,
  type Provider,
  type ProviderContext,
  TerminalError,
} from "../../provider/provider.ts";
import type { Engine } from "./engine.ts";
import { inWords, reasonOf, statusOf } from "./errors.ts";
import { isOf, networkName, resourceLabels } from "./resource-names.ts";
import { Shared } from "./shared.ts";

type NetworkSpec = typeof network.Spec;

const CIDR = /^(?:\d{1,3}\.){3}\d{1,3}\/\d{1,2}$|^[0-9a-f:]+\/\d{1,3}$/i;

export class DockerNetworks implements Provider {
  readonly kind = "Network";
  readonly class = "docker";
  readonly capabilities: readonly string[] = [
    "a bridge of its own: containers on it reach each other by the names of their services",
    "separates networks from each other",
    "takes a range of addresses",
  ];
  readonly #engine: Engine;
  readonly #home: string;
  /** The engine allows several networks of one name: only one is made at a time. */
  readonly #making = new Shared<NetworkInspectInfo>();

  constructor(engine: Engine, home: string) {
    this.#engine = engine;
    this.#home = home;
  }

  obstacles({ spec: { cidr } }: Prospect): Promise<readonly Obstacle[]> {
    const isWrong = typeof cidr === "string" && !cidr.includes("${") && !CIDR.test(cidr);
    return Promise.resolve(isWrong ? [wrongRange(cidr)] : this.#engine.absence());
  }

  async observe(desired: Desired, { signal }: ProviderContext): Promise<Observation | undefined> {
    const found = await this.#find(desired, signal);
    return found === undefined ? undefined : observation(found);
  }

  async ensure(desired: Desired, { signal }: ProviderContext): Promise<Observation> {
    const found = await this.#find(desired, signal);
    const { cidr } = desired.spec as NetworkSpec;
    if (found !== undefined && (cidr === undefined || rangeOf(found) === cidr)) return observation(found);
    if (found !== undefined) await this.#remove(found, "It gets another range of addresses", signal);
    const name = networkName(this.#home, desired.identity);
    return observation(await this.#making.run(name, signal, (ending) => this.#create(desired, ending)));
  }

  async remove(desired: Desired, { signal }: ProviderContext): Promise<readonly string[]> {
    const found = await this.#find(desired, signal);
    if (found !== undefined) await this.#remove(found, "It is removed", signal);
    return [];
  }

  async #find({ identity }: Desired, signal: AbortSignal): Promise<NetworkInspectInfo | undefined> {
    const name = networkName(this.#home, identity);
    try {
      const listed = await this.#engine.call(
        (docker, abortSignal) => docker.listNetworks({ filters: { name: [name] }, abortSignal }),
        { signal },
      );
      const found = listed.find(({ Name }) => Name === name);
      if (found === undefined) return undefined;
      if (!isOf(this.#home, found.Labels)) throw nameTaken(name);
      return await this.#engine.call((docker) => docker.getNetwork(found.Id).inspect(), { signal });
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw inWords(error);
    }
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
    const made = await this.#find(desired, signal);
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

function observation(found: NetworkInspectInfo): Observation {
  const gateway = found.IPAM?.Config?.[0]?.Gateway;
  return { ready: true, outputs: gateway === undefined ? {} : { host: gateway.replace(/\/\d+$/, "") } };
}

/** With the host's address said: what is not said the engine chooses, and tells only after it was restarted. */
function rangeFor(cidr: string): { Subnet: string; Gateway?: string } {
  const first = /^(\d+\.\d+\.\d+\.)(\d+)\/([12]?\d|30)$/.exec(cidr);
  return first === null ? { Subnet: cidr } : { Subnet: cidr, Gateway: `${first[1]}${Number(first[2]) + 1}` };
}

function rangeOf(found: NetworkInspectInfo): string | undefined {
  return found.IPAM?.Config?.[0]?.Subnet;
}

function inUse(name: string, users: readonly string[], why: string): Error {
  const who = users.length === 0 ? "a container" : users.toSorted().join(", ");
  return new Error(`The network '${name}' is in use by ${who}. ${why} as soon as nobody uses it.`);
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
