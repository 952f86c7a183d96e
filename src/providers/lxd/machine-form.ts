/**
 * How a Machine's spec is said to LXD, and read back: pure functions between a spec and an instance's configuration.
 *
 *   spec --formOf--> config, devices --merged--> what the instance is to have
 *   instance --actualOf--> the same places of the spec (P5)
 *
 *  - Of what was made here every device and every setting is ours but `volatile.*`, `image.*` and `user.*`; what somebody
 *    else set is told below `config` and `devices`. Of what was adopted only what the spec says is ours.
 */
import type { machine } from "../../kinds/machine.ts";
import { equal } from "../../model/equality.ts";
import { parseQuantity } from "../../model/quantity.ts";
import { type Keyring, isSealed } from "../../model/sealed.ts";
import type { Config } from "./marks.ts";

/** `config`, `devices`: what somebody set beside it and is to stay. */
export type MachineSpec = typeof machine.Spec & {
  readonly config?: Config;
  readonly devices?: Devices;
};

export type Devices = Readonly<Record<string, Config>>;

export interface Form {
  readonly config: Config;
  readonly devices: Devices;
}

export interface NetworkThere {
  readonly name: string;
  readonly hasAddresses: boolean;
  /** An interface of the host, not a network of LXD. */
  readonly isBridge?: true;
}

/** How what a machine uses is called in LXD, by the names of the resources. */
export interface Surroundings {
  readonly pool: string;
  readonly networks: ReadonlyMap<string, NetworkThere>;
  readonly volumes: ReadonlyMap<string, { readonly name: string; readonly pool: string }>;
}

export function interfaceName(index: number): string {
  return `eth${index}`;
}

export function formOf(spec: MachineSpec, around: Surroundings, keyring: Keyring): Form {
  const { cpu, memory, disk } = spec;
  const env = keyring.openAll(spec.env);
  return {
    config: {
      ...(cpu === undefined ? {} : cpuConfig(parseQuantity(cpu))),
      ...(memory === undefined ? {} : { "limits.memory": String(Math.round(parseQuantity(memory))) }),
      ...Object.fromEntries(
        Object.entries(env).flatMap(([name, value]) =>
          // LXD keeps no empty values.
          value === "" ? [] : [[`environment.${name}`, String(value)]],
        ),
      ),
      "boot.autostart": String(spec.running),
      ...spec.config,
    },
    devices: {
      root: {
        type: "disk",
        path: "/",
        pool: around.pool,
        ...(disk === undefined ? {} : { size: String(Math.round(parseQuantity(disk))) }),
      },
      ...Object.fromEntries(
        spec.networks.map(({ network, address }, index) => [
          interfaceName(index),
          {
            type: "nic",
            name: interfaceName(index),
            ...placeOn(around.networks.get(network), network),
            ...(address === undefined ? {} : { [addressKey(address)]: address }),
          },
        ]),
      ),
      ...Object.fromEntries(
        spec.volumes.map(({ volume, path }) => {
          const { pool = around.pool, name = volume } = around.volumes.get(volume) ?? {};
          return [volumeDevice(path), { type: "disk", pool, source: name, path }];
        }),
      ),
      ...spec.devices,
    },
  };
}

function placeOn(there: NetworkThere | undefined, network: string): Config {
  return there?.isBridge === true
    ? { nictype: "bridged", parent: there.name }
    : { network: there?.name ?? network };
}

/** Whole processors are given as such, so that programs inside see as many; a part of one as time. */
function cpuConfig(cpu: number): Config {
  const whole = Math.max(1, Math.ceil(cpu));
  return {
    "limits.cpu": String(whole),
    ...(whole === cpu ? {} : { "limits.cpu.allowance": `${Math.max(1, Math.round(cpu * 100))}ms/100ms` }),
  };
}

function addressKey(address: string): string {
  return address.includes(":") ? "ipv6.address" : "ipv4.address";
}

function volumeDevice(path: string): string {
  return `volume${path.replaceAll("/", "-").replace(/-+$/, "")}`;
}

export interface Had {
  readonly config: Config;
  readonly devices: Devices;
  readonly isAdopted: boolean;
}

/** What the instance is to have, from what it has. */
export function merged({ config, devices, isAdopted }: Had, form: Form): Form {
  const kept = Object.entries(config).filter(([key]) => isAdopted || isNotOurs(key));
  const { "boot.autostart": _, ...adopted } = form.config;
  return {
    config: { ...Object.fromEntries(kept), ...(isAdopted ? adopted : form.config) },
    devices: isAdopted ? { ...devices, ...withoutRoot(form.devices, devices) } : form.devices,
  };
}

/** The disk of what was adopted stays as it is, unless a size is declared. */
function withoutRoot({ root, ...others }: Devices, had: Devices): Devices {
  if (root?.["size"] === undefined) return others;
  return { ...others, root: { ...root, ...had["root"], size: root["size"] } };
}

function isNotOurs(key: string): boolean {
  return /^(volatile|image|user)\./.test(key);
}

export function isAsMerged(had: Had, form: Form): boolean {
  const wanted = merged(had, form);
  return equal(wanted.config, had.config) && equal(wanted.devices, had.devices);
}

/** `spec` as declared, with what is found in its places. */
export function actualOf(
  spec: MachineSpec,
  had: Had,
  form: Form,
  keyring: Keyring,
): Readonly<Record<string, unknown>> {
  const { config, devices } = had;
  const isLimited = (key: string): boolean => config[key] === form.config[key];
  const { cpu, memory, disk } = spec;
  const isCpu = isLimited("limits.cpu") && isLimited("limits.cpu.allowance");
  return {
    ...(cpu === undefined ? {} : { cpu: isCpu ? cpu : cpuIn(config) }),
    ...(memory === undefined
      ? {}
      : { memory: isLimited("limits.memory") ? memory : (config["limits.memory"] ?? null) }),
    ...(disk === undefined
      ? {}
      : { disk: isSame(devices, form, "root") ? disk : (devices["root"]?.["size"] ?? null) }),
    networks: networksIn(spec, devices, form),
    volumes: spec.volumes.filter(({ path }) => isSame(devices, form, volumeDevice(path))),
    env: envIn(spec, config, form, keyring),
    ...(had.isAdopted ? {} : othersIn(had, form)),
  };
}

function isSame(devices: Devices, form: Form, name: string): boolean {
  return equal(devices[name], form.devices[name]);
}

function cpuIn(config: Config): string | null {
  const [time, period] = (config["limits.cpu.allowance"] ?? "")
    .split("/")
    .map((text) => Number.parseInt(text, 10));
  if (time !== undefined && period !== undefined) return String(time / period);
  return config["limits.cpu"] ?? null;
}

function networksIn({ networks }: MachineSpec, devices: Devices, form: Form): readonly object[] {
  return networks.flatMap((declared, index): readonly object[] => {
    const name = interfaceName(index);
    const found = devices[name];
    if (isSame(devices, form, name)) return [declared];
    if (found?.["type"] !== "nic") return [];
    const network =
      found["network"] === form.devices[name]?.["network"] ? declared.network : (found["network"] ?? "");
    const address = found["ipv4.address"] ?? found["ipv6.address"];
    return [{ network, ...(address === undefined ? {} : { address }) }];
  });
}

function envIn(
  { env }: MachineSpec,
  config: Config,
  form: Form,
  keyring: Keyring,
): Readonly<Record<string, unknown>> {
  const declared = Object.entries(env).map(([name, value]) => {
    const found = config[`environment.${name}`];
    if (found === form.config[`environment.${name}`]) return [name, value];
    return [name, found !== undefined && isSealed(value) ? keyring.seal(found) : (found ?? null)];
  });
  return Object.fromEntries(declared) as Readonly<Record<string, unknown>>;
}

const TOLD_ELSEWHERE = /^limits\.(cpu|cpu\.allowance|memory)$|^environment\./;

/** What somebody set that no place of the spec stands for. */
function othersIn({ config, devices }: Had, form: Form): Readonly<Record<string, unknown>> {
  const keys = Object.keys({ ...config, ...form.config }).filter(
    (key) =>
      !isNotOurs(key) &&
      config[key] !== form.config[key] &&
      !(TOLD_ELSEWHERE.test(key) && form.config[key] !== undefined),
  );
  const names = Object.keys(devices).filter((name) => form.devices[name] === undefined);
  return {
    ...(keys.length === 0
      ? {}
      : { config: Object.fromEntries(keys.map((key) => [key, config[key] ?? null])) }),
    ...(names.length === 0
      ? {}
      : { devices: Object.fromEntries(names.map((name) => [name, devices[name]])) }),
  };
}
