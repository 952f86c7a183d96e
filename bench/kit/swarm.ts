/**
 * Docker Swarm, one node, on a dockerd of our own: in a network namespace of its own (so that it leaves the machine's
 * bridges and packet filters alone), with its state in a folder that goes afterwards. Needs root, `dockerd`, `unshare`, `ip`.
 *
 * The image holds busybox and nothing else. Services have `--endpoint-mode dnsrr` (the kernel here has no IPVS) and
 * `--restart-delay 0s`, Swarm's best. An instance counts when its task is RUNNING, which is before it answers.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pause } from "./plane.ts";

/** On the namespace's loopback: nobody else sees it. */
const ADDRESS = "10.213.0.1";
const IMAGE = "bench-busybox";
const PATIENCE = 60_000;

function pathOf(program: string): string | undefined {
  const folders = `${process.env["PATH"] ?? ""}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter);
  return folders.map((folder) => join(folder, program)).find((file) => existsSync(file));
}

/** Why there can be no Swarm here; undefined when there can. */
export function whyNoSwarm(): string | undefined {
  if (process.getuid?.() !== 0) return "a dockerd of our own needs root";
  const missing = ["dockerd", "docker", "unshare", "ip", "busybox"].filter(
    (program) => pathOf(program) === undefined,
  );
  return missing.length === 0 ? undefined : `${missing.join(", ")} not installed`;
}

interface Task {
  readonly ID: string;
  readonly Status: {
    readonly State: string;
    readonly ContainerStatus: { readonly ContainerID: string };
  };
}

export class Swarm {
  readonly #daemon: ChildProcess;
  readonly #folder: string;

  private constructor(daemon: ChildProcess, folder: string) {
    this.#daemon = daemon;
    this.#folder = folder;
  }

  /** @throws Error with the daemon's last words when it does not come up; nothing is left behind then. */
  static async start(): Promise<Swarm> {
    const folder = mkdtempSync(join(tmpdir(), "bench-swarm-"));
    const log = openSync(join(folder, "log"), "a");
    const script = `ip link set lo up && ip addr add ${ADDRESS}/32 dev lo &&
      exec dockerd --data-root "$0/data" --exec-root "$0/exec" -H "unix://$0/docker.sock" --pidfile "$0/pid" --bip 10.214.0.1/24`;
    const daemon = spawn(
      "unshare",
      ["--net", "--mount", "--propagation", "private", "sh", "-c", script, folder],
      {
        stdio: ["ignore", log, log],
        env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` },
      },
    );
    const swarm = new Swarm(daemon, folder);
    try {
      await swarm.#ready();
    } catch (error) {
      await swarm.end();
      throw error;
    }
    return swarm;
  }

  async #ready(): Promise<void> {
    const deadline = performance.now() + 20_000;
    while (!existsSync(join(this.#folder, "docker.sock"))) {
      if (this.#daemon.exitCode !== null || performance.now() > deadline)
        throw new Error("dockerd does not start");
      await pause(50);
    }
    const image = join(this.#folder, "image");
    for (const folder of ["bin", "tmp"]) mkdirSync(join(image, folder), { recursive: true });
    copyFileSync(pathOf("busybox") ?? "", join(image, "bin", "busybox"));
    symlinkSync("busybox", join(image, "bin", "sh"));
    symlinkSync("busybox", join(image, "bin", "sleep"));
    writeFileSync(join(image, "index.html"), "hello\n");
    spawnSync("tar", ["-C", image, "-cf", join(this.#folder, "image.tar"), "."]);
    this.docker("import", join(this.#folder, "image.tar"), IMAGE);
    this.docker("swarm", "init", "--advertise-addr", ADDRESS, "--listen-addr", `${ADDRESS}:2377`);
  }

  /** What it prints. @throws Error with its last line when it fails. */
  docker(...parameters: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync(
      "docker",
      ["-H", `unix://${join(this.#folder, "docker.sock")}`, ...parameters],
      { encoding: "utf8" },
    );
    if (status !== 0) throw new Error(`docker ${parameters[0]}: ${stderr.trim().split("\n").at(-1)}`);
    return stdout;
  }

  /** The program that runs beside it, with its parameters, so that it speaks to this daemon. */
  client(...parameters: readonly string[]): ChildProcess {
    return spawn("docker", ["-H", `unix://${join(this.#folder, "docker.sock")}`, ...parameters], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  /** Milliseconds from the command until all tasks run. `more`: options of `docker service create`. */
  async create(name: string, replicas: number, more: readonly string[] = []): Promise<number> {
    const began = performance.now();
    const service = ["service", "create", "--detach", "--name", name, "--replicas", String(replicas)];
    const best = ["--endpoint-mode", "dnsrr", "--restart-delay", "0s", "--stop-grace-period", "1s"];
    const program = ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/"];
    this.docker(...service, ...best, ...more, IMAGE, ...program);
    await this.#running(name, replicas);
    return performance.now() - began;
  }

  /** Milliseconds until all tasks run that are not among those of before. */
  async update(name: string, replicas: number, more: readonly string[]): Promise<number> {
    const before = new Set((await this.#tasks(name)).map(({ ID }) => ID));
    const began = performance.now();
    this.docker("service", "update", "--detach", ...more, name);
    await this.#until(
      name,
      async () => (await this.#tasks(name)).filter(({ ID }) => !before.has(ID)).length === replicas,
    );
    return performance.now() - began;
  }

  /** Milliseconds from `harm`, done to the container of one task, until another runs in its place. */
  async replaced(name: string, replicas: number, harm: (container: string) => void): Promise<number> {
    const tasks = await this.#tasks(name);
    const [first] = tasks;
    if (first === undefined) throw new Error(`${name} has no task`);
    const began = performance.now();
    harm(first.Status.ContainerStatus.ContainerID);
    await this.#until(name, async () => {
      const now = await this.#tasks(name);
      return now.length === replicas && now.every(({ ID }) => ID !== first.ID);
    });
    return performance.now() - began;
  }

  async scale(name: string, replicas: number): Promise<number> {
    const began = performance.now();
    this.docker("service", "scale", "--detach", `${name}=${replicas}`);
    await this.#running(name, replicas);
    return performance.now() - began;
  }

  async remove(name: string): Promise<void> {
    this.docker("service", "rm", name);
    const deadline = performance.now() + PATIENCE;
    const filters = encodeURIComponent(JSON.stringify({ label: [`com.docker.swarm.service.name=${name}`] }));
    while (((await this.#get(`/containers/json?filters=${filters}`)) as readonly unknown[]).length > 0) {
      if (performance.now() > deadline) throw new Error("containers do not go");
      await pause(200);
    }
  }

  #running(name: string, replicas: number): Promise<void> {
    return this.#until(name, async () => (await this.#tasks(name)).length === replicas);
  }

  async #until(name: string, isSo: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    while (!(await isSo())) {
      if (performance.now() > deadline) throw new Error(`${name} does not run`);
      await pause(50);
    }
  }

  /** Those that run and shall. */
  async #tasks(name: string): Promise<readonly Task[]> {
    const filters = encodeURIComponent(JSON.stringify({ service: [name], "desired-state": ["running"] }));
    const tasks = (await this.#get(`/tasks?filters=${filters}`)) as readonly Task[];
    return tasks.filter((task) => task.Status.State === "running");
  }

  #get(path: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: join(this.#folder, "docker.sock"), path }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.once("end", () => resolve(JSON.parse(text)));
      });
      asked.once("error", reject);
      asked.end();
    });
  }

  /** Containers, networks, daemon and folder: all of it goes. */
  async end(): Promise<void> {
    if (this.#daemon.exitCode === null && this.#daemon.signalCode === null) {
      try {
        this.docker("swarm", "leave", "--force");
      } catch {
        // It was none yet.
      }
      const exited = new Promise((resolve) => this.#daemon.once("exit", resolve));
      this.#daemon.kill("SIGTERM");
      await Promise.race([exited, pause(10_000)]);
      this.#daemon.kill("SIGKILL");
    }
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
