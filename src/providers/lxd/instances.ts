/** Instances of LXD as the API has them: found, changed exactly as they were read, started, stopped, removed. */
import { LxdError, type Lxd, absent } from "./client.ts";
import type { Config } from "./marks.ts";
import type { Devices } from "./machine-form.ts";

export interface LxdInstance {
  readonly name: string;
  /** Running, Stopped, Frozen, Error. */
  readonly status: string;
  readonly type: string;
  readonly location: string;
  readonly created_at: string;
  readonly last_used_at: string;
  readonly architecture: string;
  readonly config: Config;
  readonly devices: Devices;
  readonly expanded_config: Config;
  readonly expanded_devices: Devices;
  readonly profiles: readonly string[];
  readonly ephemeral: boolean;
  readonly stateful: boolean;
  readonly description: string;
}

export interface InstanceState {
  readonly status: string;
  readonly pid: number;
  readonly processes: number;
  readonly cpu: { readonly usage: number };
  readonly memory: { readonly usage: number; readonly usage_peak: number };
  readonly disk: Readonly<Record<string, { readonly usage: number }>> | null;
  readonly network: Readonly<
    Record<
      string,
      {
        readonly addresses: readonly {
          readonly family: string;
          readonly address: string;
          readonly scope: string;
        }[];
        readonly counters: Readonly<Record<string, number>>;
      }
    >
  > | null;
}

/** As it was read, with what tells that version from others. */
export interface ReadInstance {
  readonly value: LxdInstance;
  readonly tag: string;
}

/** Until LXD is told to end a machine that does not end by itself, seconds. */
const GRACE = 30;

export class Instances {
  readonly #lxd: Lxd;

  constructor(lxd: Lxd) {
    this.#lxd = lxd;
  }

  find(name: string, signal: AbortSignal): Promise<ReadInstance | undefined> {
    return this.#lxd.findWithTag<LxdInstance>(pathOf(name), signal);
  }

  all(signal: AbortSignal): Promise<readonly LxdInstance[]> {
    return this.#lxd.get("/1.0/instances", signal, { recursion: "1" });
  }

  state(name: string, signal: AbortSignal): Promise<InstanceState> {
    return this.#lxd.get(`${pathOf(name)}/state`, signal);
  }

  async create(body: object, signal: AbortSignal): Promise<void> {
    await this.#lxd.send("POST", "/1.0/instances", {
      body: { type: "container", profiles: [], ...body },
      signal,
    });
  }

  /** What was begun for it, by whoever, is over when this resolves. */
  async settled(name: string, signal: AbortSignal): Promise<void> {
    for (const { id } of await this.#lxd.underWay(pathOf(name), signal))
      await absent(this.#lxd.wait(id, signal)).catch((error: unknown) => {
        // How it ended is seen from what is there.
        if (!(error instanceof LxdError)) throw error;
      });
  }

  /** Only if it is as it was read; rejects with LxdError 412 otherwise. */
  async change(
    { value, tag }: ReadInstance,
    changed: { readonly config?: Config; readonly devices?: Devices },
    signal: AbortSignal,
  ): Promise<void> {
    const { architecture, config, devices, profiles, ephemeral, description } = value;
    await this.#lxd.send("PUT", pathOf(value.name), {
      headers: { "If-Match": tag },
      body: { architecture, config, devices, profiles, ephemeral, description, ...changed },
      signal,
    });
  }

  /** `start`, `unfreeze`. An LXD that has just come back may have started it meanwhile. */
  async enter(name: string, action: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#lxd.send("PUT", `${pathOf(name)}/state`, { body: { action, timeout: GRACE }, signal });
    } catch (error) {
      if (!(error instanceof LxdError) || (await this.state(name, signal)).status !== "Running") throw error;
    }
  }

  /** It is asked to end; with `force`, or when it does not in time, it is ended. */
  async stop(name: string, signal: AbortSignal, force = false): Promise<void> {
    const stop = (forced: boolean): Promise<unknown> =>
      this.#lxd.send("PUT", `${pathOf(name)}/state`, {
        body: { action: "stop", timeout: forced ? -1 : GRACE, force: forced },
        signal,
      });
    try {
      await stop(force);
    } catch (error) {
      if (!(error instanceof LxdError) || error.status === 404) throw error;
      const now = await this.find(name, signal);
      if (now !== undefined && now.value.status !== "Stopped" && !force) await stop(true);
    }
  }

  /** One that LXD starts meanwhile, having just come back, is stopped again. */
  async remove(name: string, signal: AbortSignal): Promise<void> {
    await this.settled(name, signal);
    const found = await this.find(name, signal);
    if (found === undefined) return;
    if (found.value.status !== "Stopped") await absent(this.stop(name, signal, true));
    try {
      await absent(this.#lxd.send("DELETE", pathOf(name), { signal }));
    } catch (error) {
      const now = error instanceof LxdError ? await this.find(name, signal) : undefined;
      if (now === undefined || now.value.status === "Stopped") throw error;
      await this.remove(name, signal);
    }
  }

  /** Runs a command to its end, and gives its code and what it printed last. */
  async run(
    name: string,
    command: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly code: number; readonly output: string }> {
    const ended = await this.#lxd.send("POST", `${pathOf(name)}/exec`, {
      body: { command, "record-output": true, interactive: false, "wait-for-websocket": false },
      signal,
    });
    const { return: code = 0, output = {} } = ended as {
      readonly return?: number;
      readonly output?: Readonly<Record<string, string>>;
    };
    const texts = await Promise.all(Object.values(output).map((path) => this.#recorded(path, signal)));
    return { code, output: texts.join("").trim() };
  }

  async #recorded(path: string, signal: AbortSignal): Promise<string> {
    const answer = await absent(this.#lxd.ask("GET", path, { signal }));
    await absent(this.#lxd.ask("DELETE", path, { signal }));
    return answer?.body.toString() ?? "";
  }

  /** What was printed on its console since its start, as far as LXD keeps it. */
  async console(name: string, signal: AbortSignal): Promise<string> {
    const answer = await absent(this.#lxd.ask("GET", `${pathOf(name)}/console`, { signal }));
    return answer?.body.toString() ?? "";
  }

  /** Undefined when there is no such file. */
  async readFile(
    name: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly content: Buffer; readonly mode: string } | undefined> {
    const answer = await absent(this.#lxd.ask("GET", `${pathOf(name)}/files`, { query: { path }, signal }));
    if (answer === undefined || answer.headers["x-lxd-type"] !== "file") return undefined;
    return { content: answer.body, mode: String(answer.headers["x-lxd-mode"] ?? "") };
  }

  async writeFile(
    name: string,
    path: string,
    content: string,
    mode: string,
    signal: AbortSignal,
  ): Promise<void> {
    const write = (target: string, type: string, permissions: string, body: Buffer): Promise<unknown> =>
      this.#lxd.ask("POST", `${pathOf(name)}/files`, {
        query: { path: target },
        headers: {
          "Content-Type": "application/octet-stream",
          "X-LXD-type": type,
          "X-LXD-mode": permissions,
          "X-LXD-uid": "0",
          "X-LXD-gid": "0",
          "X-LXD-write": "overwrite",
        },
        body,
        signal,
      });
    const steps = path.split("/").slice(1, -1);
    for (const [index] of steps.entries()) {
      const folder = `/${steps.slice(0, index + 1).join("/")}`;
      // One that is there is left as it is.
      const there = await absent(
        this.#lxd.ask("GET", `${pathOf(name)}/files`, { query: { path: folder }, signal }),
      );
      if (there === undefined) await write(folder, "directory", "0755", Buffer.alloc(0));
    }
    await write(path, "file", mode, Buffer.from(content));
  }

  async removeFile(name: string, path: string, signal: AbortSignal): Promise<void> {
    await absent(this.#lxd.ask("DELETE", `${pathOf(name)}/files`, { query: { path }, signal }));
  }
}

export function pathOf(name: string): string {
  return `/1.0/instances/${encodeURIComponent(name)}`;
}
