/**
 * Where provider packages are: the folders in which Terraform looks, in the layouts that it knows. Nothing is downloaded.
 *
 *   <root>/HOST/NAMESPACE/TYPE/VERSION/OS_ARCH/terraform-provider-TYPE...         unpacked
 *   <root>/HOST/NAMESPACE/TYPE/terraform-provider-TYPE_VERSION_OS_ARCH.zip        packed; unpacked into the state folder first
 *
 *  roots: terraform.d/plugins and .terraform/providers beside the declaration; what the CLI configuration names
 *  (filesystem_mirror, plugin_cache_dir, TF_PLUGIN_CACHE_DIR); ~/.terraform.d/plugins; the machine's own
 */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { TerminalError } from "../../provider/provider.ts";
import {
  type Address,
  type Version,
  addressText,
  compareVersions,
  constraint,
  versionOf,
} from "./address.ts";
import { hashOfFile, hashOfFolder } from "./checksums.ts";
import { unzip } from "./zip.ts";

export interface Package {
  /** `registry.terraform.io/hashicorp/random`. */
  readonly source: string;
  readonly version: string;
  readonly binary: string;
  /** As `.terraform.lock.hcl` has them; none of what is being developed (dev_overrides). */
  readonly checksums: readonly string[];
}

export interface PackagesOptions {
  /** Where packages are unpacked, absolute. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface Candidate {
  readonly version: Version;
  /** A folder that holds the binary, or an archive. */
  readonly path: string;
  readonly isPacked: boolean;
}

const SYSTEMS: Readonly<Record<string, string>> = { win32: "windows" };
const MACHINES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };
const PLATFORM = `${SYSTEMS[process.platform] ?? process.platform}_${MACHINES[process.arch] ?? process.arch}`;

export class Packages {
  readonly #options: PackagesOptions;
  /** By folder or archive with its time and size: what is there is read once. */
  readonly #read = new Map<string, Promise<Package>>();

  constructor(options: PackagesOptions) {
    this.#options = options;
  }

  /** The newest that will do. `folder`: of the declaration. Rejects with TerminalError. */
  async find(address: Address, versions: string | undefined, folder?: string): Promise<Package> {
    const settings = cliSettings(this.#options.env);
    const override = settings.overrides.get(addressText(address));
    if (override !== undefined) return overriding(address, override);
    const accepts = constraint(versions);
    const roots = rootsFor(settings, this.#options.env, folder);
    const all = roots.flatMap((root) => candidatesIn(root, address));
    const [best] = all
      .filter(({ version }) => accepts(version))
      .toSorted((one, other) => compareVersions(other.version, one.version));
    if (best === undefined) throw missing(address, versions, all, roots);
    return this.#package(address, best);
  }

  /** Every version that is on this machine for it, the newest first. */
  list(folder?: string): readonly { readonly source: string; readonly versions: readonly string[] }[] {
    const settings = cliSettings(this.#options.env);
    const roots = rootsFor(settings, this.#options.env, folder);
    const addresses = new Map(roots.flatMap(addressesIn).map((address) => [addressText(address), address]));
    return [...addresses]
      .toSorted(([one], [other]) => one.localeCompare(other))
      .flatMap(([source, address]) => {
        const versions = roots
          .flatMap((root) => candidatesIn(root, address))
          .map(({ version }) => version)
          .toSorted((one, other) => compareVersions(other, one));
        return versions.length === 0
          ? []
          : [{ source, versions: [...new Set(versions.map(({ text }) => text))] }];
      });
  }

  #package(address: Address, candidate: Candidate): Promise<Package> {
    const { mtimeMs, size } = statSync(candidate.path);
    const binary = candidate.isPacked ? undefined : statSync(binaryIn(candidate.path, address));
    const key = [candidate.path, mtimeMs, size, binary?.mtimeMs, binary?.size].join(" ");
    let read = this.#read.get(key);
    if (read === undefined) {
      read = this.#readPackage(address, candidate);
      this.#read.set(key, read);
      read.catch(() => this.#read.delete(key));
    }
    return read;
  }

  async #readPackage(address: Address, { path, version, isPacked }: Candidate): Promise<Package> {
    const source = addressText(address);
    const zip = isPacked ? await hashOfFile(path) : undefined;
    const folder = zip === undefined ? path : await this.#unpacked(path, zip);
    return {
      source,
      version: version.text,
      binary: binaryIn(folder, address),
      checksums: [await hashOfFolder(folder), ...(zip === undefined ? [] : [`zh:${zip}`])],
    };
  }

  /** By its checksum, so that another archive of the same name is another folder. It appears whole. */
  async #unpacked(archive: string, hash: string): Promise<string> {
    const folder = join(this.#options.folder, hash);
    if (existsSync(folder)) return folder;
    const draft = `${folder}.${randomUUID()}`;
    mkdirSync(draft, { recursive: true, mode: 0o700 });
    try {
      await unzip(archive, draft);
      renameSync(draft, folder);
    } catch (error) {
      rmSync(draft, { recursive: true, force: true });
      if (existsSync(folder)) return folder;
      throw new TerminalError({
        code: "PackageUnreadable",
        path: "spec.source",
        message: `The package ${archive} cannot be unpacked: ${error instanceof Error ? error.message : String(error)}.`,
        hint: "Copy it anew (`terraform providers mirror`).",
      });
    }
    return folder;
  }
}

function binaryIn(folder: string, { type }: Address): string {
  const found = readdirSync(folder).find((name) => name.startsWith(`terraform-provider-${type}`));
  if (found !== undefined) return join(folder, found);
  throw new TerminalError({
    code: "PackageUnreadable",
    path: "spec.source",
    message: `The package ${folder} holds no program terraform-provider-${type}.`,
    hint: "Copy it anew (`terraform providers mirror`).",
  });
}

function overriding(address: Address, folder: string): Package {
  return {
    source: addressText(address),
    version: "0.0.0-dev",
    binary: binaryIn(folder, address),
    checksums: [],
  };
}

function candidatesIn(root: string, { host, namespace, type }: Address): readonly Candidate[] {
  const folder = join(root, host, namespace, type);
  return namesIn(folder).flatMap((name): readonly Candidate[] => {
    const packed = new RegExp(`^terraform-provider-${type}_(.+)_${PLATFORM}\\.zip$`).exec(name);
    const version = versionOf(packed?.[1] ?? name);
    if (version === undefined) return [];
    const path = packed === null ? join(folder, name, PLATFORM) : join(folder, name);
    return existsSync(path) ? [{ version, path, isPacked: packed !== null }] : [];
  });
}

function addressesIn(root: string): readonly Address[] {
  return namesIn(root).flatMap((host) =>
    namesIn(join(root, host)).flatMap((namespace) =>
      namesIn(join(root, host, namespace)).map((type) => ({ host, namespace, type })),
    ),
  );
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

interface CliSettings {
  readonly mirrors: readonly string[];
  /** By address: the folder of what is being developed. */
  readonly overrides: ReadonlyMap<string, string>;
}

/** Of Terraform's CLI configuration what says where packages are; the rest means nothing here. */
function cliSettings(env: PackagesOptions["env"]): CliSettings {
  const home = env["HOME"] ?? homedir();
  const file = env["TF_CLI_CONFIG_FILE"] ?? env["TERRAFORM_CONFIG"] ?? join(home, ".terraformrc");
  const text = textOf(file).replace(/^\s*(#|\/\/).*$/gm, "");
  const paths = (pattern: RegExp): readonly string[] =>
    [...text.matchAll(pattern)].map((match) => match[1] ?? "");
  const overrides = /dev_overrides\s*\{([^}]*)\}/.exec(text)?.[1] ?? "";
  const cache = env["TF_PLUGIN_CACHE_DIR"];
  return {
    mirrors: [
      ...paths(/filesystem_mirror\s*\{[^}]*?\bpath\s*=\s*"([^"]+)"/g),
      ...paths(/^\s*plugin_cache_dir\s*=\s*"([^"]+)"/gm),
      ...(cache === undefined ? [] : [cache]),
    ].map((path) => path.replace(/^(\$HOME|~)(?=\/)/, home)),
    overrides: new Map(
      [...overrides.matchAll(/"([^"]+)"\s*=\s*"([^"]+)"/g)].map(([, source = "", path = ""]) => [
        source.split("/").length === 3 ? source : `registry.terraform.io/${source}`,
        path,
      ]),
    ),
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function rootsFor(
  { mirrors }: CliSettings,
  env: PackagesOptions["env"],
  folder: string | undefined,
): readonly string[] {
  const home = env["HOME"] ?? homedir();
  const data = (env["XDG_DATA_DIRS"] ?? "/usr/local/share:/usr/share").split(":");
  return [
    ...(folder === undefined
      ? []
      : [join(folder, "terraform.d/plugins"), join(folder, ".terraform/providers")]),
    ...mirrors,
    join(home, ".terraform.d/plugins"),
    join(env["XDG_DATA_HOME"] ?? join(home, ".local/share"), "terraform/plugins"),
    ...data.map((path) => join(path, "terraform/plugins")),
  ];
}

function missing(
  address: Address,
  versions: string | undefined,
  all: readonly Candidate[],
  roots: readonly string[],
): TerminalError {
  const there = [...new Set(all.map(({ version }) => version.text))].join(", ");
  return new TerminalError({
    code: "ProviderMissing",
    path: there === "" ? "spec.source" : "spec.version",
    message:
      there === ""
        ? `There is no package of the provider ${addressText(address)} for ${PLATFORM}.`
        : `No version '${versions ?? ""}' of the provider ${addressText(address)} is there; there is ${there}.`,
    hint: `Copy one with 'terraform providers mirror' into one of ${roots.slice(0, 3).join(", ")}.`,
  });
}
