/** The ranges that an engine gives its networks when they name none: pools, each cut into ranges of one size. */

export interface AddressPool {
  /** `172.17.0.0/16`. */
  readonly Base: string;
  /** Bits of the prefix of each range. */
  readonly Size: number;
}

/** What an engine has that was told nothing: 31 of them (moby, libnetwork/ipamutils). */
export const USUAL_POOLS: readonly AddressPool[] = [
  ...Array.from({ length: 15 }, (_, n) => ({ Base: `172.${17 + n}.0.0/16`, Size: 16 })),
  { Base: "192.168.0.0/16", Size: 20 },
];

/** How many networks they have room for. */
export function rangesIn(pools: readonly AddressPool[]): number {
  return pools.reduce((sum, { Base, Size }) => {
    const range = parsed(Base);
    return sum + (range === undefined || Size < range.bits ? 0 : 2 ** (Size - range.bits));
  }, 0);
}

/** Of an IPv4 range; IPv6 and what cannot be read is in none. */
export function isWithin(cidr: string | undefined, pools: readonly AddressPool[]): boolean {
  const range = cidr === undefined ? undefined : parsed(cidr);
  if (range === undefined) return false;
  return pools.some(({ Base }) => {
    const pool = parsed(Base);
    return pool !== undefined && range.bits >= pool.bits && prefix(range.address, pool.bits) === pool.address;
  });
}

function parsed(cidr: string): { readonly address: number; readonly bits: number } | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr);
  if (match === null) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, bits = 0] = match.slice(1).map(Number);
  return { address: prefix(((a * 256 + b) * 256 + c) * 256 + d, bits), bits };
}

function prefix(address: number, bits: number): number {
  const size = 2 ** (32 - bits);
  return Math.floor(address / size) * size;
}
