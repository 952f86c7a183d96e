/** Between a Network's spec and what is there: pure functions. What the spec does not say of a bridge of ours is drift (P5). */
import type { network } from "../../kinds/network.ts";
import { gatewayIn } from "../../provider/address-ranges.ts";
import { TerminalError } from "../../provider/provider.ts";
import { MEMBER } from "./open-vswitch.ts";
import type { Bridge, Surroundings } from "./surroundings.ts";

/** The last two: what somebody set beside it and is to stay. */
export type NetworkSpec = typeof network.Spec & {
  readonly addresses?: readonly string[];
  readonly forwards?: boolean;
};

export function isTagged(spec: unknown): boolean {
  return (spec as NetworkSpec).vlan !== undefined;
}

export function addressesOf({ cidr, addresses = [] }: NetworkSpec): readonly string[] {
  return cidr === undefined ? addresses : [gatewayIn(cidr), ...addresses];
}

/** Its tag and its range are those declared: nothing of it can come into conflict with others. */
export function isSettled(spec: NetworkSpec, { sort, tag, madeWith, link }: Bridge): boolean {
  const isSort = sort === (isTagged(spec) ? "tagged" : "linux");
  return (
    isSort &&
    tag === spec.vlan &&
    madeWith === spec.vlan &&
    addressesOf(spec).every((one) => link?.addresses.includes(one) === true)
  );
}

export function isMarked(name: string, { links, ports }: Surroundings): boolean {
  const port = ports.find((one) => one.name === name);
  return port === undefined ? links.get(name)?.alias !== undefined : port.ids.has(MEMBER);
}

/** Interfaces that bear this mark, wherever they are now. */
export function membersOf(mark: string, { links, ports }: Surroundings): readonly string[] {
  const marked = [
    ...[...links.values()].filter(({ alias }) => alias === mark),
    ...ports.filter(({ ids }) => ids.get(MEMBER) === mark),
  ];
  return [...new Set(marked.map(({ name }) => name))];
}

/** Refuses to take what is on another bridge; of the same switch only what somebody gave another tag is ours still. */
export function checkMember(name: string, found: Bridge, mark: string, { links, ports }: Surroundings): void {
  const master = links.get(name)?.master;
  const port = ports.find((one) => one.name === name);
  const isOurs = port?.switch === found.switch && port?.ids.get(MEMBER) === mark;
  // An interface on a switch has the datapath as its master.
  const where = port === undefined ? master : isOurs ? undefined : port.switch;
  if (where !== undefined && where !== found.name)
    throw new Error(
      `The interface '${name}' is on the bridge '${where}'. It is put on '${found.name}' as soon as it is free.`,
    );
}

export function checkFree(name: string, sort: Bridge["sort"], { links, bridges, ports }: Surroundings): void {
  const bridge = bridges.find((one) => one.name === name);
  const isLeft = sort === "linux" && bridge?.sort === "linux" && bridge.link?.alias === undefined;
  if (isLeft || (!links.has(name) && !ports.some((port) => port.name === name))) return;
  throw new TerminalError({
    code: "NetworkInTheWay",
    message: `This machine has an interface '${name}' that was not made by this control plane.`,
    hint: "Remove it, or choose another name for the network.",
  });
}

export function checkAdopted(found: Bridge, spec: NetworkSpec): void {
  const actual = actualOf(spec, found, false);
  const path = (["cidr", "vlan"] as const).find(
    (key) => actual[key] !== undefined && actual[key] !== spec[key],
  );
  if (path === undefined) return;
  throw new TerminalError({
    code: "AdoptedDiffers",
    path: `spec.${path}`,
    message: `The bridge '${found.name}' was adopted with ${path} ${String(actual[path] ?? "(none)")} and is not changed.`,
    hint: "Declare what it has, or leave it out.",
  });
}

export function actualOf(
  spec: NetworkSpec,
  bridge: Bridge,
  forwards: boolean,
): Readonly<Record<string, unknown>> {
  const { vlan, interfaces = [] } = spec;
  const { link, sort, tag, mark, members } = bridge;
  const more = undeclaredIn(spec, bridge);
  return {
    ...rangeIn(spec, bridge),
    ...(vlan === undefined && sort === "linux" ? {} : { vlan: tag ?? null }),
    ...(interfaces.length === 0
      ? {}
      : { interfaces: interfaces.filter((name) => members.some((one) => one.name === name)) }),
    ...(mark?.isAdopted === true ? {} : asNotMade({ more, isUp: link?.isUp === true, forwards }, spec)),
  };
}

function rangeIn(spec: NetworkSpec, bridge: Bridge): { readonly cidr?: string | null } {
  const { cidr } = spec;
  if (cidr === undefined) return {};
  const isDeclared = bridge.link?.addresses.includes(gatewayIn(cidr)) === true;
  return { cidr: isDeclared ? cidr : (undeclaredIn(spec, bridge)[0] ?? null) };
}

function undeclaredIn(spec: NetworkSpec, { link }: Bridge): readonly string[] {
  const wanted = addressesOf(spec);
  return (link?.addresses ?? []).filter((address) => !wanted.includes(address));
}

/** What is otherwise than we make such a bridge. */
function asNotMade(
  {
    more,
    isUp,
    forwards,
  }: { readonly more: readonly string[]; readonly isUp: boolean; readonly forwards: boolean },
  spec: NetworkSpec,
): Readonly<Record<string, unknown>> {
  return {
    ...(more.length === 0 ? {} : { addresses: [...(spec.addresses ?? []), ...more] }),
    ...(isUp ? {} : { up: false }),
    ...(forwards && spec.forwards !== true ? { forwards: true } : {}),
  };
}
