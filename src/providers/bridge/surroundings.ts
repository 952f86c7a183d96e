/** What there is on the host: interfaces, bridges of both sorts, and who is on them. Nothing is remembered. */
import { type Range, overlaps, parseRange } from "../../provider/address-ranges.ts";
import type { Commands } from "./commands.ts";
import { type Mark, parseMark } from "./marks.ts";
import { MADE_WITH, MARK, MEMBER, type OpenVSwitch, type Switched } from "./open-vswitch.ts";

export interface Link {
  readonly name: string;
  /** `bridge`, `veth`; absent of what is a device. */
  readonly kind?: string;
  /** The bridge that it is on. */
  readonly master?: string;
  readonly alias?: string;
  readonly isUp: boolean;
  /** With the length of the range, those for the link alone left out. */
  readonly addresses: readonly string[];
}

export interface Member {
  readonly name: string;
  /** By whom it was put there, where that was a declaration. */
  readonly mark?: string;
}

export interface Bridge {
  readonly name: string;
  /** `linux`: of the kernel; `tagged`: of one tag in a switch of Open vSwitch. */
  readonly sort: "linux" | "tagged";
  readonly mark?: Mark;
  readonly link?: Link;
  readonly tag?: number;
  /** The tag by which it was made. */
  readonly madeWith?: number;
  readonly switch?: string;
  readonly members: readonly Member[];
}

export interface Surroundings extends Switched {
  readonly links: ReadonlyMap<string, Link>;
  readonly bridges: readonly Bridge[];
}

interface LinkJson {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly ifalias?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info?: readonly {
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
  }[];
}

/** `isNeeded`: rejects where Open vSwitch does not run. */
export async function lookAround(
  commands: Commands,
  openVSwitch: OpenVSwitch,
  isNeeded: boolean,
  signal: AbortSignal,
): Promise<Surroundings> {
  const [text, switched] = await Promise.all([
    commands.run(["ip", "-json", "-details", "address", "show"], signal),
    openVSwitch.look(isNeeded, signal),
  ]);
  const links = new Map((JSON.parse(text) as readonly LinkJson[]).map((one) => [one.ifname, linkIn(one)]));
  return { ...switched, links, bridges: [...linuxBridges(links), ...taggedBridges(switched, links)] };
}

function linkIn({ ifname, flags, master, ifalias, linkinfo, addr_info: addresses = [] }: LinkJson): Link {
  return {
    name: ifname,
    ...(linkinfo?.info_kind === undefined ? {} : { kind: linkinfo.info_kind }),
    ...(master === undefined ? {} : { master }),
    ...(ifalias === undefined ? {} : { alias: ifalias }),
    isUp: flags.includes("UP"),
    addresses: addresses
      .filter(({ scope }) => scope !== "link")
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  };
}

function linuxBridges(links: ReadonlyMap<string, Link>): readonly Bridge[] {
  const all = [...links.values()];
  return all
    .filter(({ kind }) => kind === "bridge")
    .map((link): Bridge => {
      const mark = parseMark(link.alias);
      return {
        name: link.name,
        sort: "linux",
        link,
        ...(mark === undefined ? {} : { mark }),
        members: all
          .filter(({ master }) => master === link.name)
          .map(({ name, alias }) => ({ name, ...(alias === undefined ? {} : { mark: alias }) })),
      };
    });
}

function taggedBridges({ ports }: Switched, links: ReadonlyMap<string, Link>): readonly Bridge[] {
  return ports
    .filter(({ isBridge }) => isBridge)
    .map((port): Bridge => {
      const mark = parseMark(port.ids.get(MARK));
      const link = links.get(port.name);
      const madeWith = Number(port.ids.get(MADE_WITH) ?? port.tag);
      const members = ports.filter(
        (one) =>
          !one.isBridge && one.switch === port.switch && one.tag === port.tag && one.name !== port.switch,
      );
      return {
        name: port.name,
        sort: "tagged",
        switch: port.switch,
        madeWith,
        ...(port.tag === undefined ? {} : { tag: port.tag }),
        ...(link === undefined ? {} : { link }),
        ...(mark === undefined ? {} : { mark }),
        members: members.map(({ name, ids }) => {
          const on = ids.get(MEMBER);
          return { name, ...(on === undefined ? {} : { mark: on }) };
        }),
      };
    });
}

/** Whether the host forwards what comes from it: then its network is not apart from others. */
export async function isForwarding(commands: Commands, name: string, signal: AbortSignal): Promise<boolean> {
  const script =
    'cat "/proc/sys/net/ipv4/conf/$0/forwarding" "/proc/sys/net/ipv6/conf/$0/forwarding" 2>/dev/null; :';
  return (await commands.run(["sh", "-c", script, name], signal)).includes("1");
}

export async function keepApart(commands: Commands, name: string, signal: AbortSignal): Promise<void> {
  const script =
    'for at in ipv4 ipv6; do f="/proc/sys/net/$at/conf/$0/forwarding"; [ ! -e "$f" ] || echo 0 > "$f"; done';
  await commands.run(["sh", "-c", script, name], signal);
}

export interface Taken {
  readonly range: string;
  /** In words: "the interface eth0". */
  readonly whose: string;
}

/** Whose range overlaps with this one: of another interface, or of a route that goes elsewhere. */
export async function overlapping(
  range: Range,
  { links }: Surroundings,
  own: string | undefined,
  commands: Commands,
  signal: AbortSignal,
): Promise<Taken | undefined> {
  const routes = await routesOf(commands, signal);
  const taken = [
    ...[...links.values()]
      .filter(({ name }) => name !== own)
      .flatMap(({ name, addresses }) =>
        addresses.map((address) => ({ range: address, whose: `the interface ${name}` })),
      ),
    ...routes
      .filter(({ dev }) => dev !== own)
      .map(({ dst, dev }) => ({ range: dst, whose: `the route over ${dev ?? "another network"}` })),
  ];
  return taken.find((one) => {
    const other = parseRange(one.range);
    return other !== undefined && overlaps(range, other);
  });
}

async function routesOf(
  commands: Commands,
  signal: AbortSignal,
): Promise<readonly { readonly dst: string; readonly dev?: string }[]> {
  const families = await Promise.all(
    ["-4", "-6"].map((family) => commands.run(["ip", "-json", family, "route", "show"], signal)),
  );
  return families.flatMap(
    (text) => JSON.parse(text === "" ? "[]" : text) as { readonly dst: string; readonly dev?: string }[],
  );
}
