/** What stands against a network of class bridge, as far as it can be seen before it is made. */
import { readFileSync } from "node:fs";
import { parseRange } from "../../provider/address-ranges.ts";
import { type Obstacle, type Prospect, TerminalError } from "../../provider/provider.ts";
import { CommandFailed, type Commands } from "./commands.ts";
import { switchName } from "./marks.ts";
import { type OpenVSwitch, notRunning } from "./open-vswitch.ts";
import { type Surroundings, lookAround, overlapping } from "./surroundings.ts";

interface Parts {
  readonly home: string;
  readonly commands: Commands;
  readonly openVSwitch: OpenVSwitch;
}

interface Spec {
  readonly cidr?: unknown;
  readonly vlan?: unknown;
  readonly interfaces?: unknown;
}

export async function bridgeObstacles(
  { namespace, name, spec, adopts }: Prospect,
  parts: Parts,
  signal: AbortSignal,
): Promise<readonly Obstacle[]> {
  const refused = whyNot();
  if (refused !== undefined) return [refused];
  const { openVSwitch } = parts;
  const isTagged = spec["vlan"] !== undefined;
  try {
    if (isTagged && !openVSwitch.isThere()) return [notRunning(openVSwitch.place).diagnostic];
    const around = await lookAround(parts.commands, openVSwitch, isTagged, signal);
    const own = around.bridges.find(
      ({ mark }) => mark?.home === parts.home && mark.namespace === namespace && mark.name === name,
    )?.name;
    const conflict =
      adopts === undefined ? await conflictOf({ spec, own, ...parts }, around, signal) : undefined;
    return [...(conflict === undefined ? [] : [conflict]), ...interfaceObstacles(spec, own, around)];
  } catch (error) {
    if (error instanceof TerminalError) return [error.diagnostic];
    if (error instanceof CommandFailed) return [notAnswering(error)];
    throw error;
  }
}

/** A range or a tag that is another's already. `own`: the bridge of this network. */
export async function conflictOf(
  {
    spec,
    own,
    home,
    commands,
    openVSwitch,
  }: Parts & { readonly spec: Spec; readonly own: string | undefined },
  around: Surroundings,
  signal: AbortSignal,
): Promise<Obstacle | undefined> {
  const { cidr, vlan } = spec;
  if (isKnown(cidr)) {
    const range = parseRange(cidr);
    if (range === undefined) return wrongRange(cidr);
    const taken = await overlapping(range, around, own, commands, signal);
    if (taken !== undefined) return rangeTaken(cidr, taken.range, taken.whose);
  }
  const shared = openVSwitch.switchFor(switchName(home));
  const other = around.ports.find(
    (port) => port.isBridge && port.switch === shared && port.tag === vlan && port.name !== own,
  );
  if (vlan !== undefined && other !== undefined) return tagTaken(String(vlan), other.name);
  const isMissing = !openVSwitch.makesItsSwitch && !around.switches.some((one) => one.name === shared);
  return vlan !== undefined && isMissing ? noSuchSwitch(shared) : undefined;
}

function interfaceObstacles(
  { interfaces }: Spec,
  own: string | undefined,
  { links, ports }: Surroundings,
): readonly Obstacle[] {
  if (!Array.isArray(interfaces)) return [];
  return (interfaces as readonly unknown[]).flatMap((name, index): readonly Obstacle[] => {
    if (!isKnown(name)) return [];
    const path = `spec.interfaces[${index}]`;
    const link = links.get(name);
    if (link === undefined) return [noInterface(name, path, [...links.keys()])];
    // What is on a switch was put there by us, or is found out when it is made.
    const isElsewhere =
      link.master !== undefined && link.master !== own && !ports.some((port) => port.name === name);
    return isElsewhere ? [onAnother(name, path, link.master ?? "")] : [];
  });
}

/** Why this machine or this user makes no networks at all. */
export function whyNot(): Obstacle | undefined {
  if (process.platform === "linux" && mayAdminister()) return undefined;
  return {
    code: "NotPermitted",
    path: "spec.class",
    message:
      process.platform === "linux"
        ? "The control plane may not make networks on this machine: it has no CAP_NET_ADMIN."
        : "Networks of class bridge are made on Linux, and this machine is another.",
    hint:
      process.platform === "linux"
        ? "Run it as root (`sudo tutti serve`), or use class docker."
        : "Use class docker, or a Location of type lxd.",
  };
}

const CAP_NET_ADMIN = 12n;

function mayAdminister(): boolean {
  const [, effective = "0"] = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n;
}

/** Bridges that container engines make and name by themselves. */
export function isEngines(name: string): boolean {
  return /^(docker\d+|docker_gwbridge|br-[0-9a-f]{12}|podman\d+|cni-podman\d+)$/.test(name);
}

function isKnown(value: unknown): value is string {
  return typeof value === "string" && !value.includes("${");
}

function notAnswering({ message }: Error): Obstacle {
  return {
    code: "NetworkUnavailable",
    path: "spec.class",
    message: `Networks cannot be made on this machine: ${message}.`,
    hint: "See whether `ip link` and `ovs-vsctl show` answer for the user that runs the control plane.",
  };
}

function wrongRange(cidr: string): Obstacle {
  return {
    code: "InvalidRange",
    path: "spec.cidr",
    message: `'${cidr}' is not a range of addresses.`,
    hint: "Write it as 10.1.0.0/24.",
  };
}

function rangeTaken(cidr: string, used: string, whose: string): Obstacle {
  return {
    code: "RangeTaken",
    path: "spec.cidr",
    message: `The range ${cidr} overlaps with ${used} of ${whose} on this machine.`,
    hint: "Choose a range that is free.",
  };
}

function tagTaken(vlan: string, bridge: string): Obstacle {
  return {
    code: "TagTaken",
    path: "spec.vlan",
    message: `The tag ${vlan} is that of the network ${bridge} already: two networks with one tag would be one.`,
    hint: "Choose another tag, or use that network.",
  };
}

function noSuchSwitch(name: string): Obstacle {
  return {
    code: "NoSwitch",
    path: "spec.vlan",
    message: `Open vSwitch has no bridge '${name}', which the Location names.`,
    hint: `Make it (\`ovs-vsctl add-br ${name}\`), or leave spec.bridge.switch of the Location out.`,
  };
}

function noInterface(name: string, path: string, there: readonly string[]): Obstacle {
  return {
    code: "NoInterface",
    path,
    message: `There is no interface '${name}' on this machine.`,
    hint: `It has ${there.join(", ")}.`,
  };
}

function onAnother(name: string, path: string, bridge: string): Obstacle {
  return {
    code: "InterfaceTaken",
    path,
    message: `The interface '${name}' is on the bridge '${bridge}' already.`,
    hint: `Take it out of there (\`ip link set ${name} nomaster\`), or name another.`,
  };
}
