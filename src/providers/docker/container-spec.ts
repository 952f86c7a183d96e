/**
 * From what an instance declares to what the engine is asked for. Pure: what had to be looked up (the image, networks,
 * volumes, files) is given.
 *
 * An instance is told its ports by number in every class and listens on them (PORT, PORT_<NAME>); so the same number is
 * right on the host's network and, published, on a network of its own (docs/decisions/0003).
 */
import { isAbsolute, posix } from "node:path";
import { expand, instanceVariables } from "../../provider/environment.ts";
import { parseQuantity } from "../../model/quantity.ts";
import type { Keyring } from "../../model/sealed.ts";
import type { ContainerBeside } from "../../provider/container.ts";
import { type Identity, type InstanceSpec, TerminalError } from "../../provider/provider.ts";
import type { ContainerBody } from "./containers.ts";
import { type Role, besideLabel, containerName, labelsOf } from "./identity.ts";
import { secretLabel } from "./secrets.ts";

export interface Mount {
  readonly type: "bind" | "volume";
  /** Folder or file of the engine's host, or name of a volume. */
  readonly source: string;
  readonly target: string;
  readonly readOnly?: true;
}

/** Where and in what an instance runs. */
export interface Setting {
  readonly home: string;
  /** Reference or id. */
  readonly image: string;
  /** The image's own; empty when it says nothing. */
  readonly imageFolder: string;
  /** Set when the declaration names no image: its program runs in the base image, at its own place. */
  readonly own?: OwnProgram;
  /** Networks of the engine; none: the host's. */
  readonly networks: readonly string[];
  /** Address of the host at which ports are published; empty: all. */
  readonly publishAt: string;
  readonly mounts: readonly Mount[];
  readonly hasInit: boolean;
}

export interface OwnProgram {
  readonly folder: string;
  readonly path: string;
  readonly user: string;
  /** Hidden by empty folders: what stands in the project but is none of its business. */
  readonly hidden: readonly string[];
}

export interface Part {
  readonly name: string;
  readonly role: Role;
  readonly body: ContainerBody;
  /** Networks beside the first, to be connected to before the start. */
  readonly further: readonly string[];
}

const CPU_PERIOD = 100_000;
/** Least that the kernel takes, microseconds of CPU a period. */
const LEAST_QUOTA = 1_000;
/** Enough for any program, not enough to take the host down. */
export const MOST_PROCESSES = 16_384;
const LOGGING = { driver: "json-file", options: { "max-size": "10m", "max-file": "3" } } as const;
const LONGEST_HOSTNAME = 63;

/** The instance's own container. `joins`: that whose network it shares. */
export function mainPart(
  identity: Identity,
  spec: InstanceSpec,
  setting: Setting,
  keyring: Keyring,
  joins?: string,
): Part {
  const env = environment(identity, spec, setting, keyring);
  const { run } = spec;
  const body: ContainerBody = {
    ...common(identity, spec, setting, "main", joins),
    Image: setting.image,
    Env: pairs(env),
    ...commandOf(run.command, env),
    ...workingDirectory(spec, setting),
    StopSignal: run.stop.signal,
  };
  const name = containerName(setting.home, identity);
  return { name, role: "main", body, further: joins === undefined ? setting.networks.slice(1) : [] };
}

/** A container beside it. `image`: its own, or the instance's. */
export function besidePart(
  identity: Identity,
  spec: InstanceSpec,
  setting: Setting,
  keyring: Keyring,
  role: "init" | "sidecar",
  beside: ContainerBeside & { readonly ownImage?: string },
  joins?: string,
): Part {
  const env = { ...environment(identity, spec, setting, keyring), ...texts(keyring.openAll(beside.env)) };
  const settings = common(identity, spec, setting, role, joins);
  const isElsewhere = beside.ownImage !== undefined;
  const body: ContainerBody = {
    ...settings,
    Labels: { ...settings.Labels, ...besideLabel(beside.name) },
    Image: beside.ownImage ?? setting.image,
    Env: pairs(env),
    ...commandOf(beside.command, env),
    ...(isElsewhere ? {} : workingDirectory(spec, setting)),
  };
  const name = containerName(setting.home, identity, partName(role, beside.name));
  return { name, role, body, further: joins === undefined ? setting.networks.slice(1) : [] };
}

export function partName(role: "init" | "sidecar", name: string): string {
  return `${role}-${name}`;
}

/** The names of all containers that an instance may have. */
export function partNames(
  home: string,
  identity: Identity,
  spec: InstanceSpec,
): Record<"init" | "sidecars", string[]> & {
  readonly main: string;
} {
  const named = (role: "init" | "sidecar") => (beside: ContainerBeside) =>
    containerName(home, identity, partName(role, beside.name));
  return {
    main: containerName(home, identity),
    init: (spec.run.init ?? []).map(named("init")),
    sidecars: (spec.run.sidecars ?? []).map(named("sidecar")),
  };
}

function common(
  identity: Identity,
  spec: InstanceSpec,
  setting: Setting,
  role: Role,
  joins: string | undefined,
): ContainerBody {
  const { run, service, template } = spec;
  const user = run.user ?? setting.own?.user;
  const isPublished = joins === undefined && setting.networks.length > 0 && role !== "init";
  return {
    Labels: {
      ...run.labels,
      ...secretLabel(spec),
      ...labelsOf(setting.home, identity, { service, template, role }),
    },
    ...(user === undefined ? {} : { User: user }),
    ...attachment(identity, spec, setting, joins, role),
    HostConfig: {
      NetworkMode: joins === undefined ? (setting.networks[0] ?? "host") : `container:${joins}`,
      ...(isPublished ? { PortBindings: publishedPorts(spec, setting.publishAt) } : {}),
      // What ended is answered with a new instance, by the control plane.
      RestartPolicy: { Name: "no" },
      Mounts: mountsOf(setting),
      Tmpfs: tmpfs(spec, setting),
      // A program that knows nothing of being process 1 ends when it is asked to, as it does in class process.
      ...(setting.own !== undefined && setting.hasInit ? { Init: true } : {}),
      ...rights(run),
      ...limits(run.resources),
    },
  };
}

/** What it may do and have; never everything. */
function rights({ capabilities, readOnlyRoot, gpus, logging = LOGGING }: InstanceSpec["run"]): object {
  return {
    Privileged: false,
    ...(capabilities === undefined ? {} : { CapAdd: [...capabilities.add], CapDrop: [...capabilities.drop] }),
    ...(readOnlyRoot === true ? { ReadonlyRootfs: true } : {}),
    ...(gpus === undefined
      ? {}
      : { DeviceRequests: [{ Count: gpus === "all" ? -1 : gpus, Capabilities: [["gpu"]] }] }),
    LogConfig: { Type: logging.driver, Config: { ...logging.options } },
  };
}

function mountsOf({
  mounts,
}: Setting): { Type: Mount["type"]; Source: string; Target: string; ReadOnly: boolean }[] {
  return mounts.map(({ type, source, target, readOnly }) => ({
    Type: type,
    Source: source,
    Target: target,
    ReadOnly: readOnly === true,
  }));
}

/** On networks of the engine: names for others there. */
function attachment(
  identity: Identity,
  spec: InstanceSpec,
  setting: Setting,
  joins: string | undefined,
  role: Role,
): ContainerBody {
  const [first] = setting.networks;
  if (first === undefined || joins !== undefined) return {};
  // Who prepares an instance does not answer for it.
  const aliases = role === "init" ? [] : aliasesOf(identity, spec);
  return {
    Hostname: identity.name.slice(0, LONGEST_HOSTNAME),
    ExposedPorts: Object.fromEntries(Object.values(spec.ports).map((port) => [`${port}/tcp`, {}])),
    NetworkingConfig: { EndpointsConfig: { [first]: { Aliases: [...aliases] } } },
  };
}

export function aliasesOf(identity: Identity, spec: InstanceSpec): readonly string[] {
  return [...new Set([spec.service, identity.name, ...(spec.run.aliases ?? [])])];
}

function publishedPorts(
  spec: InstanceSpec,
  at: string,
): Record<string, { HostIp: string; HostPort: string }[]> {
  return Object.fromEntries(
    Object.values(spec.ports).map((port) => [`${port}/tcp`, [{ HostIp: at, HostPort: String(port) }]]),
  );
}

function environment(
  identity: Identity,
  spec: InstanceSpec,
  setting: Setting,
  keyring: Keyring,
): Record<string, string> {
  const own: Record<string, string> =
    setting.own === undefined ? {} : { PATH: setting.own.path, HOME: "/tmp" };
  const told = instanceVariables(identity, spec, ({ path }) => inside(path, setting));
  return { ...own, ...told, ...texts(keyring.openAll(spec.run.env)) };
}

/** Where something is seen: volumes of class process have relative paths. */
export function inside(path: string, { own, imageFolder }: Pick<Setting, "own" | "imageFolder">): string {
  return isAbsolute(path) ? path : posix.resolve("/", own?.folder ?? imageFolder, path);
}

function texts(env: Readonly<Record<string, string | number | boolean>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)]));
}

function pairs(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}

/** Replaces what the image would run as a whole: entry point and arguments. */
function commandOf(
  command: string | readonly string[] | undefined,
  env: Readonly<Record<string, string>>,
): ContainerBody {
  if (command === undefined) return {};
  return {
    Entrypoint:
      typeof command === "string" ? ["/bin/sh", "-c", command] : command.map((word) => expand(word, env)),
  };
}

function workingDirectory(spec: InstanceSpec, setting: Setting): ContainerBody {
  const wanted = spec.run.workingDirectory;
  if (setting.own !== undefined) return { WorkingDir: setting.own.folder };
  return wanted === "." ? {} : { WorkingDir: inside(wanted, setting) };
}

function tmpfs(spec: InstanceSpec, setting: Setting): Record<string, string> {
  const hidden = (setting.own?.hidden ?? []).map((path) => [path, "ro,size=4k,mode=0555"]);
  const wanted = (spec.run.tmpfs ?? []).map(({ path, size }) => [
    path,
    size === undefined ? "" : `size=${Math.ceil(parseQuantity(size))}`,
  ]);
  return Object.fromEntries([...hidden, ...wanted]);
}

export function limits({ cpu, memory }: InstanceSpec["run"]["resources"]): object {
  const bytes = memory === undefined ? undefined : Math.floor(parseQuantity(memory));
  return {
    PidsLimit: MOST_PROCESSES,
    // Swap is counted in: what a program may use does not depend on whether the host has some.
    ...(bytes === undefined ? {} : { Memory: bytes, MemorySwap: bytes }),
    ...(cpu === undefined
      ? {}
      : {
          CpuPeriod: CPU_PERIOD,
          CpuQuota: Math.max(LEAST_QUOTA, Math.round(parseQuantity(cpu) * CPU_PERIOD)),
        }),
  };
}

/** Refuses what the file system of a container cannot be: two things at one place. */
export function checkTargets(spec: InstanceSpec): void {
  const { volumes, tmpfs: inMemory = [], files = [] } = spec.run;
  const seen = new Set<string>();
  for (const { path } of [...volumes, ...inMemory, ...files]) {
    if (seen.has(path))
      throw new TerminalError({
        code: "DuplicatePath",
        path: "spec",
        message: `Two things are to be seen at '${path}'.`,
        hint: "Give volumes, tmpfs and files a path of their own each.",
      });
    seen.add(path);
  }
}
