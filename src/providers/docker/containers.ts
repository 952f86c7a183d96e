/**
 * Containers of one engine, by name: the few calls that everything else here is made of. Idempotent: what is there is there,
 * what is gone is gone.
 */
import type { Duplex, Readable } from "node:stream";
import type Docker from "dockerode";
import type { CallOptions, Engine } from "./engine.ts";
import { inWords, reasonOf, statusOf } from "./errors.ts";
import { frames } from "./frames.ts";
import { Lanes } from "./lanes.ts";

/** What the engine is asked for, without the name. */
export type ContainerBody = Omit<Docker.ContainerCreateOptions, "name" | "abortSignal">;
export type ContainerState = Docker.ContainerInspectInfo;
export type ListedContainer = Docker.ContainerInfo;

/** Milliseconds in which a container is made or started, on a machine that has much to do. */
const PATIENCE = 120_000;
/** Made or started at a time: the engine does most a second then, and less above (research/services.md, 4c). */
const WIDTH = 8;
/** Other calls: more than the engine answers at once, fewer than its socket lets wait. */
const CONNECTIONS = 64;
/** By their words: Podman says both with status 500. */
const NAME_TAKEN = /container name .*already in use/i;
const NOT_RUNNING = /is not running|can only kill running containers/i;
/** For a wait that somebody else ends; as long as timers go. */
const EVER = 2 ** 31 - 1;

export class Containers {
  readonly engine: Engine;
  readonly #lanes = new Lanes(WIDTH);
  readonly #calls = new Lanes(CONNECTIONS);

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Makes it unless there is one of this name. `before`: done between making and starting. */
  async run(
    name: string,
    body: ContainerBody,
    signal: AbortSignal,
    before?: () => Promise<void>,
  ): Promise<{ readonly id: string } | undefined> {
    if (before !== undefined) {
      const id = await this.create(name, body, signal);
      if (id === undefined) return undefined;
      await before();
      await this.start(name, signal);
      return { id };
    }
    // In one turn: a container that is made waits for no other to be made.
    return this.#inTurn(
      async (docker, abortSignal) => {
        const id = await this.#create(docker, name, body, abortSignal);
        if (id === undefined) return undefined;
        await docker.getContainer(id).start({ abortSignal });
        return { id };
      },
      within(signal, PATIENCE),
    );
  }

  /** The new container's id; undefined when there is one of this name. */
  create(name: string, body: ContainerBody, signal?: AbortSignal): Promise<string | undefined> {
    return this.#inTurn(
      (docker, abortSignal) => this.#create(docker, name, body, abortSignal),
      within(signal, PATIENCE),
    );
  }

  async start(name: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#inTurn(
        (docker, abortSignal) => docker.getContainer(name).start({ abortSignal }) as Promise<unknown>,
        within(signal, PATIENCE),
      );
    } catch (error) {
      if (statusOf(error) !== 304) throw error;
    }
  }

  inspect(name: string, signal?: AbortSignal): Promise<ContainerState | undefined> {
    return unlessMissing(
      this.#ask((docker, abortSignal) => docker.getContainer(name).inspect({ abortSignal }), within(signal)),
    );
  }

  /** Running or not, with all these labels. */
  list(labels: readonly string[], signal?: AbortSignal): Promise<readonly ListedContainer[]> {
    const filters = { label: [...labels] };
    return this.#ask(
      (docker, abortSignal) => docker.listContainers({ all: true, filters, abortSignal }),
      within(signal),
    );
  }

  /** False when it does not run. */
  async signal(name: string, signal: string): Promise<boolean> {
    try {
      await this.#ask(
        (docker, abortSignal) => docker.getContainer(name).kill({ signal, abortSignal }) as Promise<unknown>,
      );
      return true;
    } catch (error) {
      const isOver = statusOf(error) === 404 || NOT_RUNNING.test(reasonOf(error));
      if (isOver) return false;
      throw inWords(error);
    }
  }

  /** Resolves with its exit code when it does not run (any more), however long that takes; undefined when there is none. */
  async ended(name: string, signal: AbortSignal): Promise<number | undefined> {
    const result = await unlessMissing(
      this.engine.call(
        (docker, abortSignal) => docker.getContainer(name).wait({ abortSignal }) as Promise<unknown>,
        within(signal, EVER),
      ),
    );
    return result === undefined ? undefined : ((result as { StatusCode?: number }).StatusCode ?? 0);
  }

  /** Kills it if it runs. With the volumes that nobody gave a name. */
  async remove(name: string): Promise<void> {
    try {
      const options = { force: true, v: true };
      await this.#ask(
        (docker, abortSignal) =>
          docker.getContainer(name).remove({ ...options, abortSignal } as object) as Promise<unknown>,
        { within: PATIENCE },
      );
    } catch (error) {
      if (statusOf(error) === 404) return;
      if (statusOf(error) !== 409 || !/already in progress/.test(reasonOf(error))) throw error;
      // Somebody else removes it: who wants it gone waits for that.
      await unlessMissing(
        this.#ask(
          (docker, abortSignal) =>
            docker.getContainer(name).wait({ condition: "removed", abortSignal }) as Promise<unknown>,
        ),
      );
    }
  }

  /** The end of what it printed, without times. Empty when that cannot be had: the end itself is what matters. */
  async lastWords(name: string, lines = 20): Promise<string> {
    const query = { stdout: true, stderr: true, tail: lines };
    try {
      const bytes = await this.#ask((docker, abortSignal) =>
        docker.getContainer(name).logs({ ...query, follow: false, abortSignal }),
      );
      let text = "";
      for await (const frame of frames([bytes])) text += frame.bytes.toString("utf8");
      return text;
    } catch {
      return "";
    }
  }

  /** What it printed, as the engine frames it, each line after its time; undefined when there is no such container. */
  output(
    name: string,
    options: {
      readonly follow: boolean;
      readonly tail?: number;
      /** Milliseconds since the epoch. */
      readonly since?: number;
      readonly signal?: AbortSignal;
    },
  ): Promise<Readable | undefined> {
    const { follow, tail = "all", since = 0, signal } = options;
    const query = { stdout: true, stderr: true, timestamps: true, follow, tail, since: since / 1000 };
    return unlessMissing(
      this.#ask((docker, abortSignal) => {
        // `follow` has the answer streamed, as a long log must be in either case; the query says what is asked.
        const request: object = { follow: true, _query: query, abortSignal };
        const stream: unknown = docker.getContainer(name).logs(request);
        return stream as Promise<Readable>;
      }, within(signal)),
    );
  }

  /** Unpacks a tar archive below `path` of a container, which need not run. */
  async unpack(name: string, path: string, archive: Buffer): Promise<void> {
    await this.#ask((docker, abortSignal) =>
      docker.getContainer(name).putArchive(archive, { path, abortSignal }),
    );
  }

  /** A file or folder of a container as a tar archive; undefined when it has none. */
  archive(name: string, path: string): Promise<Readable | undefined> {
    return unlessMissing(
      this.#ask(
        (docker, abortSignal) =>
          docker
            .getContainer(name)
            .getArchive({ path, abortSignal }) as Promise<unknown> as Promise<Readable>,
      ),
    );
  }

  stats(name: string): Promise<Docker.ContainerStats | undefined> {
    const options: object = { stream: false, "one-shot": true };
    return unlessMissing(
      this.#ask((docker, abortSignal) =>
        docker.getContainer(name).stats({ ...options, abortSignal } as object),
      ),
    );
  }

  /** The command runs from now on; `stream` carries its input and output. */
  exec(
    name: string,
    command: readonly string[],
    options: { readonly tty: boolean; readonly stdin: boolean },
    signal: AbortSignal,
  ): Promise<{ readonly id: string; readonly stream: Duplex }> {
    return this.#ask(
      async (docker, abortSignal) => {
        const exec = await docker.getContainer(name).exec({
          Cmd: [...command],
          AttachStdin: options.stdin,
          AttachStdout: true,
          AttachStderr: true,
          Tty: options.tty,
          abortSignal,
        });
        const stream = await exec.start({ hijack: true, stdin: true, Tty: options.tty });
        return { id: exec.id, stream };
      },
      { signal },
    );
  }

  execState(id: string): Promise<Docker.ExecInspectInfo | undefined> {
    return unlessMissing(this.#ask((docker, abortSignal) => docker.getExec(id).inspect({ abortSignal })));
  }

  async resize(id: string, columns: number, rows: number): Promise<void> {
    await this.#ask(
      (docker, abortSignal) =>
        docker.getExec(id).resize({ h: rows, w: columns, abortSignal }) as Promise<unknown>,
    );
  }

  /** Which of these networks the engine has. */
  async networks(names: readonly string[], signal?: AbortSignal): Promise<readonly string[]> {
    if (names.length === 0) return [];
    const filters = { name: [...names] };
    const listed = await this.#ask(
      (docker, abortSignal) => docker.listNetworks({ filters, abortSignal }),
      within(signal),
    );
    const there = new Set(listed.map(({ Name }) => Name));
    return names.filter((name) => there.has(name));
  }

  async connect(network: string, name: string, aliases: readonly string[]): Promise<void> {
    const options = { Container: name, EndpointConfig: { Aliases: [...aliases] } };
    try {
      await this.#ask(
        (docker, abortSignal) =>
          docker.getNetwork(network).connect({ ...options, abortSignal } as object) as Promise<unknown>,
      );
    } catch (error) {
      // Connected before a crash.
      const isConnected = statusOf(error) === 403 && /already exists/.test(reasonOf(error));
      if (!isConnected) throw error;
    }
  }

  async hasVolume(name: string): Promise<boolean> {
    const found = await unlessMissing(
      this.#ask((docker, abortSignal) => docker.getVolume(name).inspect({ abortSignal })),
    );
    return found !== undefined;
  }

  #ask<T>(work: (docker: Docker, signal: AbortSignal) => Promise<T>, options: CallOptions = {}): Promise<T> {
    return this.#calls.run(() => this.engine.call(work, options), options.signal);
  }

  #inTurn<T>(work: (docker: Docker, signal: AbortSignal) => Promise<T>, options: CallOptions): Promise<T> {
    return this.#lanes.run(() => this.engine.call(work, options), options.signal);
  }

  async #create(
    docker: Docker,
    name: string,
    body: ContainerBody,
    abortSignal: AbortSignal,
  ): Promise<string | undefined> {
    try {
      // Not the plain form of the call: that repeats the whole body, secrets too, in the request's URL.
      const request = { _query: { name }, _body: body, abortSignal };
      return (await docker.createContainer(request as Docker.ContainerCreateOptions)).id;
    } catch (error) {
      if (NAME_TAKEN.test(reasonOf(error))) return undefined;
      throw error;
    }
  }
}

function within(signal: AbortSignal | undefined, milliseconds?: number): CallOptions {
  return {
    ...(signal === undefined ? {} : { signal }),
    ...(milliseconds === undefined ? {} : { within: milliseconds }),
  };
}

async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw inWords(error);
  }
}
