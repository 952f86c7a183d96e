/**
 * A pod's containers by the `docker` program. A container's name is that of the try, so one that an earlier process started is
 * found again. Files go in before it starts and come out after it is over; containers of a pod share one network.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Attempt } from "../../../workflow/engine/step-type.ts";
import { type Containers, LONGEST_OUTPUT, withoutLastBreak } from "./containers.ts";
import type { Workshop } from "./executor.ts";
import { SCRIPT } from "./sandbox.ts";
import { variablesOf, volumeFolder } from "./surroundings.ts";
import type { Pod, PodContainer } from "./work.ts";

const GRACE_SECONDS = 10;

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class DockerContainers implements Containers {
  readonly scratch: string;
  readonly #workshop: Workshop;
  readonly #attempt: Attempt;
  readonly #pod: Pod;
  readonly #folder: string;
  readonly #prefix: string;
  readonly #endpoint: string | undefined;
  readonly #volumes = new Map<string, string>();
  readonly #given: { readonly from: string; readonly path: string; readonly mode: number | undefined }[] = [];
  readonly #names = new Map<string, string>();
  readonly #outputs = new Map<string, string>();
  readonly #problems = new Map<string, string>();
  readonly #running = new Map<string, PromiseWithResolvers<string>>();
  #network: string | undefined;
  #taken = 0;
  readonly #abort = (): void => {
    for (const name of this.#names.keys()) void this.end(name, GRACE_SECONDS * 1000);
  };

  constructor(workshop: Workshop, attempt: Attempt, pod: Pod, folder: string, endpoint: string | undefined) {
    this.#endpoint = endpoint;
    this.#workshop = workshop;
    this.#attempt = attempt;
    this.#pod = pod;
    this.#folder = folder;
    this.scratch = join(folder, "root", ".scratch");
    this.#prefix = `tutti-argo-${createHash("sha256").update(folder).digest("hex").slice(0, 16)}`;
  }

  async prepare(): Promise<void> {
    await mkdir(this.scratch, { recursive: true });
    const own = join(this.#folder, "root", ".volumes");
    for (const volume of this.#pod.volumes)
      this.#volumes.set(volume.name, await volumeFolder(this.#workshop, this.#pod, volume, own));
    this.#attempt.signal.addEventListener("abort", this.#abort, { once: true });
  }

  async give(from: string, path: string, mode: number | undefined): Promise<void> {
    this.#given.push({ from, path, mode });
  }

  async run(container: PodContainer, count = 0): Promise<number> {
    const { signal } = this.#attempt;
    if (signal.aborted) throw signal.reason;
    const name = `${this.#prefix}-${container.name}-${count}`;
    this.#names.set(container.name, name);
    if ((await this.#docker(["inspect", name])).code !== 0) {
      const problem = await this.#create(container, name);
      if (problem !== undefined) {
        this.#problems.set(container.name, problem);
        this.#of(container.name).resolve("");
        return 64;
      }
    }
    const isInit = this.#pod.init.includes(container);
    if (!isInit) this.#network ??= name;
    const startedAs = await this.#docker(["start", name]);
    if (startedAs.code !== 0) this.#problems.set(container.name, startedAs.stderr.trim());
    this.#of(container.name).resolve(name);
    const code = startedAs.code === 0 ? Number((await this.#docker(["wait", name])).stdout.trim()) : 64;
    const { stdout, stderr } = await this.#docker(["logs", name]);
    this.#outputs.set(container.name, stdout);
    for (const [stream, text] of Object.entries({ stdout, stderr }))
      for (const line of text.split("\n").filter((one) => one !== ""))
        this.#attempt.log(line, stream as "stdout" | "stderr");
    if (signal.aborted) throw signal.reason;
    return code;
  }

  async started(name: string): Promise<string> {
    const container = await this.#of(name).promise;
    const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
    const { stdout } = await this.#docker(["inspect", "--format", format, container]);
    return stdout.trim().split(" ")[0] || "127.0.0.1";
  }

  async end(name: string, grace: number): Promise<void> {
    const container = this.#names.get(name);
    if (container !== undefined)
      await this.#docker(["stop", "--time", String(Math.ceil(grace / 1000)), container]);
  }

  async output(name: string): Promise<string> {
    return withoutLastBreak((this.#outputs.get(name) ?? "").slice(-LONGEST_OUTPUT));
  }

  async read(path: string): Promise<string | undefined> {
    const from = await this.take(path);
    if (from === undefined || !(await stat(from)).isFile()) return undefined;
    return withoutLastBreak(await readFile(from, "utf8"));
  }

  async take(path: string): Promise<string | undefined> {
    const [main] = this.#pod.main;
    const container = this.#names.get("main") ?? this.#names.get(main?.name ?? "");
    const to = join(this.scratch, `out-${this.#taken++}`);
    await mkdir(to, { recursive: true });
    const { code } = await this.#docker(["cp", `${container ?? ""}:${path}`, to]);
    const found = join(to, basename(path));
    return code === 0 && existsSync(found) ? found : undefined;
  }

  problem(name: string): string | undefined {
    return this.#problems.get(name);
  }

  async close(): Promise<void> {
    this.#attempt.signal.removeEventListener("abort", this.#abort);
    for (const name of this.#names.values()) await this.#docker(["rm", "--force", "--volumes", name]);
  }

  #of(name: string): PromiseWithResolvers<string> {
    const there = this.#running.get(name) ?? Promise.withResolvers<string>();
    this.#running.set(name, there);
    return there;
  }

  /** What is wrong, when it cannot be made. Values of variables are in nobody's argv. */
  async #create(container: PodContainer, name: string): Promise<string | undefined> {
    const { image, command, arguments: given, directory, source, mounts } = container;
    const variables = await variablesOf(this.#workshop, this.#pod, container.environment);
    const [entrypoint, ...rest] = command ?? [];
    const options = [
      ...Object.keys(variables).flatMap((key) => ["--env", key]),
      ...(entrypoint === undefined ? [] : ["--entrypoint", entrypoint]),
      ...(directory === undefined ? [] : ["--workdir", directory]),
      ...(this.#network === undefined ? [] : ["--network", `container:${this.#network}`]),
      ...mounts.flatMap(({ volume, path, subPath }) => [
        "--volume",
        `${join(this.#volumes.get(volume) ?? join(this.scratch, volume), subPath ?? "")}:${path}`,
      ]),
    ];
    const words = [image, ...rest, ...given, ...(source === undefined ? [] : [SCRIPT])];
    const made = await this.#docker(["create", "--name", name, ...options, ...words], variables);
    if (made.code !== 0) return made.stderr.trim();
    if (source !== undefined) {
      const staged = join(this.scratch, "argo");
      await mkdir(join(staged, "staging"), { recursive: true });
      await writeFile(join(staged, "staging", "script"), source, { mode: 0o755 });
      await this.#docker(["cp", staged, `${name}:/`]);
    }
    for (const { from, path } of this.#given) await this.#copyIn(name, from, path);
    return undefined;
  }

  /** With the folders above it, which `docker cp` does not make. */
  async #copyIn(name: string, from: string, path: string): Promise<void> {
    const tree = join(this.scratch, `in-${this.#taken++}`);
    await mkdir(join(tree, dirname(path)), { recursive: true });
    await this.#docker(["cp", `${tree}/.`, `${name}:/`]);
    await this.#docker(["cp", from, `${name}:${path}`]);
  }

  #docker(words: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const { docker = "docker" } = this.#workshop;
    return new Promise((resolve) => {
      const host = this.#endpoint === undefined ? {} : { DOCKER_HOST: this.#endpoint };
      const options = { env: { ...process.env, ...host, ...variables }, maxBuffer: 64 * 1024 * 1024 };
      execFile(docker, [...words], options, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 127;
        resolve({ code, stdout, stderr: stderr === "" && error !== null ? error.message : stderr });
      });
    });
  }
}
