/** A fresh control plane with a state folder of its own, and what the scripts ask of it through its API. */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StateFolder } from "../../src/app/home.ts";
import { MEMORY } from "../../src/app/background.ts";
import { type Client, type KindName, createClient } from "../../src/client/index.ts";
import type { Draft, Resource } from "../../src/model/resource.ts";

const tutti = (kind: string, plural: string): KindName => ({
  kind,
  plural,
  group: "tutti.dev",
  version: "v1",
  namespaced: true,
});
export const SERVICE = tutti("Service", "services");
export const INSTANCE = tutti("Instance", "instances");
export const BALANCER = tutti("LoadBalancer", "loadbalancers");

const COMPILED = join(import.meta.dirname, "../../node_modules/.cache/tutti/compiled");

interface Status {
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly message: string;
  }[];
  readonly readyReplicas?: number;
  readonly observedGeneration?: number;
  readonly url?: string;
}
export type Instance = Resource<
  { readonly ports: Readonly<Record<string, number>>; readonly template: string },
  {
    readonly startedAt?: number;
    readonly readyAt?: number;
    readonly identity?: { readonly pid?: number };
  }
>;

export class Plane {
  readonly client: Client;
  readonly folder: StateFolder;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, folder: StateFolder, client: Client) {
    this.#child = child;
    this.folder = folder;
    this.client = client;
  }

  /** With TUTTI_PROFILE=<folder>, a CPU profile of the control plane is left there. */
  static async start(): Promise<Plane> {
    const path = mkdtempSync(join(tmpdir(), "bench-tutti-"));
    const profile = process.env["TUTTI_PROFILE"];
    const child = fork(join(import.meta.dirname, "serving.ts"), [path], {
      execArgv: [
        ...MEMORY,
        "--disable-warning=ExperimentalWarning",
        ...(profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`]),
      ],
      // As ./tutti starts it: with compiled sources kept.
      env: { NODE_COMPILE_CACHE: COMPILED, ...process.env },
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    await new Promise((resolve, reject) => {
      child.once("message", resolve);
      child.once("exit", () => reject(new Error("The control plane ended while starting.")));
    });
    const folder = new StateFolder(path);
    const url = folder.registration()?.url ?? "";
    return new Plane(child, folder, createClient({ url, token: folder.token() }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resident megabytes (of 10^6 bytes). */
  resident(): number {
    return residentMegabytes(this.pid);
  }

  async create(draft: Draft): Promise<void> {
    await this.client.create(draft.kind === "Service" ? SERVICE : BALANCER, draft);
  }

  /** Resolves when all declared instances are ready, with the service. Asks so seldom that asking costs next to nothing. */
  async allReady(name: string, every = 4, timeout = 60_000): Promise<Resource> {
    const deadline = performance.now() + timeout;
    for (;;) {
      const service = await this.client.get(SERVICE, name);
      const status = (service.status ?? {}) as Status;
      const ready = status.conditions?.find((condition) => condition.type === "Ready");
      if (ready?.status === "True" && status.observedGeneration === service.metadata.generation)
        return service;
      if (performance.now() > deadline)
        throw new Error(`Service ${name} is not ready: ${ready?.message ?? ""}`);
      await pause(every);
    }
  }

  /** A balancer before one service; resolves with its address when it has one. */
  async balance(name: string, service: string): Promise<URL> {
    await this.create(balancer(name, service));
    for (;;) {
      const { url } = ((await this.client.get(BALANCER, name)).status ?? {}) as Status;
      if (url !== undefined) return new URL(url);
      await pause(10);
    }
  }

  async instances(service: string): Promise<readonly Instance[]> {
    const { items } = await this.client.list<Instance>(INSTANCE, {
      namespace: "default",
      labelSelector: `tutti.dev/service=${service}`,
    });
    return items;
  }

  /** Removes a service with its instances. */
  async remove(name: string, balancerName?: string): Promise<void> {
    if (balancerName !== undefined) await this.client.remove(BALANCER, balancerName);
    await this.client.remove(SERVICE, name);
    while ((await this.client.find(SERVICE, name)) !== undefined) await pause(10);
    while (balancerName !== undefined && (await this.client.find(BALANCER, balancerName)) !== undefined)
      await pause(10);
  }

  /** Removes everything it runs, then stops it and deletes its state. */
  async end(): Promise<void> {
    for (const kind of [BALANCER, SERVICE])
      for (const { metadata } of (await this.client.list(kind)).items)
        await this.client.remove(kind, metadata.name, { namespace: metadata.namespace ?? "default" });
    for (const kind of [BALANCER, SERVICE, INSTANCE])
      while ((await this.client.list(kind)).items.length > 0) await pause(20);
    this.client.close();
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    await exited;
    rmSync(this.folder.path, { recursive: true, force: true });
  }
}

export function service(
  name: string,
  command: string | readonly string[],
  replicas: number,
  more: object = {},
): Draft {
  return {
    apiVersion: "tutti.dev/v1",
    kind: "Service",
    metadata: { name, namespace: "default" },
    spec: { command, replicas, ports: [{ name: "http" }], ...more },
  };
}

function balancer(name: string, target: string): Draft {
  return {
    apiVersion: "tutti.dev/v1",
    kind: "LoadBalancer",
    metadata: { name, namespace: "default" },
    spec: { routes: [{ service: target }] },
  };
}

export function residentMegabytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return (Number(match?.[1] ?? 0) * 1024) / 1e6;
}

export function pause(delay: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delay));
}
