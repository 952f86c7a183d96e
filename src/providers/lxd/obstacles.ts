/** What stands against making things in LXD, as far as it can be seen before. */
import { networkInterfaces } from "node:os";
import { type Obstacle, type Prospect, TerminalError } from "../../provider/provider.ts";
import type { Lxd } from "./client.ts";
import { imageSource } from "./images.ts";
import { type Places, holdsToSizes, sizeNotHeld } from "./surroundings.ts";
import { parseRange, overlaps } from "../../provider/address-ranges.ts";
import { type Named, isMarkedAs } from "./marks.ts";

export function absence(lxd: Lxd): readonly Obstacle[] {
  if (lxd.isThere()) return [];
  return [
    {
      code: "NoLxd",
      path: "spec.location",
      message: `There is no LXD at ${lxd.endpoint}.`,
      hint: "Start it (`lxd init`), or name a Location of type lxd with its endpoint.",
    },
  ];
}

/** What is asked may itself be refused for good: then that is the obstacle. */
async function found(asked: () => Promise<readonly Obstacle[]>): Promise<readonly Obstacle[]> {
  try {
    return await asked();
  } catch (error) {
    if (error instanceof TerminalError) return [error.diagnostic];
    throw error;
  }
}

function isKnown(value: unknown): value is string {
  return typeof value === "string" && !value.includes("${");
}

export async function machineObstacles(
  { spec, isNew }: Prospect,
  places: Places,
  signal: AbortSignal,
): Promise<readonly Obstacle[]> {
  const { lxd } = places;
  if (!lxd.isThere()) return absence(lxd);
  return found(async () => {
    const pool = await places.pool(signal);
    if (spec["disk"] !== undefined && !holdsToSizes(pool)) return [sizeNotHeld("spec.disk", pool).diagnostic];
    if (isNew === true && isKnown(spec["image"])) await imageSource(lxd, spec["image"], signal);
    return [];
  });
}

export async function volumeObstacles(
  { spec }: Prospect,
  places: Places,
  signal: AbortSignal,
): Promise<readonly Obstacle[]> {
  if (!places.lxd.isThere()) return absence(places.lxd);
  return found(async () => {
    const pool = await places.pool(signal);
    return spec["size"] === undefined || holdsToSizes(pool)
      ? []
      : [sizeNotHeld("spec.size", pool).diagnostic];
  });
}

/** A range that overlaps with others of LXD or of its host. */
export async function networkObstacles(
  { namespace, name, spec: { cidr } }: Prospect,
  places: Places,
  signal: AbortSignal,
): Promise<readonly Obstacle[]> {
  if (!places.lxd.isThere()) return absence(places.lxd);
  if (!isKnown(cidr)) return [];
  const range = parseRange(cidr);
  if (range === undefined) return [wrongRange(cidr)];
  for (const [used, whose] of await takenRanges({ namespace, name }, places, signal)) {
    const other = parseRange(used);
    if (other !== undefined && overlaps(range, other)) return [rangeTaken(cidr, whose, used)];
  }
  return [];
}

/** By range, whose it is, in words; without those of this network. */
async function takenRanges(
  named: Named,
  places: Places,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const all = (await places.networks(signal)).filter(({ managed }) => managed);
  const own = all.find(({ config }) => isMarkedAs(places.home, "Network", named, config))?.name;
  const links = places.lxd.isLocal ? Object.entries(networkInterfaces()) : [];
  const taken = [
    ...links.flatMap(([link, addresses = []]) =>
      addresses.map(({ cidr }) => [link, cidr ?? "none", `the interface ${link} of its host`] as const),
    ),
    ...all.flatMap(({ name, config }) =>
      [config["ipv4.address"], config["ipv6.address"]].map(
        (range) => [name, range ?? "none", `LXD's network ${name}`] as const,
      ),
    ),
  ];
  return new Map(taken.filter(([name]) => name !== own).map(([, range, whose]) => [range, whose]));
}

export function wrongRange(cidr: string): Obstacle {
  return {
    code: "InvalidRange",
    path: "spec.cidr",
    message: `'${cidr}' is not a range of addresses.`,
    hint: "Write it as 10.1.0.0/24.",
  };
}

function rangeTaken(cidr: string, whose: string, used: string): Obstacle {
  return {
    code: "RangeTaken",
    path: "spec.cidr",
    message: `The range ${cidr} overlaps with ${used} of ${whose}.`,
    hint: "Choose a range that is free, or leave it out: LXD then finds one.",
  };
}
