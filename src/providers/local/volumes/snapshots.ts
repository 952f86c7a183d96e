/**
 * Where snapshots are: `snapshots/<namespace>/<name>` below the home, each a folder with what was copied and, in
 * `snapshot.json`, whose it is. It is there as a whole or not at all (whole.ts), and depends on nothing of the volume.
 */
import { existsSync, lstatSync, readFileSync, readdirSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Identity, TerminalError } from "../../../provider/provider.ts";
import type { Home } from "../home.ts";
import { makeWhole, removeWhole } from "./whole.ts";

interface Note {
  readonly uid: string;
  readonly class: string;
  readonly bytes: number;
}

export class Snapshots {
  readonly #home: Home;
  readonly #class: string;

  constructor(home: Home, className: string) {
    this.#home = home;
    this.#class = className;
  }

  /** Where what it holds is: `copy` writes it to that path. Taken once, however often it is asked. */
  async take(
    snapshot: Identity,
    copy: (content: string) => Promise<void>,
  ): Promise<{ readonly bytes: number; readonly path: string }> {
    const folder = this.#home.folderOf("snapshots", snapshot);
    const present = noteIn(folder);
    if (present !== undefined && present.uid !== snapshot.uid)
      throw new TerminalError({
        code: "SnapshotInTheWay",
        message: `${folder} holds a snapshot of the same name that is not this one.`,
        hint: "Move that folder away, or choose another name.",
      });
    await makeWhole(folder, async (partial) => {
      await mkdir(partial, { mode: 0o700 });
      await copy(join(partial, "content"));
      const note: Note = {
        uid: snapshot.uid,
        class: this.#class,
        bytes: bytesIn(join(partial, "content")),
      };
      await writeFile(join(partial, "snapshot.json"), `${JSON.stringify(note)}\n`, { mode: 0o600 });
    });
    return { bytes: noteIn(folder)?.bytes ?? 0, path: join(folder, "content") };
  }

  /** What a snapshot of that name holds. Refuses with TerminalError when it is of another class. */
  contentOf(namespace: string, name: string): string {
    const folder = this.#home.folderOf("snapshots", { namespace, name });
    const note = noteIn(folder);
    if (note === undefined)
      throw new TerminalError({
        code: "SnapshotMissing",
        path: "spec.from.snapshot",
        message: `The snapshot '${name}' is not on this machine.`,
        hint: "Name a VolumeSnapshot of a volume of this location.",
      });
    if (note.class !== this.#class)
      throw new TerminalError({
        code: "SnapshotOfAnotherClass",
        path: "spec.from.snapshot",
        message: `The snapshot '${name}' is of class ${note.class}, this volume of class ${this.#class}.`,
        hint: `Declare the volume with class ${note.class}.`,
      });
    return join(folder, "content");
  }

  async remove(snapshot: Identity): Promise<void> {
    const folder = this.#home.folderOf("snapshots", snapshot);
    const note = noteIn(folder);
    if (note !== undefined && note.uid !== snapshot.uid) return;
    await removeWhole(folder);
    await this.#home.discard(folder);
  }
}

function noteIn(folder: string): Note | undefined {
  const file = join(folder, "snapshot.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Note) : undefined;
}

/** What is really on the disk of a file or a folder: holes take nothing. */
function bytesIn(path: string): number {
  const stats = lstatSync(path);
  const own = stats.isDirectory() ? 0 : stats.blocks * 512;
  if (!stats.isDirectory()) return own;
  return readdirSync(path).reduce((sum, name) => sum + bytesIn(join(path, name)), own);
}
