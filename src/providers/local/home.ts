/** Where things are within the state folder of a control plane. Everything below it belongs to the owner alone. */
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, rmdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Identity } from "../../provider/provider.ts";

/** The longest path a Unix socket may have, less one for the terminating zero (107 on Linux, 103 on darwin). */
const LONGEST_SOCKET = 103;

export class Home {
  readonly folder: string;

  /** `folder`: absolute. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes a folder below the home, readable by its owner only, and gives its path. */
  ensure(...parts: readonly string[]): string {
    const path = join(this.folder, ...parts);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  }

  /** A folder for what a resource holds, by name, so that a later declaration of the same name finds it again. */
  folderOf(
    area: "volumes" | "images" | "snapshots" | "databases" | "balancers" | "dns",
    identity: { readonly namespace: string; readonly name: string },
  ): string {
    return join(this.folder, area, identity.namespace, identity.name);
  }

  /** Removes a folder with all it holds, and those above it, below the home, that are empty then. */
  async discard(folder: string): Promise<void> {
    await rm(folder, { recursive: true, force: true });
    for (let above = dirname(folder); above.startsWith(`${this.folder}/`); above = dirname(above)) {
      try {
        rmdirSync(above);
      } catch {
        return;
      }
    }
  }

  /** A socket's path must be short: it is a digest, and outside the home when the home's own path is too long. */
  socketOf(id: string): string {
    const digest = createHash("sha256").update(`${this.folder}\n${id}`).digest("hex").slice(0, 16);
    const inside = join(this.folder, "run", `${digest}.sock`);
    if (inside.length <= LONGEST_SOCKET) {
      this.ensure("run");
      return inside;
    }
    const outside = join(tmpdir(), `tutti-${process.getuid?.() ?? "user"}`);
    mkdirSync(outside, { recursive: true, mode: 0o700 });
    chmodSync(outside, 0o700);
    return join(outside, `${digest}.sock`);
  }

  logOf(namespace: string, name: string): string {
    return join(this.ensure("instances", namespace), `${name}.log`);
  }
}

/** The identity of a process in its home: a name for people and the uid, so that a namesake is not mistaken for it. */
export function processId(identity: Identity): string {
  return `${identity.kind}/${identity.namespace}/${identity.name}/${identity.uid}`;
}

export function identityOfProcess(id: string): Identity | undefined {
  const [kind, namespace, name, uid] = id.split("/");
  return kind === undefined || namespace === undefined || name === undefined || uid === undefined
    ? undefined
    : { kind, namespace, name, uid };
}

/** What a provider of instances starts: copies of services, and what steps of workflows run. */
export function isInstance({ kind }: Pick<Identity, "kind">): boolean {
  return kind === "Instance" || kind === "Step";
}
