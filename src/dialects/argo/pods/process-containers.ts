/** The containers of one pod as processes of this machine. */
import { existsSync, readFileSync } from "node:fs";
import { chmod, cp, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Containers, LONGEST_OUTPUT, type PodAttempt, withoutLastBreak } from "./containers.ts";
import type { StandIn, Workshop } from "./executor.ts";
import { GRACE_OF_CANCEL, Lines } from "./lines.ts";
import { type Running, programOf, started } from "./processes.ts";
import { SCRIPT, Sandbox } from "./sandbox.ts";
import { variablesOf, volumeFolder } from "./surroundings.ts";
import type { Pod, PodContainer } from "./work.ts";

/** As the executor of Argo tells that there is no such program. */
const NEVER_STARTED: Running = { over: Promise.resolve(64), end: () => Promise.resolve() };

export class ProcessContainers implements Containers {
  readonly scratch: string;
  readonly #workshop: Workshop;
  readonly #attempt: PodAttempt;
  readonly #pod: Pod;
  readonly #folder: string;
  readonly #sandbox: Sandbox;
  readonly #running = new Map<string, PromiseWithResolvers<Running>>();
  readonly #folders = new Map<string, string>();
  readonly #problems = new Map<string, string>();
  readonly #abort = (): void => void this.#endAll();

  constructor(workshop: Workshop, attempt: PodAttempt, pod: Pod, folder: string) {
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
    const environment = await this.#environment(container, standIn);
    const directory = await this.#directory(container);
    const [program = "", ...rest] = words;
    const found = programOf(program, environment["PATH"] ?? "", directory);
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

  async #environment(
    { name: container, environment }: PodContainer,
    standIn: StandIn | undefined,
  ): Promise<Record<string, string>> {
    const { PATH = "", HOME = "/", LANG = "C.UTF-8" } = process.env;
    const given = await variablesOf(this.#workshop, this.#pod, environment);
    return {
      PATH: standIn?.programs === undefined ? PATH : `${standIn.programs}:${PATH}`,
      HOME,
      LANG,
      ARGO_CONTAINER_NAME: container,
      ARGO_WORKFLOW_NAME: this.#pod.workflow,
      ...Object.fromEntries(Object.entries(given).map(([name, value]) => [name, this.#sandbox.text(value)])),
    };
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

function standInOf(all: readonly StandIn[], image: string): StandIn | undefined {
  const name = image.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  return all.find((one) => one.image === name);
}
