/** Volumes that are folders: copies that are whole or not there, and folders that were there before. */
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { conformanceContext, providerConformance } from "../../../provider/conformance.ts";
import { TerminalError } from "../../../provider/provider.ts";
import { directoryVolumes } from "./directory.ts";
import { Shelf, desired, snapshotNamed } from "./fixtures/volumes.ts";

let shelf: Shelf;
let own: Shelf;
beforeEach(() => {
  shelf = new Shelf(directoryVolumes);
});
afterEach(() => shelf.cleanup());

const write = (folder: string, name: string, text: string): void => writeFileSync(join(folder, name), text);
const read = (folder: string, name: string): string => readFileSync(join(folder, name), "utf8");
const refusal = async (spec: object, name = "files"): Promise<string> => {
  const error = await shelf.made(name, spec).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(TerminalError);
  return (error as TerminalError).diagnostic.code;
};

for (const [title, spec] of [
  ["directory", {}],
  ["directory that begins as a copy", { from: { volume: "source" } }],
] as const)
  providerConformance(`Volume of class ${title}`, {
    open: async () => {
      own = new Shelf(directoryVolumes);
      const source = own.home.ensure("volumes", "default", "source");
      write(source, "a", "1");
      return {
        provider: own.provider,
        reopen: () => Promise.resolve(own.reopen()),
        cleanup: () => Promise.resolve(own.cleanup()),
      };
    },
    desired: desired("files", spec),
    takeAway: async ({ identity }) => rmSync(own.home.folderOf("volumes", identity), { recursive: true }),
  });

describe("a snapshot", () => {
  it("holds what was in the volume when it was taken, with modes and links, and is taken once", async () => {
    const folder = await shelf.made("files");
    write(folder, "a", "before");
    chmodSync(join(folder, "a"), 0o640);
    symlinkSync("a", join(folder, "link"));
    linkSync(join(folder, "a"), join(folder, "twin"));
    const first = await shelf.take("files", snapshotNamed("monday"));
    write(folder, "a", "after");
    write(folder, "b", "new");
    expect(await shelf.take("files", snapshotNamed("monday"))).toEqual(first);
    const copy = await shelf.made("copy", { from: { snapshot: "monday" } });
    expect(readdirSync(copy).sort()).toEqual(["a", "link", "twin"]);
    expect(read(copy, "a")).toBe("before");
    expect(statSync(join(copy, "a")).mode & 0o777).toBe(0o640);
    expect(readlinkSync(join(copy, "link"))).toBe("a");
    expect(statSync(join(copy, "twin")).ino).toBe(statSync(join(copy, "a")).ino);
  });

  it("outlives the volume, and its files go when it goes", async () => {
    write(await shelf.made("files"), "a", "kept");
    await shelf.take("files", snapshotNamed("monday"));
    await shelf.remove("files");
    expect(read(await shelf.made("files", { from: { snapshot: "monday" } }), "a")).toBe("kept");
    for (const _again of [1, 2])
      await shelf.provider.removeSnapshot(snapshotNamed("monday"), conformanceContext);
    expect(existsSync(join(shelf.home.folder, "snapshots"))).toBe(false);
  });

  it("that another one of its name left is neither taken for it nor removed with it", async () => {
    await shelf.made("files");
    await shelf.take("files", snapshotNamed("monday", "other"));
    await expect(shelf.take("files", snapshotNamed("monday"))).rejects.toThrow(TerminalError);
    await shelf.provider.removeSnapshot(snapshotNamed("monday"), conformanceContext);
    expect(existsSync(join(shelf.home.folder, "snapshots/default/monday"))).toBe(true);
  });

  it("that a crash left half is not seen, and is taken away by the next one", async () => {
    write(await shelf.made("files"), "a", "whole");
    const half = shelf.home.ensure("snapshots", "default", ".monday.partial-dead");
    write(half, "a", "ha");
    expect(await refusal({ from: { snapshot: "monday" } }, "copy")).toBe("SnapshotMissing");
    await shelf.take("files", snapshotNamed("monday"));
    expect(readdirSync(join(shelf.home.folder, "snapshots/default"))).toEqual(["monday"]);
    expect(read(await shelf.made("copy", { from: { snapshot: "monday" } }), "a")).toBe("whole");
  });

  it("for which there is no room leaves nothing behind, and is taken when there is", async () => {
    const folder = await shelf.made("files");
    writeFileSync(join(folder, "big"), Buffer.alloc(6 * 2 ** 20, 1));
    const small = shelf.disk(join(shelf.home.folder, "snapshots"), "16M");
    writeFileSync(join(small, "filler"), Buffer.alloc(9 * 2 ** 20, 1));
    await expect(shelf.take("files", snapshotNamed("monday"))).rejects.toThrow("No space left on device");
    expect(readdirSync(join(small, "default"))).toEqual([]);
    rmSync(join(small, "filler"));
    expect((await shelf.take("files", snapshotNamed("monday"))).bytes).toBeGreaterThanOrEqual(6 * 2 ** 20);
  });
});

describe("a volume that begins as a copy of another", () => {
  it("has its files as they were then, and is one of its own from then on", async () => {
    const source = await shelf.made("source");
    mkdirSync(join(source, "deep/er"), { recursive: true });
    write(source, "deep/er/a", "1");
    const copy = await shelf.made("copy", { from: { volume: "source" } });
    write(source, "deep/er/a", "2");
    write(copy, "mine", "3");
    await shelf.made("copy", { from: { volume: "source" } });
    expect(read(copy, "deep/er/a")).toBe("1");
    expect(read(copy, "mine")).toBe("3");
    expect(existsSync(join(source, "mine"))).toBe(false);
  });

  it("is refused when there is no such folder here", async () => {
    expect(await refusal({ from: { volume: "elsewhere" } })).toBe("VolumeElsewhere");
  });
});

describe("a folder that is adopted", () => {
  const there = (): string => {
    const folder = join(shelf.folder, "srv");
    mkdirSync(folder, { recursive: true });
    write(folder, "a", "old");
    return folder;
  };

  it("becomes the volume in place: what is written is in both", async () => {
    const adopt = there();
    const folder = await shelf.made("files", { adopt });
    expect(read(folder, "a")).toBe("old");
    write(folder, "b", "new");
    expect(read(adopt, "b")).toBe("new");
    await shelf.take("files", snapshotNamed("monday"));
    expect(read(await shelf.made("copy", { from: { snapshot: "monday" } }), "b")).toBe("new");
  });

  it("stays with all its files when the volume goes, which says so", async () => {
    const adopt = there();
    const folder = await shelf.made("files", { adopt });
    expect(await shelf.remove("files", { spec: { adopt } })).toEqual([`${adopt}, which was adopted`]);
    expect(await shelf.remove("files", { spec: { adopt } })).toEqual([]);
    expect(lstatSync(folder, { throwIfNoEntry: false })).toBeUndefined();
    expect(read(adopt, "a")).toBe("old");
  });

  it("tells when somebody takes it away", async () => {
    const adopt = there();
    const spec = { adopt };
    await shelf.made("files", spec);
    const ending = new AbortController();
    const told = Promise.withResolvers<void>();
    shelf.provider.watch?.(desired("files", spec), told.resolve, {
      ...conformanceContext,
      signal: ending.signal,
    });
    rmSync(adopt, { recursive: true });
    await told.promise;
    ending.abort(new Error("over"));
    expect(await shelf.provider.observe(desired("files", spec), conformanceContext)).toBeUndefined();
  });

  it("is left when the volume of that name is declared without it", async () => {
    const adopt = there();
    await shelf.made("files", { adopt });
    const folder = await shelf.made("files");
    expect(readdirSync(folder)).toEqual([]);
    expect(read(adopt, "a")).toBe("old");
  });

  it("does not push aside files of an earlier volume", async () => {
    write(await shelf.made("files"), "a", "earlier");
    expect(await refusal({ adopt: there() })).toBe("VolumeInTheWay");
    expect(read(await shelf.made("files"), "a")).toBe("earlier");
  });

  it("is found again by its link, whatever a status says, and let go with all its files", async () => {
    const folder = there();
    const adopted = await shelf.provider.adopt?.(desired("files"), folder, conformanceContext);
    expect(adopted).toMatchObject({ ready: true, outputs: { adopted: folder } });
    const known = { ...desired("files"), status: adopted?.outputs };
    expect(await shelf.reopen().observe(desired("files"), conformanceContext)).toEqual(adopted);
    expect(await shelf.provider.ensure(known, conformanceContext)).toEqual(adopted);
    await shelf.provider.release?.(known, conformanceContext);
    await shelf.provider.release?.(known, conformanceContext);
    expect(await shelf.provider.observe(desired("files"), conformanceContext)).toBeUndefined();
    expect(read(folder, "a")).toBe("old");
  });

  it("is not there to be adopted, or is in the way of what was made", async () => {
    await expect(
      shelf.provider.adopt?.(desired("files"), join(shelf.folder, "none"), conformanceContext),
    ).rejects.toMatchObject({ diagnostic: { code: "NothingToAdopt" } });
    write(await shelf.made("made"), "a", "mine");
    const asked = { ...desired("made"), annotations: { "tutti.dev/adopt": there() } };
    expect((await shelf.provider.ensure(asked, conformanceContext)).outputs["adopted"]).toBeUndefined();
    expect(read(await shelf.made("made"), "a")).toBe("mine");
  });

  it.each([
    ["PathNotAbsolute", () => "srv"],
    ["FolderMissing", () => "/nowhere/at/all"],
    ["FolderOfTutti", () => shelf.folder],
    ["FolderOfTutti", () => shelf.home.ensure("volumes")],
  ])("is refused as %s, before anything is committed as well", async (code, adopt) => {
    expect(await refusal({ adopt: adopt() })).toBe(code);
    const prospect = { namespace: "default", name: "files", folder: "/", spec: { adopt: adopt() } };
    expect(await shelf.provider.obstacles?.(prospect, conformanceContext)).toMatchObject([
      { code, path: "spec.adopt" },
    ]);
  });
});
