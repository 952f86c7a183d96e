/**
 * A pod's containers by the `docker` program. A container's name is that of the try, so one that an earlier process started is
 * found again. Files go in before it starts and come out after it is over.
 *
 *     none ──create, files──▶ created ──start──▶ running ──▶ over ──files, rm──▶ none
 *
 *  1. An engine that goes away is waited for, whatever it was asked meanwhile: it may have done it, or not, so how far the
 *     container came is looked at anew. Only a container that it took along is lost.
 *  2. One that is only created may lack its files: it is made anew.
 *
 * They share the network of the machine, as all of Tutti's containers do (docs/decisions/0003): those of a pod meet at
 * 127.0.0.1 whichever of them begins or ends first, and a port is one pod's at a time.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { TaskError } from "../../../workflow/engine/step-type.ts";
import { type Containers, LONGEST_OUTPUT, type PodAttempt, withoutLastBreak } from "./containers.ts";
import type { Workshop } from "./executor.ts";
import { SCRIPT } from "./sandbox.ts";
import { variablesOf, volumeFolder } from "./surroundings.ts";
import type { Pod, PodContainer } from "./work.ts";

const GRACE_SECONDS = 10;
/** As the executor of Argo tells that nothing was run. */
const NEVER_STARTED = 64;
/** Exit codes from here on are of signals, or of the engine. */
const KILLED = 128;
/** Between two questions to an engine that does not answer, milliseconds. */
const AGAIN_AFTER = 1000;
/** Said by the program itself when nobody answers, or no longer. */
const AWAY =
  /cannot connect to|failed to connect|error during connect|\bEOF\b|connection re(set|fused)|broken pipe/i;
/** Said of what the engine refuses. */
const ANSWERED = /error response from daemon/i;
/** "No such file" is said of the socket of an engine that is away. */
const NO_SUCH = /no such (object|container)/i;

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Followed {
  /** Lines of each. */
  readonly stdout: number;
  readonly stderr: number;
  /** False when the engine went away meanwhile. */
  readonly isWhole: boolean;
}

const NONE = { stdout: 0, stderr: 0 };

export class DockerContainers implements Containers {
  readonly scratch: string;
  readonly #workshop: Workshop;
  readonly #attempt: PodAttempt;
  readonly #pod: Pod;
  readonly #folder: string;
  readonly #prefix: string;
  readonly #endpoint: string | undefined;
  readonly #volumes = new Map<string, string>();
  readonly #given: { readonly from: string; readonly path: string; readonly mode: number | undefined }[] = [];
  /** Of each container, the newest. */
  readonly #names = new Map<string, string>();
  readonly #made = new Set<string>();
  readonly #outputs = new Map<string, string>();
  readonly #problems = new Map<string, string>();
  readonly #running = new Map<string, PromiseWithResolvers<string>>();
  #taken = 0;
  readonly #abort = (): void => {
    for (const name of this.#names.keys()) void this.end(name, GRACE_SECONDS * 1000);
  };

  constructor(
    workshop: Workshop,
    attempt: PodAttempt,
    pod: Pod,
    folder: string,
    endpoint: string | undefined,
  ) {
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
    this.#made.add(name);
    const variables = await variablesOf(this.#workshop, this.#pod, container.environment);
    const problem = await this.#begin(container, name, variables);
    this.#of(container.name).resolve(name);
    if (problem !== undefined) {
      this.#problems.set(container.name, problem);
      return NEVER_STARTED;
    }
    const following = this.#follow(container.name, name);
    const code = await this.#exitOf(name);
    const { stdout, stderr, isWhole } = await following;
    // What a short one said may be written down after its end was told; by now it is, so it is read once more. The
    // program's own last words, that the engine is gone, are no line of the container's.
    await this.#follow(container.name, name, { stdout, stderr: isWhole ? stderr : stderr - 1 });
    if (signal.aborted) throw signal.reason;
    return code;
  }

  /** An engine that goes away is waited for; a container that it took along is lost. */
  async #exitOf(name: string): Promise<number> {
    let wasAway = false;
    for (;;) {
      const { code, stdout } = await this.#docker(["wait", name]);
      const exit = Number(stdout.trim());
      if (code === 0 && !(wasAway && exit >= KILLED)) return exit;
      if (code === 0 || (wasAway && (await this.#stateOf(name)) === undefined))
        throw new TaskError("EngineLost", "The container engine went away, and its container with it.", {
          class: "InfraLost",
        });
      await this.#stateOf(name);
      wasAway = true;
    }
  }

  /** Undefined when there is none of the name. Rejects when nobody wants the pod any more and the engine is away. */
  async #stateOf(name: string): Promise<string | undefined> {
    const answer = await this.#insist(
      ["inspect", "--format", "{{.State.Status}}", name],
      ({ code, stderr }) => code === 0 || NO_SUCH.test(stderr),
    );
    if (answer.code === 0) return answer.stdout.trim();
    if (NO_SUCH.test(answer.stderr)) return undefined;
    throw this.#attempt.signal.reason;
  }

  async started(name: string): Promise<string> {
    await this.#of(name).promise;
    return "127.0.0.1";
  }

  async end(name: string, grace: number): Promise<void> {
    const container = this.#names.get(name);
    if (container !== undefined)
      await this.#insist(["stop", "--time", String(Math.ceil(grace / 1000)), container]);
  }

  async output(name: string): Promise<string> {
    return withoutLastBreak(this.#outputs.get(name) ?? "");
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
    const { code } = await this.#insist(["cp", `${container ?? ""}:${path}`, to]);
    const found = join(to, basename(path));
    return code === 0 && existsSync(found) ? found : undefined;
  }

  problem(name: string): string | undefined {
    return this.#problems.get(name);
  }

  async close(): Promise<void> {
    this.#attempt.signal.removeEventListener("abort", this.#abort);
    if (this.#made.size > 0) await this.#insist(["rm", "--force", "--volumes", ...this.#made]);
  }

  #of(name: string): PromiseWithResolvers<string> {
    const there = this.#running.get(name) ?? Promise.withResolvers<string>();
    this.#running.set(name, there);
    return there;
  }

  /** Unless it has begun by an earlier process of ours, and is perhaps over. Gives what is wrong, when it cannot begin. */
  async #begin(
    container: PodContainer,
    name: string,
    variables: Readonly<Record<string, string>>,
  ): Promise<string | undefined> {
    for (let last = ""; ;) {
      const state = await this.#stateOf(name);
      if (state !== undefined && state !== "created") return undefined;
      if (state === "created") await this.#insist(["rm", "--force", "--volumes", name]);
      try {
        await this.#create(container, name, variables);
        await this.#do(["start", name]);
        return undefined;
      } catch (error) {
        if (!(error instanceof NotDone)) throw error;
        // Not all words of the program tell a refusal from an engine that goes away: what is not is not said twice.
        if (error.isRefusal || error.lastLine === last) return error.message;
        last = error.lastLine;
      }
    }
  }

  /** Values of variables are in nobody's argv. */
  async #create(
    container: PodContainer,
    name: string,
    variables: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { image, command, arguments: given, directory, source, mounts } = container;
    const [entrypoint, ...rest] = command ?? [];
    const options = [
      ...Object.keys(variables).flatMap((key) => ["--env", key]),
      ...(entrypoint === undefined ? [] : ["--entrypoint", entrypoint]),
      ...(directory === undefined ? [] : ["--workdir", directory]),
      "--network",
      "host",
      ...mounts.flatMap(({ volume, path, subPath }) => [
        "--volume",
        `${join(this.#volumes.get(volume) ?? join(this.scratch, volume), subPath ?? "")}:${path}`,
      ]),
    ];
    const words = [image, ...rest, ...given, ...(source === undefined ? [] : [SCRIPT])];
    await this.#do(["create", "--name", name, ...options, ...words], variables);
    if (source !== undefined) {
      const staged = join(this.scratch, "argo");
      await mkdir(join(staged, "staging"), { recursive: true });
      await writeFile(join(staged, "staging", "script"), source, { mode: 0o755 });
      await this.#do(["cp", staged, `${name}:/`]);
    }
    for (const { from, path } of this.#given) await this.#copyIn(name, from, path);
  }

  /** With the folders above it, which `docker cp` does not make. */
  async #copyIn(name: string, from: string, path: string): Promise<void> {
    const tree = join(this.scratch, `in-${this.#taken++}`);
    await mkdir(join(tree, dirname(path)), { recursive: true });
    await this.#do(["cp", `${tree}/.`, `${name}:/`]).catch((error: unknown) => {
      // Where one of them is a link in the image; then it is there.
      if (!(error instanceof NotDone && error.isRefusal)) throw error;
    });
    await this.#do(["cp", from, `${name}:${path}`]);
  }

  /** Its lines as they come, but for so many that are logged already; resolves when it is over, or the engine is gone. */
  #follow(
    container: string,
    name: string,
    logged: Pick<Followed, "stdout" | "stderr"> = NONE,
  ): Promise<Followed> {
    const child = spawn(this.#program, ["logs", "--follow", name], {
      env: this.#environment({}),
      stdio: ["ignore", "pipe", "pipe"],
    });
    letGo(child);
    const { promise, resolve } = Promise.withResolvers<Followed>();
    const lines = { stdout: 0, stderr: 0 };
    child.once("close", (code) => resolve({ ...lines, isWhole: code === 0 }));
    child.once("error", () => resolve({ ...lines, isWhole: true }));
    let kept = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      kept = (kept + text).slice(-LONGEST_OUTPUT);
      this.#outputs.set(container, kept);
    });
    for (const stream of ["stdout", "stderr"] as const)
      createInterface({ input: child[stream] }).on("line", (line) => {
        if (++lines[stream] > logged[stream]) this.#attempt.log(line, stream);
      });
    return promise;
  }

  get #program(): string {
    return this.#workshop.docker ?? "docker";
  }

  #environment(variables: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
    const host = this.#endpoint === undefined ? {} : { DOCKER_HOST: this.#endpoint };
    return { ...process.env, ...host, ...variables };
  }

  /** Rejects with NotDone. */
  async #do(words: readonly string[], variables?: Readonly<Record<string, string>>): Promise<void> {
    const answer = await this.#docker(words, variables);
    if (answer.code !== 0) throw new NotDone(answer);
  }

  /** For what may be done twice: again until there is an answer, or nobody wants the pod any more. */
  async #insist(
    words: readonly string[],
    isAnswer = (answer: Answer): boolean => !isAway(answer),
  ): Promise<Answer> {
    const { signal } = this.#attempt;
    for (let count = 0; ; count++) {
      const answer = await this.#docker(words);
      if (isAnswer(answer) || signal.aborted) return answer;
      if (count === 0)
        this.#attempt.log(`The container engine is waited for: ${answer.stderr.trim()}`, "stderr");
      await this.#workshop.clock.sleep(AGAIN_AFTER, signal).catch(() => undefined);
    }
  }

  #docker(words: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return new Promise((resolve) => {
      const options = { env: this.#environment(variables), maxBuffer: 64 * 1024 * 1024 };
      const child = execFile(this.#program, [...words], options, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 127;
        resolve({ code, stdout, stderr: stderr === "" && error !== null ? error.message : stderr });
      });
      letGo(child);
    });
  }
}

class NotDone extends Error {
  /** By the engine. */
  readonly isRefusal: boolean;

  constructor({ stderr }: Answer) {
    super(stderr.trim());
    this.isRefusal = ANSWERED.test(stderr);
  }

  /** Those before may bear the time. */
  get lastLine(): string {
    return this.message.slice(this.message.lastIndexOf("\n") + 1);
  }
}

function isAway({ code, stderr }: Answer): boolean {
  return code !== 0 && AWAY.test(stderr) && !ANSWERED.test(stderr);
}

/** A control plane that stops leaves containers to the next one: it does not wait for who waits for them. */
function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdout, child.stderr]) if (stream instanceof Socket) stream.unref();
}
