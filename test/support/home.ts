/**
 * A state folder of its own with the real command line: `./tutti` in child processes, the control plane it starts in the
 * background, and everything that one starts. `destroy` ends all of it by the mark its processes carry, whatever
 * happened before.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "../../src/client/http-client.ts";
import type { Client, KindName } from "../../src/client/client.ts";
import { kindNamed } from "../../src/kinds/registry.ts";
import type { Condition, Resource } from "../../src/model/resource.ts";
import { shareTemplates } from "../../src/providers/databases/fixtures/shared-templates.ts";
import { diagnosis } from "./diagnosis.ts";
import { isAlive, processesOf } from "./processes.ts";
import { until } from "./until.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
export const PROGRAMS = join(ROOT, "test", "programs");

/** Milliseconds after which a command that has not returned is looked into. */
const LONG = 60_000;

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Milliseconds. */
  readonly took: number;
}

export interface Running {
  readonly child: ChildProcess;
  /** What it has said so far, both streams. */
  readonly said: () => string;
  readonly done: Promise<Outcome>;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** A resource with the parts that tests look into. */
export type Seen = Resource<Record<string, any>, Record<string, any> & { conditions?: Condition[] }>;

export class TestHome {
  readonly #root: string;
  readonly path: string;
  #clients: Client[] = [];
  #client: { readonly url: string; readonly client: Client } | undefined;

  constructor() {
    this.#root = mkdtempSync(join(tmpdir(), "tt-"));
    this.path = join(this.#root, "h");
    shareTemplates(this.path);
  }

  /** A folder for files of the test, gone with the home. */
  folder(name: string): string {
    const path = join(this.#root, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Writes a declaration and gives its folder. */
  declare(content: string, options: { readonly file?: string; readonly folder?: string } = {}): string {
    const folder = this.folder(options.folder ?? "system");
    const file = join(folder, options.file ?? "tutti.yaml");
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return folder;
  }

  start(args: readonly string[], options: RunOptions = {}): Running {
    const began = performance.now();
    const child = spawn(join(ROOT, "tutti"), args, {
      cwd: options.cwd ?? this.#root,
      env: { ...process.env, NO_COLOR: "1", TUTTI_HOME: this.path, ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const texts = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (texts.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (texts.stderr += text));
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
    const done = new Promise<Outcome>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) =>
        resolve({ code, signal, ...texts, took: performance.now() - began }),
      );
    });
    return { child, said: () => texts.stdout + texts.stderr, done };
  }

  /** One that has not returned for a long time says what is known: it will be the test's time that is over. */
  async tutti(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const running = this.start(args, options);
    const explaining = setTimeout(() => void this.#explain(args, running), LONG);
    return running.done.finally(() => clearTimeout(explaining));
  }

  async #explain(args: readonly string[], running: Running): Promise<void> {
    const since = `tutti ${args.join(" ")} (pid ${running.child.pid ?? "none"}) has not returned for ${LONG / 1000} s.`;
    console.error(`${since}\n--- it has said\n${running.said()}\n${await this.diagnosis()}`);
  }

  /** What is known of everything in it, as text for people. */
  diagnosis(): Promise<string> {
    return diagnosis(this.path, () => this.client());
  }

  /** Runs a command that must succeed; gives its standard output. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const outcome = await this.tutti(args, options);
    if (outcome.code !== 0)
      throw new Error(
        `tutti ${args.join(" ")} ended with ${outcome.code ?? outcome.signal}:\n${outcome.stdout}\n${outcome.stderr}`,
      );
    return outcome.stdout;
  }

  registration(): { readonly pid: number; readonly url: string } | undefined {
    try {
      return JSON.parse(readFileSync(join(this.path, "control-plane.json"), "utf8")) as never;
    } catch {
      return undefined;
    }
  }

  get token(): string {
    return readFileSync(join(this.path, "token"), "utf8").trim();
  }

  /** Of the control plane that runs now. */
  client(): Client {
    const url = this.registration()?.url;
    if (url === undefined) throw new Error(`No control plane is registered in ${this.path}.`);
    if (this.#client?.url !== url) {
      this.#client = { url, client: createClient({ url, token: this.token }) };
      this.#clients.push(this.#client.client);
    }
    return this.#client.client;
  }

  async get(address: string): Promise<Seen | undefined> {
    const [kind = "", name = ""] = address.split("/");
    return this.client().find<Seen>(kindOf(kind), name);
  }

  async list(kind: string, fieldSelector?: string): Promise<readonly Seen[]> {
    const { items } = await this.client().list<Seen>(
      kindOf(kind),
      fieldSelector === undefined ? {} : { fieldSelector },
    );
    return items;
  }

  /** Instances of a service that are not on their way out. */
  async instances(service: string): Promise<readonly Seen[]> {
    return (await this.list("Instance", `spec.service=${service}`)).filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined,
    );
  }

  async pids(service: string): Promise<readonly number[]> {
    return (await this.instances(service)).map(({ status }) => Number(status?.["identity"]?.["pid"])).sort();
  }

  /** Instances that are ready, as many as the service declares, and no other. */
  async settled(service: string, replicas: number): Promise<readonly Seen[]> {
    return until(`${replicas} ready instances of ${service}`, async () => {
      const all = await this.list("Instance", `spec.service=${service}`);
      return all.length === replicas && all.every(isReady) ? all : undefined;
    });
  }

  async url(balancer: string): Promise<string> {
    return until(`the address of ${balancer}`, async () => {
      const url: unknown = (await this.get(`LoadBalancer/${balancer}`))?.status?.["url"];
      return typeof url === "string" ? url.replace(/\/$/, "") : undefined;
    });
  }

  /** Runs a control plane as a child until it answers; for where none runs yet or any more. */
  async serve(): Promise<Running> {
    const running = this.start(["serve"]);
    const isOver = (): boolean => running.child.exitCode !== null || running.child.signalCode !== null;
    await until("a control plane", () => isOver() || this.registration()?.pid === running.child.pid, 60_000);
    if (isOver()) throw new Error(`The control plane has ended: ${running.said()}`);
    return running;
  }

  /** Kills the control plane as a power cut would, and waits until it is gone. */
  async killControlPlane(): Promise<void> {
    const pid = this.registration()?.pid;
    if (pid === undefined) return;
    kill(pid);
    await until(`the end of the control plane ${pid}`, () => !isAlive(pid));
  }

  /** Ends everything that carries this home's mark and removes the folder. */
  async destroy(): Promise<void> {
    for (const client of this.#clients) client.close();
    await until("the end of everything", () => {
      const left = processesOf(this.path).filter(({ pid }) => pid !== process.pid);
      for (const { pid } of left) kill(pid);
      return left.length === 0;
    });
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 5 });
  }
}

export function kindOf(name: string): KindName {
  const kind = kindNamed(name);
  if (kind === undefined) throw new Error(`There is no kind ${name}.`);
  return kind;
}

export function isReady(resource: Seen): boolean {
  return conditionOf(resource, "Ready")?.status === "True";
}

export function conditionOf(resource: Seen | undefined, type: string): Condition | undefined {
  return resource?.status?.conditions?.find((condition) => condition.type === type);
}

export function kill(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
