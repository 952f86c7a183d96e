/**
 * Docker Swarm, one node, on a dockerd of our own: in a network namespace of its own (so that it leaves the machine's
 * bridges and packet filters alone), with its state in a folder that goes afterwards. Needs root, `dockerd`, `unshare`, `ip`.
 *
 * The image holds busybox and nothing else. Services have `--endpoint-mode dnsrr` (the kernel here has no IPVS) and
 * `--restart-delay 0s`, Swarm's best. An instance counts when its task is RUNNING, which is before it answers.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
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
    mkdirSync(join(image, "bin"), { recursive: true });
    copyFileSync(pathOf("busybox") ?? "", join(image, "bin", "busybox"));
    spawnSync("tar", ["-C", image, "-cf", join(this.#folder, "image.tar"), "."]);
    this.#docker("import", join(this.#folder, "image.tar"), IMAGE);
    this.#docker("swarm", "init", "--advertise-addr", ADDRESS, "--listen-addr", `${ADDRESS}:2377`);
  }

  #docker(...parameters: readonly string[]): void {
    const { status, stderr } = spawnSync(
      "docker",
      ["-H", `unix://${join(this.#folder, "docker.sock")}`, ...parameters],
      { encoding: "utf8" },
    );
    if (status !== 0) throw new Error(`docker ${parameters[0]}: ${stderr.trim().split("\n").at(-1)}`);
  }

  /** Milliseconds from the command until all tasks run. */
  async create(name: string, replicas: number): Promise<number> {
    const began = performance.now();
    const service = ["service", "create", "--detach", "--name", name, "--replicas", String(replicas)];
    const best = ["--endpoint-mode", "dnsrr", "--restart-delay", "0s", "--stop-grace-period", "1s"];
    this.#docker(...service, ...best, IMAGE, "/bin/busybox", "httpd", "-f", "-p", "80");
    await this.#running(name, replicas);
    return performance.now() - began;
  }

  async scale(name: string, replicas: number): Promise<number> {
    const began = performance.now();
    this.#docker("service", "scale", "--detach", `${name}=${replicas}`);
    await this.#running(name, replicas);
    return performance.now() - began;
  }

  async remove(name: string): Promise<void> {
    this.#docker("service", "rm", name);
    const deadline = performance.now() + PATIENCE;
    while (((await this.#get("/containers/json")) as readonly unknown[]).length > 0) {
      if (performance.now() > deadline) throw new Error("containers do not go");
      await pause(200);
    }
  }

  async #running(name: string, replicas: number): Promise<void> {
    const filters = encodeURIComponent(JSON.stringify({ service: [name], "desired-state": ["running"] }));
    const deadline = performance.now() + PATIENCE;
    for (;;) {
      const tasks = (await this.#get(`/tasks?filters=${filters}`)) as readonly {
        readonly Status: { readonly State: string };
      }[];
      if (tasks.filter((task) => task.Status.State === "running").length === replicas) return;
      if (performance.now() > deadline) throw new Error(`${name} does not run`);
      await pause(50);
    }
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
        this.#docker("swarm", "leave", "--force");
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
