/** Ranges of addresses, as networks have them: `10.1.0.0/24`, or the gateway's address in it, `10.1.0.1/24`. */
import { BlockList, isIP, isIPv4 } from "node:net";

export interface Range {
  readonly address: string;
  readonly prefix: number;
}

export function parseRange(text: string): Range | undefined {
  const [address = "", length = "", ...rest] = text.split("/");
  const prefix = Number(length);
  const most = isIPv4(address) ? 32 : 128;
  const isRange = isIP(address) !== 0 && /^\d{1,3}$/.test(length) && prefix <= most && rest.length === 0;
  return isRange ? { address, prefix } : undefined;
}

export function overlaps(one: Range, other: Range): boolean {
  return isWithin(one.address, other) || isWithin(other.address, one);
}

export function isSameRange(one: Range | undefined, other: Range | undefined): boolean {
  return one !== undefined && other !== undefined && one.prefix === other.prefix && overlaps(one, other);
}

/** The host's own address in it: the first, where the range itself is named. */
export function gatewayIn(cidr: string): string {
  const ending = /^(.*\.)(\d+)\/(\d+)$/.exec(cidr);
  if (ending !== null && Number(ending[2]) % 4 === 0 && Number(ending[3]) < 31)
    return `${ending[1]}${Number(ending[2]) + 1}/${ending[3]}`;
  return cidr.replace(/::\/(\d+)$/, "::1/$1");
}

function isWithin(address: string, { address: base, prefix }: Range): boolean {
  const family = isIPv4(address) ? "ipv4" : "ipv6";
  if (isIPv4(base) !== (family === "ipv4")) return false;
  const list = new BlockList();
  list.addSubnet(base, prefix, family);
  return list.check(address, family);
}
