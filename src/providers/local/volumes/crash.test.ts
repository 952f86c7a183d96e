/** A control plane killed with SIGKILL while it copies: what it was making is there as a whole, or not at all. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { directoryVolumes } from "./directory.ts";
import { Shelf, snapshotNamed } from "./fixtures/volumes.ts";
import { loopVolumes } from "./loop.ts";

let shelf: Shelf;
afterEach(() => shelf.cleanup());

const FILES = 600;
/** What was copied is put on the disk, which others may keep busy. */
const PATIENCE = 120_000;

function fill(folder: string): void {
  for (let index = 0; index < FILES; index += 1)
    writeFileSync(join(folder, `file${index}`), `${index}\n`.repeat(200));
}

function isWhole(folder: string): boolean {
  const names = readdirSync(folder);
  return (
    names.length === FILES &&
    names.every((name) => {
      const text = readFileSync(join(folder, name), "utf8");
      return text === `${name.replace("file", "")}\n`.repeat(200);
    })
  );
}

/** Has a process take the snapshot, and kills it so many milliseconds after it began to copy. */
async function killedTaking(className: string, delay: number): Promise<void> {
  const program = new URL("./fixtures/taker.ts", import.meta.url).pathname;
  const args = ["--disable-warning=ExperimentalWarning", program];
  const child = spawn(process.execPath, [...args, shelf.home.folder, className, "files", "monday"], {
    stdio: "ignore",
  });
  const ended = once(child, "exit");
  const begun = join(shelf.home.folder, "snapshots/default");
  while (child.exitCode === null && !(existsSync(begun) && readdirSync(begun).length > 0))
    await new Promise((resolve) => setTimeout(resolve, 2));
  await new Promise((resolve) => setTimeout(resolve, delay));
  child.kill("SIGKILL");
  await ended;
}

describe.each([
  ["directory", directoryVolumes, {}],
  ["loop", loopVolumes, { class: "loop", size: "32Mi" }],
] as const)("a snapshot of class %s", (className, make, spec) => {
  it(
    "whose taking was killed is whole when it is there, and is finished by the next one",
    async () => {
      shelf = new Shelf(make);
      const folder = await shelf.made("files", spec);
      fill(folder);
      const final = join(shelf.home.folder, "snapshots/default/monday");
      for (let kill = 0; kill < 3; kill += 1) {
        await killedTaking(className, kill * 15);
        if (existsSync(final)) break;
        shelf.reopen();
        // Whoever uses the volume goes on, at the latest when it is ensured again.
        await shelf.made("files", spec);
        writeFileSync(join(folder, "file0"), "0\n".repeat(200));
      }
      await shelf.take("files", snapshotNamed("monday"));
      expect(readdirSync(join(shelf.home.folder, "snapshots/default"))).toEqual(["monday"]);
      const copy = await shelf.made("copy", { ...spec, from: { snapshot: "monday" } });
      expect(isWhole(copy)).toBe(true);
    },
    PATIENCE,
  );
});
