/**
 * Completes package-lock.json after `npm install`, so that `npm ci` works on every platform and with any
 * registry.
 *
 *     node scripts/lockfile.ts --write
 *
 * Packages with native code come as one optional package a platform. npm writes down only those that the
 * registry of the day offered, and `npm ci` then refuses the lockfile because the rest are missing. Their
 * exact versions stand in the package that asks for them and their platforms in their names, so the missing
 * entries follow from the lockfile itself. They carry no checksum; npm never downloads one for a platform
 * other than its own. Download addresses are left out.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { root } from "./sources.ts";

/** An entry of `packages`, as far as it matters here. */
export interface Entry {
  version?: string;
  resolved?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

export interface Lockfile {
  packages: Record<string, Entry>;
}

const systems = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const processors = [
  "arm",
  "arm64",
  "ia32",
  "loong64",
  "mips64el",
  "ppc64",
  "riscv64",
  "s390x",
  "wasm32",
  "x64",
];
const exactVersion = /^\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/;

/** The entries that `npm ci` would miss, by their key in `packages`. */
export function missingEntries(lockfile: Lockfile): Map<string, Entry> {
  const missing = new Map<string, Entry>();
  for (const [key, entry] of Object.entries(lockfile.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (isPresent(lockfile, key, name) || !exactVersion.test(version)) continue;
      missing.set(placeFor(lockfile, key, name), {
        version,
        ...platformOf(name),
        ...(entry.dev === true && { dev: true }),
        optional: true,
      });
    }
  }
  return missing;
}

/** Looks where Node would: beside the package's own dependencies, then in each folder above it. */
function isPresent(lockfile: Lockfile, key: string, name: string): boolean {
  for (let at = key; ; at = at.slice(0, Math.max(0, at.lastIndexOf("node_modules/") - 1))) {
    if (`${at === "" ? "" : `${at}/`}node_modules/${name}` in lockfile.packages) return true;
    if (at === "") return false;
  }
}

/** Beside the package that asks, so that two versions of it do not meet. */
function placeFor(lockfile: Lockfile, key: string, name: string): string {
  const above = key.slice(0, key.lastIndexOf("node_modules/"));
  const beside = `${above}node_modules/${name}`;
  return beside in lockfile.packages ? `${key}/node_modules/${name}` : beside;
}

/** `@oxlint/binding-linux-x64-musl` runs on Linux, x64, musl. */
function platformOf(name: string): Pick<Entry, "os" | "cpu" | "libc"> {
  const words = name.replace(/^.*\//, "").replace("windows", "win32").split(/[-_]/);
  const os = words.find((word) => systems.includes(word));
  const cpu = words.find((word) => processors.includes(word));
  const isMusl = words.some((word) => word.startsWith("musl"));
  const isGnu = words.some((word) => word.startsWith("gnu"));
  return {
    ...(cpu !== undefined && { cpu: [cpu] }),
    ...(os !== undefined && { os: [os] }),
    ...(os === "linux" && (isMusl || isGnu) && { libc: [isMusl ? "musl" : "glibc"] }),
  };
}

/** The lockfile, complete, in npm's order. Its entries lose their addresses in place. */
export function complete(lockfile: Lockfile): Lockfile {
  const packages = { ...lockfile.packages, ...Object.fromEntries(missingEntries(lockfile)) };
  const sorted = Object.entries(packages).toSorted(([a], [b]) => a.localeCompare(b, "en"));
  for (const [, entry] of sorted) delete entry.resolved;
  return { ...lockfile, packages: Object.fromEntries(sorted) };
}

if (import.meta.main && process.argv.includes("--write")) {
  const path = resolve(root, "package-lock.json");
  const lockfile = JSON.parse(readFileSync(path, "utf8")) as Lockfile;
  writeFileSync(path, `${JSON.stringify(complete(lockfile), null, 2)}\n`);
}
