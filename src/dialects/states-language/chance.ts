/**
 * Randomness that replays: a generator whose whole state is one number of the execution, so the same events give the same identifiers,
 * jitter and random values after a restart. (Mulberry32, by Tommy Ettinger, public domain: ample for jitter; nothing secret is made of it.)
 */
export interface Chance {
  seed: number;
}

/** A number in [0, 1); moves the seed. */
export function draw(chance: Chance): number {
  chance.seed = (chance.seed + 0x6d2b79f5) >>> 0;
  let mixed = chance.seed;
  mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

/** A version 4 UUID (RFC 9562). */
export function drawUuid(chance: Chance): string {
  return "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".replaceAll(/[xy]/g, (sign) => {
    const digit = Math.floor(draw(chance) * 16);
    return (sign === "x" ? digit : (digit & 3) | 8).toString(16);
  });
}
