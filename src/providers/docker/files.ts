/**
 * Files that an instance is given, secrets among them: written into the memory of the engine's host (/dev/shm, a tmpfs),
 * each seen by the instance at its place, read-only. They are on no disk, in no image and no layer, and nothing that the
 * engine tells about a container shows what is in them.
 *
 *   helper (made, never started; sees /dev/shm) ──archive──▶ /dev/shm/tutti-<home>/<instance>/0, 1, ... ──bind──▶ instance
 *
 *  F1 The engine writes them, by unpacking an archive in a container that never runs: so it is the same for engines near and
 *     far, needs no program in the image, and owner and mode are as declared whoever the control plane runs as.
 *  F2 Folders on the way are open to root only: other users of the host cannot reach what instances may read.
 *  F3 What is there of an instance has a name that follows from its identity; it goes with the instance.
 */
import { rm, rmdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { extract, pack } from "tar-stream";
import type { Keyring } from "../../model/sealed.ts";
import { type Identity, type InstanceSpec, TerminalError } from "../../provider/provider.ts";
import type { Mount } from "./container-spec.ts";
import type { Containers, ListedContainer } from "./containers.ts";
import { containerName, digestOf, labelsOf } from "./identity.ts";

const MEMORY = "/dev/shm";
/** Where the helper sees it. */
const SEEN = "/tutti-memory";

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export class Files {
  readonly #containers: Containers;
  readonly #home: string;

  constructor(containers: Containers, home: string) {
    this.#containers = containers;
    this.#home = home;
  }

  /** Writes what the instance declares, and says where it is to be seen. */
  async write(
    identity: Identity,
    spec: InstanceSpec,
    image: string,
    keyring: Keyring,
    signal: AbortSignal,
  ): Promise<readonly Mount[]> {
    const { files = [], user } = spec.run;
    if (files.length === 0) return [];
    await this.#withHelper(identity, spec, image, signal, async (helper) => {
      const owner = await this.#owner(helper, user);
      const entries = files.map(({ content, mode }) => ({
        content: keyring.openAll(content),
        mode: Number.parseInt(mode, 8),
      }));
      await this.#containers.unpack(
        helper,
        SEEN,
        await archive([this.#top, this.#folder(identity)], entries, owner),
      );
    });
    return files.map(({ path }, index) => ({
      type: "bind",
      source: `${MEMORY}/${this.#top}/${this.#folder(identity)}/${index}`,
      target: path,
      readOnly: true,
    }));
  }

  /** Idempotent. `image`: any that the engine has. */
  async remove(identity: Identity, image: string | undefined): Promise<void> {
    if (this.#containers.engine.isLocal) {
      try {
        await rm(join(MEMORY, this.#top, this.#folder(identity)), { recursive: true, force: true });
        return;
      } catch {
        // They are root's, and we are not: the engine does it.
      }
    }
    if (image === undefined) return;
    // The engine has no call to remove a file. Unpacked over a folder, an empty file takes its place.
    await this.#withHelper(identity, { service: "", template: "" }, image, undefined, async (helper) => {
      const tar = pack();
      tar.entry({ name: `${this.#top}/${this.#folder(identity)}`, mode: 0o400 }, "");
      tar.finalize();
      await this.#containers.unpack(helper, SEEN, await buffer(tar));
    });
  }

  /** Whether a container sees any. */
  isSeenBy({ Mounts }: Pick<ListedContainer, "Mounts">): boolean {
    return Mounts.some(({ Source }) => Source.startsWith(`${MEMORY}/${this.#top}/`));
  }

  /** The folder of all of them, if nothing is in it any more. */
  async tidy(): Promise<void> {
    if (this.#containers.engine.isLocal) await rmdir(join(MEMORY, this.#top)).catch(() => {});
  }

  get #top(): string {
    return `tutti-${digestOf(this.#home)}`;
  }

  #folder(identity: Identity): string {
    return digestOf(identity.namespace, identity.name, identity.uid);
  }

  async #withHelper(
    identity: Identity,
    { service, template }: Pick<InstanceSpec, "service" | "template">,
    image: string,
    signal: AbortSignal | undefined,
    task: (name: string) => Promise<void>,
  ): Promise<void> {
    const name = containerName(this.#home, identity, "files");
    const body = {
      Image: image,
      Entrypoint: ["never-started"],
      Labels: labelsOf(this.#home, identity, { service, template, role: "files" }),
      HostConfig: { NetworkMode: "none", Binds: [`${MEMORY}:${SEEN}`] },
    };
    try {
      await this.#containers.create(name, body, signal);
      await task(name);
    } finally {
      await this.#containers.remove(name);
    }
  }

  /** Who the program runs as, by number: as declared, or as the image says. */
  async #owner(helper: string, declared: string | undefined): Promise<Owner> {
    const user = declared ?? (await this.#containers.inspect(helper))?.Config.User ?? "";
    const [name = "", group = ""] = user.split(":");
    const known = ownerOf(name);
    const { uid, gid } = known ?? (await this.#lookUp(helper, name));
    return { uid, gid: numberOf(group) ?? gid };
  }

  async #lookUp(helper: string, name: string): Promise<Owner> {
    const line = (await this.#passwd(helper)).find(([entry]) => entry === name);
    if (line !== undefined) return { uid: Number(line[2]), gid: Number(line[3]) };
    throw new TerminalError({
      code: "UnknownUser",
      path: "spec.user",
      message: `The image knows no user '${name}'.`,
      hint: "Name one that is in its /etc/passwd, or give numbers.",
    });
  }

  async #passwd(helper: string): Promise<readonly (readonly string[])[]> {
    const stream = await this.#containers.archive(helper, "/etc/passwd");
    if (stream === undefined) return [];
    const tar = extract();
    stream.pipe(tar);
    let text = "";
    for await (const entry of tar) {
      if (basename(entry.header.name) === "passwd") text = (await buffer(entry)).toString("utf8");
      else entry.resume();
    }
    return text.split("\n").map((line) => line.split(":"));
  }
}

/** Of those that need no looking up. */
function ownerOf(name: string): Owner | undefined {
  if (name === "" || name === "root") return { uid: 0, gid: 0 };
  const uid = numberOf(name);
  return uid === undefined ? undefined : { uid, gid: 0 };
}

function numberOf(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

async function archive(
  folders: readonly string[],
  entries: readonly { readonly content: string; readonly mode: number }[],
  owner: Owner,
): Promise<Buffer> {
  const tar = pack();
  let path = "";
  for (const folder of folders) {
    path += `${folder}/`;
    tar.entry({ name: path, type: "directory", mode: 0o700 }); // F2
  }
  for (const [index, { content, mode }] of entries.entries())
    tar.entry({ name: `${path}${index}`, mode, ...owner }, content);
  tar.finalize();
  return buffer(tar);
}
