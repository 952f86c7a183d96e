/** Volumes with a size: real filesystems on real loop devices, full, grown, copied while they are written to, and killed. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { conformanceContext, providerConformance } from "../../../provider/conformance.ts";
import { type Observation, TerminalError } from "../../../provider/provider.ts";
import { directoryVolumes } from "./directory.ts";
import { Shelf, desired, snapshotNamed } from "./fixtures/volumes.ts";
import { whyNot } from "./image.ts";
import { loopVolumes } from "./loop.ts";
import { isMounted } from "./mounts.ts";

const MIB = 2 ** 20;
const small = { class: "loop", size: "16Mi" };

let shelf: Shelf;
beforeEach(() => {
  // Where this cannot be tested it is not tested: no silent skips.
  expect(whyNot()).toBeUndefined();
  shelf = new Shelf(loopVolumes);
});
afterEach(() => shelf.cleanup());

const write = (folder: string, name: string, content: string | Buffer): void =>
  writeFileSync(join(folder, name), content);
const read = (folder: string, name: string): string => readFileSync(join(folder, name), "utf8");
const imageOf = (name: string): string => join(shelf.home.folder, "images/default", `${name}.img`);
const capacityOf = (folder: string): number => {
  const { blocks, bsize } = statfsSync(folder);
  return blocks * bsize;
};
const refusal = async (name: string, spec: object): Promise<string> => {
  const error = await shelf.made(name, spec).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(TerminalError);
  return (error as TerminalError).diagnostic.code;
};

providerConformance("Volume of class loop", {
  open: async () => {
    const own = new Shelf(loopVolumes);
    return {
      provider: own.provider,
      reopen: () => Promise.resolve(own.reopen()),
      cleanup: () => Promise.resolve(own.cleanup()),
    };
  },
  desired: desired("files", small),
});

describe("a volume with a size", () => {
  it("begins empty, and is full when it is full, without harm to what is in it", async () => {
    const folder = await shelf.made("files", small);
    expect(readdirSync(folder)).toEqual([]);
    write(folder, "kept", "safe");
    expect(() => write(folder, "big", Buffer.alloc(17 * MIB, 1))).toThrow("ENOSPC");
    expect(read(folder, "kept")).toBe("safe");
    rmSync(join(folder, "big"));
    write(folder, "next", "there is room again");
  });

  it("needs a size, and one that a filesystem fits in", async () => {
    expect(await refusal("files", { class: "loop" })).toBe("SizeNeeded");
    expect(await refusal("files", { class: "loop", size: "1Mi" })).toBe("SizeNeeded");
    expect(existsSync(imageOf("files"))).toBe(false);
  });

  it("is there again after the machine was restarted", async () => {
    const folder = await shelf.made("files", small);
    write(folder, "a", "kept");
    execFileSync("umount", [folder]);
    const provider = shelf.reopen();
    expect(await provider.observe(desired("files", small), conformanceContext)).toMatchObject({
      ready: false,
    });
    expect(read(await shelf.made("files", small), "a")).toBe("kept");
  });

  it("grows with what is in it", async () => {
    const folder = await shelf.made("files", small);
    write(folder, "a", "kept");
    const before = capacityOf(folder);
    expect(await shelf.made("files", { class: "loop", size: "48Mi" })).toBe(folder);
    expect(capacityOf(folder)).toBeGreaterThan(before + 24 * MIB);
    write(folder, "big", Buffer.alloc(24 * MIB, 1));
    expect(read(folder, "a")).toBe("kept");
  });

  it("that was about to grow when it crashed grows afterwards", async () => {
    const folder = await shelf.made("files", small);
    execFileSync("truncate", ["-s", "48M", imageOf("files")]);
    shelf.reopen();
    await shelf.made("files", { class: "loop", size: "48Mi" });
    expect(capacityOf(folder)).toBeGreaterThan(32 * MIB);
  });

  it("grows while somebody uses it, or says what it waits for and grows then", async () => {
    const folder = await shelf.made("files", small);
    write(folder, "a", "kept");
    const used = openSync(join(folder, "a"), "r");
    const wanted = desired("files", { class: "loop", size: "48Mi" });
    const { message, ready, outputs } = await shelf.provider.ensure(wanted, conformanceContext);
    expect(ready).toBe(true);
    closeSync(used);
    if (message !== undefined) {
      expect(message).toContain("It grows when nobody uses it for a moment");
      expect(outputs["capacity"]).toBe(48 * MIB);
      await shelf.provider.ensure(wanted, conformanceContext);
    }
    expect(capacityOf(folder)).toBeGreaterThan(32 * MIB);
    expect(read(folder, "a")).toBe("kept");
  });

  it("does not shrink, and says so", async () => {
    await shelf.made("files", { class: "loop", size: "32Mi" });
    expect(await refusal("files", small)).toBe("VolumeCannotShrink");
    expect(statSync(imageOf("files")).size).toBe(32 * MIB);
  });

  it("is not taken away under who uses it", async () => {
    const folder = await shelf.made("files", small);
    write(folder, "a", "kept");
    const used = openSync(join(folder, "a"), "r");
    await expect(shelf.remove("files")).rejects.toThrow("busy");
    expect(read(folder, "a")).toBe("kept");
    closeSync(used);
    expect(await shelf.remove("files")).toEqual([]);
    expect(readdirSync(shelf.home.folder)).toEqual([]);
  });

  it("that is retained is found again by its name", async () => {
    write(await shelf.made("files", small), "a", "kept");
    expect(await shelf.remove("files", { keepData: true })).toEqual([imageOf("files")]);
    expect(read(await shelf.made("files", small), "a")).toBe("kept");
  });

  it("is seen by volumes of class directory that begin as its copy", async () => {
    write(await shelf.made("files", small), "a", "1");
    const wanted = desired("copy", { from: { volume: "files" } });
    const { outputs } = await directoryVolumes(shelf.home).ensure(wanted, conformanceContext);
    expect(read(String(outputs["path"]), "a")).toBe("1");
    execFileSync("umount", [join(shelf.home.folder, "volumes/default/files")]);
    const late = desired("late", { from: { volume: "files" } });
    await expect(directoryVolumes(shelf.home).ensure(late, conformanceContext)).rejects.toThrow(
      "not mounted",
    );
  });
});

describe("a snapshot of a volume with a size", () => {
  let writer: ChildProcess | undefined;
  afterEach(() => void writer?.kill("SIGKILL"));

  /** Writes `1`, then `2`, ... each into a new file, in their order. */
  const writing = async (folder: string): Promise<void> => {
    const script = 'i=0; while :; do i=$((i+1)); echo $i > "$0/$((i % 500))"; done';
    writer = spawn("/bin/sh", ["-c", script, folder], { stdio: "ignore" });
    while (readdirSync(folder).length < 50) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  it("is of one moment although somebody writes, who goes on afterwards", async () => {
    const folder = await shelf.made("files", small);
    await writing(folder);
    const { bytes, path } = await shelf.take("files", snapshotNamed("monday"));
    expect(bytes).toBeLessThan(16 * MIB);
    execFileSync("e2fsck", ["-f", "-n", path ?? ""], { stdio: "ignore" });
    const copy = await shelf.made("copy", { ...small, from: { snapshot: "monday" } });
    const numbers = readdirSync(copy)
      .map((name) => Number(read(copy, name)))
      // One may have been emptied and not written to yet.
      .filter((number) => number > 0)
      .sort((a, b) => b - a);
    expect(numbers.length).toBeGreaterThan(40);
    expect(numbers).toEqual(numbers.map((_number, index) => (numbers[0] ?? 0) - index));
    const before = numbers[0] ?? 0;
    const latest = (): number => Math.max(...readdirSync(folder).map((name) => Number(read(folder, name))));
    while (latest() <= before + 10) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it("makes volumes of its size or larger, and none that is smaller", async () => {
    write(await shelf.made("files", small), "a", "1");
    await shelf.take("files", snapshotNamed("monday"));
    await shelf.remove("files");
    const larger = await shelf.made("larger", { class: "loop", size: "48Mi", from: { snapshot: "monday" } });
    expect(read(larger, "a")).toBe("1");
    expect(capacityOf(larger)).toBeGreaterThan(32 * MIB);
    const smaller = { class: "loop", size: "8Mi", from: { snapshot: "monday" } };
    expect(await refusal("smaller", smaller)).toBe("VolumeCannotShrink");
    expect(existsSync(imageOf("smaller"))).toBe(false);
  });

  it("is no beginning for volumes of another class, nor another's for it", async () => {
    const plain = directoryVolumes(shelf.home);
    await shelf.made("files", small);
    await shelf.take("files", snapshotNamed("monday"));
    const wanted = desired("copy", { from: { snapshot: "monday" } });
    await expect(plain.ensure(wanted, conformanceContext)).rejects.toThrow("is of class loop");
    await plain.ensure(desired("plain"), conformanceContext);
    expect(await refusal("other", { ...small, from: { volume: "plain" } })).toBe("VolumeOfAnotherClass");
  });

  it("for which there is no room leaves nothing behind, and nobody waiting", async () => {
    const folder = await shelf.made("files", small);
    write(folder, "big", Buffer.alloc(8 * MIB, 1));
    const disk = shelf.disk(join(shelf.home.folder, "snapshots"), "8M");
    await expect(shelf.take("files", snapshotNamed("monday"))).rejects.toThrow("No space left on device");
    expect(readdirSync(join(disk, "default"))).toEqual([]);
    write(folder, "a", "writers go on");
  });

  it("that was killed with everything else leaves writers waiting only until the next control plane", async () => {
    const folder = await shelf.made("files", small);
    execFileSync("fsfreeze", ["--freeze", folder]);
    writer = spawn("/bin/sh", ["-c", 'echo late > "$0/a"', folder], { stdio: "ignore" });
    const done = new Promise((resolve) => writer?.once("exit", resolve));
    shelf.reopen();
    await shelf.made("files", small);
    await done;
    expect(read(folder, "a")).toBe("late\n");
    expect(isMounted(folder)).toBe(true);
  });
});

describe("a volume that begins as a copy of another with a size", () => {
  it("has its files as they were at one moment", async () => {
    const source = await shelf.made("source", small);
    write(source, "a", "1");
    const copy = await shelf.made("copy", { ...small, size: "32Mi", from: { volume: "source" } });
    write(source, "a", "2");
    expect(read(copy, "a")).toBe("1");
  });

  it("for which there is no room is not there at all", async () => {
    const disk = shelf.disk(join(shelf.home.folder, "images"), "40M");
    const folder = await shelf.made("source", small);
    write(folder, "big", Buffer.alloc(10 * MIB, 1));
    execFileSync("sync", ["-f", folder]);
    write(disk, "filler", Buffer.alloc(20 * MIB, 1));
    const wanted = { ...small, from: { volume: "source" } };
    await expect(shelf.made("copy", wanted)).rejects.toThrow("No space left on device");
    expect(readdirSync(join(disk, "default"))).toEqual(["source.img"]);
    rmSync(join(disk, "filler"));
    expect(readdirSync(await shelf.made("copy", wanted))).toEqual(["big"]);
  });
});

describe("a file with a filesystem that is adopted", () => {
  const filesystem = (name: string, type = "ext4"): string => {
    const file = join(shelf.folder, name);
    execFileSync("truncate", ["-s", "16M", file]);
    execFileSync(`mkfs.${type}`, ["-q", "-F", file]);
    return file;
  };
  const adopt = (name: string, file: string): Promise<Observation> =>
    shelf.provider.adopt!(desired(name, small), file, conformanceContext);

  it("becomes the volume with all its files, is found again, and has them when it is let go", async () => {
    const file = filesystem("theirs.img");
    const adopted = await adopt("files", file);
    expect(adopted).toMatchObject({ ready: true, outputs: { adopted: file, capacity: 16 * MIB } });
    const folder = String(adopted.outputs["path"]);
    write(folder, "a", "written");
    expect(await shelf.reopen().ensure(desired("files", small), conformanceContext)).toEqual(adopted);
    await shelf.provider.release!(desired("files", small), conformanceContext);
    await shelf.provider.release!(desired("files", small), conformanceContext);
    expect([isMounted(folder), existsSync(folder), existsSync(file)]).toEqual([false, false, true]);
    expect(read(String((await adopt("again", file)).outputs["path"]), "a")).toBe("written");
    expect(await shelf.remove("again")).toEqual([`${file}, which was adopted`]);
    expect(await shelf.remove("again")).toEqual([]);
    expect(existsSync(file)).toBe(true);
  });

  it("is refused when it is none, when it is not there, and while it is mounted elsewhere", async () => {
    const code = (work: Promise<unknown>): Promise<unknown> =>
      work.then(
        () => "adopted",
        (error: unknown) => (error instanceof TerminalError ? error.diagnostic.code : String(error)),
      );
    write(shelf.folder, "text", "no filesystem");
    expect(await code(adopt("a", join(shelf.folder, "text")))).toBe("NotAFilesystem");
    expect(await code(adopt("a", join(shelf.folder, "nowhere")))).toBe("NothingToAdopt");
    expect(await code(adopt("a", "theirs.img"))).toBe("NothingToAdopt");
    const file = filesystem("shared.img");
    await adopt("first", file);
    expect(await code(adopt("second", file))).toMatch(/is mounted already/);
    expect(await code(adopt("first", filesystem("other.img")))).toBe("VolumeInTheWay");
  });

  it("is not made anew when it is gone", async () => {
    const file = filesystem("gone.img");
    await adopt("files", file);
    await shelf.remove("files");
    await adopt("files", file);
    await shelf.provider.release!(desired("files", small), conformanceContext);
    rmSync(file);
    const known = { ...desired("files", small), status: { adopted: file } };
    await expect(shelf.provider.ensure(known, conformanceContext)).rejects.toMatchObject({
      diagnostic: { code: "NothingToAdopt" },
    });
  });
});
