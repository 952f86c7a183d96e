/** Runs the containers of one pod, as processes or by docker. */
import { existsSync, readFileSync } from "node:fs";
import { chmod, cp, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import type { Attempt } from "../../../workflow/engine/step-type.ts";
import { DockerContainers } from "./docker.ts";
import type { StandIn, Workshop } from "./executor.ts";
import { GRACE_OF_CANCEL, Lines } from "./lines.ts";
import { type Running, programOf, started } from "./processes.ts";
import { SCRIPT, Sandbox } from "./sandbox.ts";
import type { Pod, PodContainer, PodVariable, PodVolume } from "./work.ts";

export interface Containers {
  /** A folder of this machine for whoever prepares files. */
  readonly scratch: string;
  prepare(): Promise<void>;
  /** Puts a file or folder of this machine to a path of the containers. */
  give(from: string, path: string, mode: number | undefined): Promise<void>;
  /** Resolves with the exit code. `count`: of the run, from 0. */
  run(container: PodContainer, count?: number): Promise<number>;
  /** Resolves with the address once it runs. */
  started(name: string): Promise<string>;
  end(name: string, grace: number): Promise<void>;
  /** What it wrote to its standard output, at most the last 256 KiB, without the last line's end. */
  output(name: string): Promise<string>;
  /** A file's text; undefined when there is none. */
  read(path: string): Promise<string | undefined>;
  /** Where a file or folder of the containers is on this machine now; undefined when there is none. */
  take(path: string): Promise<string | undefined>;
  /** Why it could not be started. */
  problem(name: string): string | undefined;
  close(): Promise<void>;
}

export function newContainers(workshop: Workshop, attempt: Attempt, pod: Pod, folder: string): Containers {
  return workshop.containers === "docker"
    ? new DockerContainers(workshop, attempt, pod, folder)
    : new ProcessContainers(workshop, attempt, pod, folder);
}

const LONGEST_OUTPUT = 256 * 1024;

export function withoutLastBreak(text: string): string {
  return text.endsWith("\n") ? text.slice(0, -1) : text;
}

/** The folder behind a volume, made when it is missing. */
export async function volumeFolder(
  workshop: Workshop,
  pod: Pod,
  volume: PodVolume,
  own: string,
): Promise<string> {
  const { folder } = workshop;
  const safe = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 24);
  const paths: Readonly<Record<PodVolume["is"], string>> = {
    host: volume.of ?? "",
    claim: join(folder, "volumes", safe(`${pod.namespace}/${pod.workflow}/${volume.of ?? ""}`)),
    shared: join(folder, "claims", safe(`${pod.namespace}/${volume.of ?? ""}`)),
    empty: join(own, volume.name),
    configMap: join(own, volume.name),
    secret: join(own, volume.name),
  };
  const path = paths[volume.is];
  if (volume.is !== "host") await mkdir(path, { recursive: true });
  if (volume.is !== "configMap" && volume.is !== "secret") return path;
  const find = volume.is === "secret" ? workshop.secret : workshop.configMap;
  const texts = await find?.(pod.namespace, volume.of ?? "");
  if (texts === undefined && volume.optional !== true)
    throw new Error(`There is no ${volume.is} '${volume.of ?? ""}' for the volume '${volume.name}'.`);
  for (const [name, text] of Object.entries(texts ?? {}))
    await writeFile(join(path, name), text, { mode: 0o600 });
  return path;
}

/** Variables with what ConfigMaps and Secrets say. */
export async function variablesOf(
  workshop: Workshop,
  { namespace }: Pod,
  variables: readonly PodVariable[],
): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const { name, value, from, of = "", key = "", optional } of variables) {
    const find = from === "secret" ? workshop.secret : workshop.configMap;
    const found = from === undefined ? value : (await find?.(namespace, of))?.[key];
    if (found !== undefined) all[name] = found;
    else if (optional !== true)
      throw new Error(
        `The variable '${name}' needs the key '${key}' of the ${from ?? ""} '${of}', which there is not.`,
      );
  }
  return all;
}

/** As the executor of Argo tells that there is no such program. */
const NEVER_STARTED: Running = { over: Promise.resolve(64), end: () => Promise.resolve() };

class ProcessContainers implements Containers {
  readonly scratch: string;
  readonly #workshop: Workshop;
  readonly #attempt: Attempt;
  readonly #pod: Pod;
  readonly #folder: string;
  readonly #sandbox: Sandbox;
  readonly #running = new Map<string, PromiseWithResolvers<Running>>();
  readonly #folders = new Map<string, string>();
  readonly #problems = new Map<string, string>();
  readonly #abort = (): void => void this.#endAll();

  constructor(workshop: Workshop, attempt: Attempt, pod: Pod, folder: string) {
    this.#workshop = workshop;
    this.#attempt = attempt;
    this.#pod = pod;
    this.#folder = folder;
    this.scratch = join(folder, "root", ".scratch");
    this.#sandbox = new Sandbox(folder);
  }

  async prepare(): Promise<void> {
    await mkdir(this.scratch, { recursive: true });
    const own = join(this.#folder, "root", ".volumes");
    const volumes = new Map(this.#pod.volumes.map((one) => [one.name, one]));
    for (const { mounts } of [...this.#pod.init, ...this.#pod.main, ...this.#pod.sidecars])
      for (const { volume: name, path, subPath } of mounts) {
        const volume = volumes.get(name) ?? { name, is: "empty" as const };
        const folder = await volumeFolder(this.#workshop, this.#pod, volume, own);
        const target = subPath === undefined ? folder : join(folder, subPath);
        await mkdir(target, { recursive: true });
        this.#sandbox.move(path, target);
      }
    const { outputs, inputs } = this.#pod;
    for (const { path } of [...outputs.parameters, ...outputs.artifacts, ...inputs])
      if (path !== undefined) this.#sandbox.declare(path);
    this.#attempt.signal.addEventListener("abort", this.#abort, { once: true });
  }

  async give(from: string, path: string, mode: number | undefined): Promise<void> {
    const to = this.#sandbox.of(path);
    await mkdir(dirname(to), { recursive: true });
    await rm(to, { recursive: true, force: true });
    await rename(from, to).catch(() => cp(from, to, { recursive: true }));
    if (mode !== undefined) await chmod(to, mode);
  }

  async run(container: PodContainer, count = 0): Promise<number> {
    const { name } = container;
    const { signal } = this.#attempt;
    if (signal.aborted) throw signal.reason;
    const folder = join(this.#folder, "containers", `${name}-${count}`);
    this.#folders.set(name, folder);
    try {
      await mkdir(folder, { recursive: true });
      const request = await this.#request(container, folder);
      const running = request === undefined ? NEVER_STARTED : started(this.#workshop.clock, request);
      if (count > 0) this.#running.delete(name);
      this.#of(name).resolve(running);
      const lines = new Lines(this.#attempt, folder);
      const code = await running.over;
      lines.close();
      if (signal.aborted) throw signal.reason;
      return code;
    } finally {
      // Whoever is to end it need not wait for it.
      this.#of(name).resolve(NEVER_STARTED);
    }
  }

  async started(name: string): Promise<string> {
    await this.#of(name).promise;
    return "127.0.0.1";
  }

  async end(name: string, grace: number): Promise<void> {
    const running = await this.#of(name).promise;
    await running.end(grace);
  }

  async output(name: string): Promise<string> {
    const path = join(this.#folders.get(name) ?? "", "stdout");
    if (!existsSync(path)) return "";
    const text = await readFile(path);
    return withoutLastBreak(text.subarray(Math.max(0, text.length - LONGEST_OUTPUT)).toString());
  }

  async read(path: string): Promise<string | undefined> {
    const from = this.#sandbox.of(path);
    const found = await stat(from).catch(() => undefined);
    return found?.isFile() === true ? withoutLastBreak(readFileSync(from, "utf8")) : undefined;
  }

  async take(path: string): Promise<string | undefined> {
    const from = this.#sandbox.of(path);
    return existsSync(from) ? from : undefined;
  }

  problem(name: string): string | undefined {
    return this.#problems.get(name);
  }

  async close(): Promise<void> {
    this.#attempt.signal.removeEventListener("abort", this.#abort);
    await this.#endAll();
  }

  #of(name: string): PromiseWithResolvers<Running> {
    const there = this.#running.get(name) ?? Promise.withResolvers<Running>();
    this.#running.set(name, there);
    return there;
  }

  async #endAll(): Promise<void> {
    await Promise.all([...this.#folders.keys()].map((name) => this.end(name, GRACE_OF_CANCEL)));
  }

  /** Undefined when there is no such program. */
  async #request(
    container: PodContainer,
    folder: string,
  ): Promise<Parameters<typeof started>[1] | undefined> {
    const standIn = standInOf(this.#workshop.standIns ?? [], container.image);
    for (const [path, file] of Object.entries(standIn?.files ?? {})) this.#sandbox.move(path, file);
    const script = await this.#script(container, folder);
    const words = [...(container.command ?? standIn?.entrypoint ?? []), ...container.arguments].map((word) =>
      this.#sandbox.text(word),
    );
    const given = await variablesOf(this.#workshop, this.#pod, container.environment);
    const path = [standIn?.programs, process.env["PATH"]].filter((one) => one !== undefined).join(":");
    const environment = {
      PATH: path,
      HOME: process.env["HOME"] ?? "/",
      LANG: process.env["LANG"] ?? "C.UTF-8",
      ARGO_CONTAINER_NAME: container.name,
      ARGO_WORKFLOW_NAME: this.#pod.workflow,
      ...Object.fromEntries(Object.entries(given).map(([name, value]) => [name, this.#sandbox.text(value)])),
    };
    const directory = await this.#directory(container);
    const [program = "", ...rest] = words;
    const found = programOf(program, environment.PATH, directory);
    if (found === undefined) {
      const why =
        program === ""
          ? `the image '${container.image}' has no stand-in that says what runs; give a command`
          : `exec: "${program}": executable file not found in $PATH`;
      this.#problems.set(container.name, why);
      return undefined;
    }
    return { folder, command: [found, ...rest, ...script], environment, directory };
  }

  async #script({ source }: PodContainer, folder: string): Promise<string[]> {
    if (source === undefined) return [];
    const path = join(folder, "script");
    await writeFile(path, this.#sandbox.text(source), { mode: 0o700 });
    this.#sandbox.move(SCRIPT, path);
    return [path];
  }

  async #directory({ directory }: PodContainer): Promise<string> {
    // The root of a container is where it begins.
    if (directory === undefined) return join(this.#folder, "root");
    const moved = this.#sandbox.of(directory);
    const isOurs = existsSync(moved) || !existsSync(directory);
    if (isOurs) await mkdir(moved, { recursive: true });
    return isOurs ? moved : directory;
  }
}

export function standInOf(all: readonly StandIn[], image: string): StandIn | undefined {
  const name = image.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  return all.find((one) => one.image === name);
}
