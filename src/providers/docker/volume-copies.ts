/**
 * Engine volumes that begin with the content of another, as a whole or not at all.
 *
 *   (nothing) --mark--> begun --volume made, copied--> begun --mark taken away--> whole
 *
 * The mark is an empty volume beside it: a crash at any point leaves it there, and who comes next begins anew. Content
 * goes from one container to another, neither of which ever runs, as an archive: that needs no program in any image, and
 * works for engines on other machines. Podman's archives forget who owns the files: there a container of the base image
 * copies them.
 */
import type { VolumeInspectInfo } from "dockerode";
import { Readable } from "node:stream";
import { pack } from "tar-stream";
import { BaseImage } from "./base-image.ts";
import type { Engine } from "./engine.ts";
import { inWords, statusOf } from "./errors.ts";
import { Images } from "./images.ts";
import { imageId, importImage } from "./import-image.ts";
import { Shared } from "./shared.ts";

type Labels = Readonly<Record<string, string>>;

const BLANK = { repository: "tutti.dev/blank", tag: "1" };
/** Where the containers see their volume. */
const PLACE = "content";
/** Milliseconds for all of a copy. */
const WITHIN = 6 * 3_600_000;

export class VolumeCopies {
  readonly #engine: Engine;
  readonly #base: BaseImage;
  readonly #running = new Shared<void>();

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#base = new BaseImage(engine, new Images(engine));
  }

  /** Undefined when there is none, or when it is not whole. */
  async whole(name: string, signal: AbortSignal): Promise<VolumeInspectInfo | undefined> {
    const found = await this.inspect(name, signal);
    if (found === undefined || (await this.inspect(markOf(name), signal)) !== undefined) return undefined;
    return found;
  }

  async inspect(name: string, signal: AbortSignal): Promise<VolumeInspectInfo | undefined> {
    try {
      return await this.#engine.call(
        (docker, abortSignal) => docker.getVolume(name).inspect({ abortSignal }),
        {
          signal,
        },
      );
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw inWords(error);
    }
  }

  async create(name: string, labels: Labels, signal: AbortSignal): Promise<void> {
    try {
      await this.#engine.call(
        (docker, abortSignal) =>
          docker.createVolume({ Name: name, Driver: "local", Labels: { ...labels }, abortSignal }),
        { signal },
      );
    } catch (error) {
      throw inWords(error);
    }
  }

  /** Has an empty one there, marked until `complete` says that it is whole. One that is whole stays as it is. */
  async begin(name: string, labels: Labels, signal: AbortSignal): Promise<void> {
    if ((await this.whole(name, signal)) !== undefined) return;
    await this.create(markOf(name), labels, signal);
    await this.create(name, labels, signal);
  }

  complete(name: string, signal: AbortSignal): Promise<void> {
    return this.#discard(markOf(name), signal);
  }

  /** With its mark. What is not there is removed. Throws what the engine says when it is in use. */
  async remove(name: string, signal: AbortSignal): Promise<void> {
    await this.#removeContainers(name, signal);
    for (const one of [name, markOf(name)]) {
      try {
        await this.#engine.call((docker, abortSignal) => docker.getVolume(one).remove({ abortSignal }), {
          signal,
        });
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
      }
    }
  }

  /** Has a whole copy of `source` there. One that is there already stays as it is. */
  copy(source: string, name: string, labels: Labels, signal: AbortSignal): Promise<void> {
    return this.#running.run(name, signal, async (ending) => {
      if ((await this.whole(name, ending)) !== undefined) return;
      await this.create(markOf(name), labels, ending);
      await this.#removeContainers(name, ending);
      await this.#discard(name, ending);
      await this.create(name, labels, ending);
      try {
        await this.#transfer(source, name, ending);
      } finally {
        await this.#removeContainers(name, new AbortController().signal);
      }
      await this.#discard(markOf(name), ending);
    });
  }

  async #discard(name: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#engine.call((docker, abortSignal) => docker.getVolume(name).remove({ abortSignal }), {
        signal,
      });
    } catch (error) {
      if (statusOf(error) !== 404) throw inWords(error);
    }
  }

  async #transfer(source: string, name: string, signal: AbortSignal): Promise<void> {
    try {
      const isPodman = (await this.#engine.describe({ signal })).startsWith("Podman");
      await (isPodman ? this.#runCopy(source, name, signal) : this.#passArchive(source, name, signal));
    } catch (error) {
      throw inWords(error);
    }
  }

  async #passArchive(source: string, name: string, signal: AbortSignal): Promise<void> {
    await this.#ensureBlank(signal);
    await this.#hold(`${name}-from`, source, true, signal);
    await this.#hold(`${name}-to`, name, false, signal);
    await this.#engine.call(
      async (docker, abortSignal) => {
        const from = docker.getContainer(`${name}-from`);
        const archive = await from.getArchive({ path: `/${PLACE}`, abortSignal });
        await docker.getContainer(`${name}-to`).putArchive(archive, { path: "/", abortSignal });
      },
      { signal, within: WITHIN },
    );
  }

  async #runCopy(source: string, name: string, signal: AbortSignal): Promise<void> {
    const image = await this.#base.ensure(signal);
    const mounts = [
      { Type: "volume", Source: source, Target: "/source", ReadOnly: true },
      { Type: "volume", Source: name, Target: `/${PLACE}` },
    ] as const;
    const end = await this.#engine.call(
      async (docker, abortSignal) => {
        const container = await docker.createContainer({
          name: `${name}-to`,
          Image: image,
          User: "0:0",
          Cmd: ["cp", "-a", "/source/.", `/${PLACE}/`],
          Labels: { "tutti.dev/role": "copy" },
          HostConfig: { NetworkMode: "none", Mounts: [...mounts] },
        });
        await container.start({ abortSignal });
        return (await container.wait({ abortSignal })) as { readonly StatusCode: number };
      },
      { signal, within: WITHIN },
    );
    if (end.StatusCode !== 0)
      throw new Error(`The volume '${source}' could not be copied: cp ended with code ${end.StatusCode}.`);
  }

  /** A container that sees the volume and never runs. */
  async #hold(container: string, volume: string, isReadOnly: boolean, signal: AbortSignal): Promise<void> {
    await this.#engine.call(
      (docker, abortSignal) =>
        docker.createContainer({
          name: container,
          Image: `${BLANK.repository}:${BLANK.tag}`,
          Cmd: ["none"],
          Labels: { "tutti.dev/role": "copy" },
          HostConfig: {
            NetworkMode: "none",
            Mounts: [{ Type: "volume", Source: volume, Target: `/${PLACE}`, ReadOnly: isReadOnly }],
          },
          abortSignal,
        }),
      { signal },
    );
  }

  async #removeContainers(name: string, signal: AbortSignal): Promise<void> {
    for (const container of [`${name}-from`, `${name}-to`]) {
      try {
        const options: object = { force: true };
        await this.#engine.call((docker) => docker.getContainer(container).remove(options), { signal });
      } catch (error) {
        if (statusOf(error) !== 404) throw inWords(error);
      }
    }
  }

  async #ensureBlank(signal: AbortSignal): Promise<void> {
    const { repository, tag } = BLANK;
    if ((await imageId(this.#engine, `${repository}:${tag}`, signal)) !== undefined) return;
    const tar = pack();
    tar.entry({ name: PLACE, type: "directory", mode: 0o755, mtime: new Date(0) });
    tar.finalize();
    await importImage(this.#engine, { repository, tag, files: Readable.from(tar) }, signal);
  }
}

function markOf(name: string): string {
  return `${name}-begun`;
}
