/**
 * Checks what nobody would notice in review:
 *
 * 1. Every implementation is registered. A file of a family (layers.ts) must be reachable from one of the
 *    family's registries through files of the family alone; otherwise it is dead, or somebody forgot the
 *    third of its three files.
 * 2. The lockfile and npm's settings name no registry and hold no token, and the lockfile misses no
 *    platform's package, so a clean install works anywhere.
 *
 * The size of files and functions is the linter's to check (.oxlintrc.json).
 */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Family, families } from "./layers.ts";
import { type Lockfile, missingEntries } from "./lockfile.ts";
import { type Finding, type Sources, importsOf, isTest, readSources, report, root } from "./sources.ts";

/** Files of the families that no registry leads to. */
export function unregistered(sources: Sources, table: readonly Family[]): Finding[] {
  return table.flatMap((family) => {
    const members = [...sources].filter(
      ([path, text]) => path.startsWith(family.folder) && !isTest(path) && (family.mark?.test(text) ?? true),
    );
    const reached = reach(sources, family);
    return members
      .filter(([path]) => !reached.has(path))
      .map(([path]) => ({ path, line: 1, message: `is not registered: import it in ${places(family)}` }));
  });
}

function reach(sources: Sources, family: Family): Set<string> {
  const reached = new Set([...sources.keys()].filter((path) => !isTest(path) && isRegistry(path, family)));
  // A set's iteration visits what is added meanwhile, so this walks the whole graph.
  for (const path of reached) {
    for (const one of importsOf(path, sources.get(path) ?? "")) {
      if (one.path?.startsWith(family.folder)) reached.add(one.path);
    }
  }
  return reached;
}

function isRegistry(path: string, family: Family): boolean {
  return family.registries.some((place) => (place.endsWith("/") ? path.startsWith(place) : path === place));
}

function places(family: Family): string {
  return family.registries.join(" or ");
}

const leaks: readonly { readonly pattern: RegExp; readonly message: string }[] = [
  { pattern: /"resolved":\s*"http/, message: "records a download address: delete the `resolved` lines" },
  {
    pattern: /^\s*(?:@[^:\s]+:)?registry\s*=/,
    message: "names a registry: that belongs in one's own ~/.npmrc",
  },
  { pattern: /_auth(?:Token)?\s*=|_password\s*=/, message: "holds a credential: remove and revoke it" },
];

/** Addresses and credentials in the settings of the package. */
export function leaksIn(path: string, text: string): Finding[] {
  return text.split("\n").flatMap((content, index) => {
    const leak = leaks.find(({ pattern }) => pattern.test(content));
    return leak === undefined ? [] : [{ path, line: index + 1, message: leak.message }];
  });
}

/** Packages of other platforms that the lockfile lacks, which makes `npm ci` refuse it. */
export function holesIn(path: string, lockfile: Lockfile): Finding[] {
  return [...missingEntries(lockfile).keys()].map((key) => ({
    path,
    line: 1,
    message: `lacks ${key.replace(/^.*node_modules\//, "")}: run \`node scripts/lockfile.ts --write\``,
  }));
}

if (import.meta.main) {
  const lock = "package-lock.json";
  const settings = [lock, ".npmrc"].filter((path) => existsSync(resolve(root, path)));
  report("budgets", [
    ...unregistered(readSources("src"), families),
    ...settings.flatMap((path) => leaksIn(path, readFileSync(resolve(root, path), "utf8"))),
    ...holesIn(lock, JSON.parse(readFileSync(resolve(root, lock), "utf8")) as Lockfile),
  ]);
}
