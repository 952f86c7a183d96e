/**
 * Class `lxd` of Machine: a system container.
 *
 *   (nothing) --create--> begun --whole--> stopped: shape, files --start--> running: addresses, command --> ready
 *   (somebody's) --adopt--> marked as ours, otherwise as it was --release | removed--> (somebody's)
 *   begun, and nothing under way for it any more --removed--> (nothing)
 *
 *  - What is declared is changed on the running machine: limits, interfaces, volumes, files. Only another image or snapshot
 *    makes another machine.
 *  - Its command runs after each start, and again when it is another one; that it has ended well is noted on the instance,
 *    together with the start that it was for, so that a crash in between runs it once more rather than not at all.
 */
import { adoptedId, checkOwner, nothingToAdopt } from "../../provider/adoption.ts";
import {
  type CallContext,
  type Capacity,
  type Desired,
  type ExecSession,
  type Found,
  type Identity,
  type Measurement,
  type Observation,
  type Obstacle,
  type Prospect,
  type ProviderContext,
  TerminalError,
  type SnapshotProvider,
} from "../../provider/provider.ts";
import { machineCapacities } from "./capacities.ts";
import type { Lxd } from "./client.ts";
import type { Events } from "./events.ts";
import { execIn } from "./exec.ts";
import { doing } from "./errors.ts";
import { imageSource } from "./images.ts";
import { Instances, type LxdInstance, type ReadInstance, pathOf } from "./instances.ts";
import { runCommand } from "./machine-command.ts";
import { filesIn, writeFiles } from "./machine-files.ts";
import {
  type Devices,
  type Form,
  type MachineSpec,
  actualOf,
  formOf,
  isAsMerged,
  merged,
} from "./machine-form.ts";
import {
  type Seen,
  addressesOf,
  beingMade,
  commandDigest,
  isCommanded,
  whyNotReady,
  withoutAddress,
} from "./machine-state.ts";
import {
  ADOPTED,
  COMMANDED,
  WHOLE,
  isOf,
  kindIn,
  machineName,
  marksOf,
  ownerIn,
  snapshotName,
  withoutMarks,
} from "./marks.ts";
import { measurementsOf } from "./measurements.ts";
import { machineObstacles } from "./obstacles.ts";
import type { Places } from "./surroundings.ts";

/** An LXD that comes back starts what is half-made, and then cannot remove it any more. */
const NOT_BY_ITSELF = { "boot.autostart": "false" };
/** How long `ensure` waits for addresses before it says that there are none yet, milliseconds. */
const PATIENCE = 5_000;
const STEP = 100;

export class LxdMachines implements SnapshotProvider {
  readonly kind = "Machine";
  readonly class = "lxd";
  readonly capabilities: readonly string[] = [
    "system containers: an init, a disk and addresses of their own, on the kernel of the host",
    "limits of processors, memory and disk, changed while it runs",
    "networks, volumes and files, changed while it runs",
    "snapshots are copies of the disk, which outlive the machine",
    "adopts a container that LXD has, and never removes it",
  ];
  readonly features: readonly string[] = ["sizes"];
  readonly parallelism = 8;
  readonly #lxd: Lxd;
  readonly #places: Places;
  readonly #instances: Instances;
  readonly #events: Events;
  readonly #home: string;

  constructor(places: Places, events: Events) {
    this.#lxd = places.lxd;
    this.#events = events;
    this.#places = places;
    this.#home = places.home;
    this.#instances = new Instances(places.lxd);
  }

  obstacles(prospect: Prospect, { signal }: CallContext): Promise<readonly Obstacle[]> {
    return machineObstacles(prospect, this.#places, signal);
  }

  capacities({ signal }: CallContext): Promise<readonly Capacity[]> {
    return machineCapacities(this.#lxd, signal);
  }

  async list({ signal }: CallContext): Promise<readonly Found[]> {
    const all = await this.#instances.all(signal);
    return all
      .filter(({ type, config }) => type === "container" && kindIn(config) !== "MachineSnapshot")
      .map((instance) => this.#found(instance));
  }

  async adopt(desired: Desired, id: string, context: ProviderContext): Promise<Observation> {
    const found = await this.#instances.find(id, context.signal);
    if (found === undefined) throw nothingToAdopt("container of LXD", id, "`lxc list` lists those it has.");
    const { config } = found.value;
    checkOwner("container", id, ownerIn(this.#home, config), desired, context);
    if (!isOf(this.#home, desired.identity, config)) {
      const marks = {
        ...marksOf(this.#home, desired.identity),
        [WHOLE]: desired.identity.uid,
        [ADOPTED]: "true",
      };
      await this.#mark(id, marks, context.signal);
    }
    const adopted = await this.observe(desired, context);
    if (adopted === undefined) throw new Error("The container was adopted, but LXD has it no more.");
    return adopted;
  }

  async release({ identity }: Desired, { signal }: ProviderContext): Promise<void> {
    const found = await this.#find(identity, signal);
    if (found === undefined) return;
    await this.#instances.change(found, { config: withoutMarks(found.value.config) }, signal);
  }

  async observe(desired: Desired, context: ProviderContext): Promise<Observation | undefined> {
    const found = await this.#find(desired.identity, context.signal);
    if (found === undefined) return undefined;
    if (!isWhole(found.value, desired.identity)) return beingMade(found.value);
    return this.#observation(desired, await this.#look(desired, found.value, context), context);
  }

  ensure(desired: Desired, context: ProviderContext): Promise<Observation> {
    return doing(`make the machine '${desired.identity.name}' as declared`, async () => {
      const { signal } = context;
      const found = await this.#whole(desired.identity, signal);
      const asked = adoptedId(desired);
      if (found === undefined && asked !== undefined) return this.adopt(desired, asked, context);
      const spec = specOf(desired);
      const around = await this.#places.around(desired.identity.namespace, spec, signal);
      const form = formOf(spec, around, context.keyring);
      const there = found ?? (await this.#create(desired, form, context));
      await this.#shape(there, form, signal);
      await writeFiles(this.#instances, there.value.name, spec, context);
      await this.#power(there.value, spec, signal);
      await this.#addressed(desired, there.value, context);
      // Those on volumes can be written only now that it runs.
      if (spec.running && spec.volumes.length > 0)
        await writeFiles(this.#instances, there.value.name, spec, context);
      await this.#command(there.value.name, spec, context);
      const made = await this.observe(desired, context);
      if (made === undefined) throw new Error("The machine was made, but LXD has it no more.");
      return made;
    });
  }

  async remove({ identity }: Desired, { signal }: ProviderContext): Promise<readonly string[]> {
    const found = await this.#find(identity, signal);
    if (found === undefined) return [];
    const { name, config } = found.value;
    if (config[ADOPTED] !== undefined) return [`the container ${name}, which was adopted`];
    await doing(`remove the machine '${identity.name}'`, () => this.#instances.remove(name, signal));
    return [];
  }

  watch({ identity, status }: Desired, changed: () => void, context: CallContext): void {
    const names = new Set([machineName(this.#home, identity), String(status?.["id"] ?? "")]);
    this.#events.watch([...names].map(pathOf), changed, context);
  }

  async exec(
    { identity }: Desired,
    command: readonly string[],
    options: { readonly tty: boolean; readonly stdin: boolean },
    { signal }: CallContext,
  ): Promise<ExecSession> {
    const found = await this.#find(identity, signal);
    if (found?.value.status !== "Running")
      throw new TerminalError({ code: "NotRunning", message: "The machine does not run." });
    return doing(`run '${command[0] ?? ""}'`, () =>
      execIn(this.#lxd, found.value.name, command, options, signal),
    );
  }

  async console({ identity }: Desired, { signal }: CallContext): Promise<string> {
    const found = await this.#find(identity, signal);
    if (found === undefined)
      throw new TerminalError({ code: "NotThere", message: "LXD has no such machine." });
    return this.#instances.console(found.value.name, signal);
  }

  async measure({ identity }: Desired, { signal }: ProviderContext): Promise<readonly Measurement[]> {
    const found = await this.#find(identity, signal);
    if (found === undefined) throw new Error("LXD has no such machine.");
    return measurementsOf(found.value, await this.#instances.state(found.value.name, signal));
  }

  async snapshot(
    { identity }: Desired,
    snapshot: Identity,
    { signal }: ProviderContext,
  ): Promise<{ readonly bytes: number }> {
    const name = snapshotName(this.#home, snapshot);
    const there = await this.#wholeNamed(name, snapshot, signal);
    if (there === undefined) {
      const source = await this.#find(identity, signal);
      if (source === undefined)
        throw new Error(`LXD has no machine '${identity.name}' to take a snapshot of.`);
      // Its interfaces and volumes are the machine's: a copy must not have the same addresses.
      const devices = Object.keys(source.value.devices).filter((device) => device !== "root");
      await this.#begin(name, snapshot, signal, {
        source: { type: "copy", source: source.value.name, instance_only: true },
        config: { "boot.autostart": "false" },
        devices: Object.fromEntries(devices.map((device) => [device, { type: "none" }])),
      });
    }
    const { disk } = await this.#instances.state(name, signal);
    return { bytes: Math.max(0, disk?.["root"]?.usage ?? 0) };
  }

  async removeSnapshot(snapshot: Identity, { signal }: ProviderContext): Promise<void> {
    const name = snapshotName(this.#home, snapshot);
    const found = await this.#instances.find(name, signal);
    if (found !== undefined && isOf(this.#home, snapshot, found.value.config))
      await this.#instances.remove(name, signal);
  }

  /** By its own name, or among all when it was adopted under another. */
  async #find(identity: Identity, signal: AbortSignal): Promise<ReadInstance | undefined> {
    const own = await this.#instances.find(machineName(this.#home, identity), signal);
    if (own !== undefined && isOf(this.#home, identity, own.value.config)) return own;
    const all = await this.#instances.all(signal);
    const adopted = all.find(({ config }) => isOf(this.#home, identity, config));
    return adopted === undefined ? undefined : this.#instances.find(adopted.name, signal);
  }

  /** What was left in the middle of being made is removed, so that it is made again. */
  async #whole(identity: Identity, signal: AbortSignal): Promise<ReadInstance | undefined> {
    const found = await this.#find(identity, signal);
    if (found === undefined || isWhole(found.value, identity)) return found;
    return this.#wholeNamed(found.value.name, identity, signal);
  }

  async #wholeNamed(
    name: string,
    identity: Identity,
    signal: AbortSignal,
  ): Promise<ReadInstance | undefined> {
    await this.#instances.settled(name, signal);
    const found = await this.#instances.find(name, signal);
    if (found === undefined || isWhole(found.value, identity)) return found;
    if (!isOf(this.#home, identity, found.value.config)) throw nameTaken(name);
    await this.#instances.remove(name, signal);
    return undefined;
  }

  async #create(desired: Desired, form: Form, context: ProviderContext): Promise<ReadInstance> {
    const { identity } = desired;
    const { image, from } = specOf(desired);
    const name = machineName(this.#home, identity);
    if ((await this.#instances.find(name, context.signal)) !== undefined) throw nameTaken(name);
    const source =
      from === undefined
        ? await imageSource(this.#lxd, image ?? "", context.signal)
        : await this.#copyOf(identity.namespace, from.snapshot, context);
    return this.#begin(name, identity, context.signal, { source, ...form });
  }

  async #copyOf(
    namespace: string,
    snapshot: string,
    { signal }: ProviderContext,
  ): Promise<{ readonly type: "copy"; readonly source: string; readonly instance_only: true }> {
    const name = snapshotName(this.#home, { kind: "MachineSnapshot", namespace, name: snapshot, uid: "" });
    if ((await this.#instances.find(name, signal)) !== undefined)
      return { type: "copy", source: name, instance_only: true };
    throw new TerminalError({
      code: "SnapshotMissing",
      path: "spec.from.snapshot",
      message: `The snapshot '${snapshot}' is not in this LXD.`,
      hint: "Name a MachineSnapshot of a machine of class lxd at the same location.",
    });
  }

  async #begin(
    name: string,
    identity: Identity,
    signal: AbortSignal,
    {
      config,
      ...body
    }: { readonly source: object; readonly config: Form["config"]; readonly devices: Devices },
  ): Promise<ReadInstance> {
    const marks = marksOf(this.#home, identity);
    const begun = { ...config, ...marks, ...NOT_BY_ITSELF };
    await this.#instances.create({ name, ...body, config: begun }, signal);
    const autostart = config["boot.autostart"] ?? "false";
    await this.#mark(name, { [WHOLE]: identity.uid, "boot.autostart": autostart }, signal);
    const made = await this.#instances.find(name, signal);
    if (made === undefined) throw new Error(`LXD made '${name}', and has it no more.`);
    return made;
  }

  async #mark(name: string, marks: Form["config"], signal: AbortSignal): Promise<void> {
    await this.#lxd.send("PATCH", pathOf(name), { body: { config: marks }, signal });
  }

  async #shape(there: ReadInstance, form: Form, signal: AbortSignal): Promise<void> {
    const had = hadBy(there.value);
    if (!isAsMerged(had, form)) await this.#instances.change(there, merged(had, form), signal);
  }

  async #power({ name }: LxdInstance, { running }: MachineSpec, signal: AbortSignal): Promise<void> {
    const { status } = await this.#instances.state(name, signal);
    if (!running && status !== "Stopped") await this.#instances.stop(name, signal);
    if (!running || status === "Running") return;
    await this.#instances.enter(name, status === "Frozen" ? "unfreeze" : "start", signal);
  }

  /** Waits a while for addresses, which come a moment after the start. */
  async #addressed(desired: Desired, instance: LxdInstance, context: ProviderContext): Promise<void> {
    if (!specOf(desired).running) return;
    const { clock, signal } = context;
    const end = clock.now() + PATIENCE;
    while (clock.now() < end) {
      const seen = await this.#look(desired, instance, context);
      if (withoutAddress(specOf(desired), seen) === undefined) return;
      await clock.sleep(STEP, signal);
    }
  }

  async #command(name: string, spec: MachineSpec, context: ProviderContext): Promise<void> {
    const found = await this.#instances.find(name, context.signal);
    if (found === undefined || !spec.running || isCommanded(spec, found.value)) return;
    await runCommand(this.#instances, name, spec, context);
    await this.#mark(name, { [COMMANDED]: commandDigest(spec, found.value) }, context.signal);
  }

  async #look(desired: Desired, instance: LxdInstance, context: ProviderContext): Promise<Seen> {
    const { namespace } = desired.identity;
    const spec = specOf(desired);
    const [state, around] = await Promise.all([
      this.#instances.state(instance.name, context.signal),
      this.#places.around(namespace, spec, context.signal),
    ]);
    return { instance, state, around, form: formOf(spec, around, context.keyring) };
  }

  async #observation(desired: Desired, seen: Seen, context: ProviderContext): Promise<Observation> {
    const { instance, state, form } = seen;
    const spec = specOf(desired);
    const addresses = addressesOf(spec, state);
    const [address] = Object.values(addresses);
    const why = whyNotReady(spec, seen);
    const isRunning = state.status === "Running";
    return {
      ready: why === undefined,
      ...(why === undefined ? {} : { message: why }),
      outputs: {
        id: instance.name,
        state: state.status,
        host: instance.location === "none" ? await this.#host(context.signal) : instance.location,
        addresses,
        ...(address === undefined ? {} : { address }),
        ...(instance.config[ADOPTED] === undefined ? {} : { adopted: instance.name }),
      },
      actual: {
        ...actualOf(spec, hadBy(instance), form, context.keyring),
        files: await filesIn(this.#instances, instance.name, spec, context),
        running: isRunning,
        ...(spec.command === undefined || !spec.running || !isRunning
          ? {}
          : { command: isCommanded(spec, instance) ? spec.command : null }),
      },
    };
  }

  async #host(signal: AbortSignal): Promise<string> {
    const { environment } = await this.#lxd.get<{ readonly environment: { readonly server_name?: string } }>(
      "/1.0",
      signal,
    );
    return environment.server_name ?? "";
  }

  #found({ name, status, config, expanded_config: whole, expanded_devices: devices }: LxdInstance): Found {
    const image = whole["volatile.base_image"];
    const { "limits.memory": memory } = whole;
    const networks = Object.values(devices).filter(({ type }) => type === "nic");
    return {
      id: name,
      name,
      spec: {
        class: this.class,
        ...(image === undefined ? {} : { image }),
        ...(/^\d+$/.test(memory ?? "") ? { memory } : {}),
        running: status === "Running",
      },
      description: [
        `${status.toLowerCase()} container`,
        whole["image.description"] ?? "of an unknown image",
        `${networks.length} network${networks.length === 1 ? "" : "s"}`,
      ].join(", "),
      ...ownerIn(this.#home, config),
    };
  }
}

function specOf({ spec }: Desired): MachineSpec {
  return spec as MachineSpec;
}

function hadBy({ config, devices }: LxdInstance): {
  readonly config: Form["config"];
  readonly devices: Devices;
  readonly isAdopted: boolean;
} {
  return { config, devices, isAdopted: config[ADOPTED] !== undefined };
}

function isWhole({ config }: LxdInstance, { uid }: Identity): boolean {
  return config[WHOLE] === uid;
}

function nameTaken(name: string): TerminalError {
  return new TerminalError({
    code: "MachineInTheWay",
    message: `LXD has an instance '${name}' that was not made by this control plane.`,
    hint: "Remove it there, or adopt it.",
  });
}
