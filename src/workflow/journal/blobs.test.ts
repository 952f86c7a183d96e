import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Blobs } from "./blobs.ts";
import { hashOf } from "./blobs.ts";
import { openFileBlobs } from "./file-blobs.ts";
import { MemoryBlobs } from "./memory-blobs.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "workflow-blobs-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const makers: Readonly<Record<string, () => Blobs>> = {
  "in memory": () => new MemoryBlobs(),
  "in a folder": () => openFileBlobs(folder),
};

describe.each(Object.entries(makers))("blobs %s", (_name, make) => {
  it("give back each text by its hash", async () => {
    const blobs = make();
    const hash = await blobs.put("a", "ü\u0000😀");
    expect(hash).toBe(hashOf("ü\u0000😀"));
    expect(await blobs.get(hash)).toBe("ü\u0000😀");
  });

  it("take the same text many times at once", async () => {
    const blobs = make();
    const puts = Array.from({ length: 20 }, (_, index) => blobs.put(`owner${index % 3}`, "same"));
    expect(new Set(await Promise.all(puts)).size).toBe(1);
    expect(await blobs.get(hashOf("same"))).toBe("same");
  });

  it("keep a text until its last owner has released it", async () => {
    const blobs = make();
    await blobs.put("a", "shared");
    await blobs.put("b", "shared");
    await blobs.release("a");
    await blobs.release("nobody");
    expect(await blobs.get(hashOf("shared"))).toBe("shared");
    await blobs.release("b");
    await expect(blobs.get(hashOf("shared"))).rejects.toThrow(/BlobMissing/);
  });

  it("have a text after a put, whatever is released meanwhile", async () => {
    const blobs = make();
    for (let round = 0; round < 30; round++) {
      await blobs.put("old", "text");
      await Promise.all([blobs.release("old"), blobs.put("new", "text")]);
      expect(await blobs.get(hashOf("text"))).toBe("text");
      await blobs.release("new");
    }
  });

  it("refuse what is no hash", async () => {
    await expect(make().get("../../etc/passwd")).rejects.toThrow(/BlobMissing/);
  });
});

it("a blob in a folder that was tampered with is refused", async () => {
  const hash = await openFileBlobs(folder).put("a", "text");
  const [shelf = ""] = readdirSync(join(folder, "content"));
  const [name = ""] = readdirSync(join(folder, "content", shelf));
  writeFileSync(join(folder, "content", shelf, name), "else");
  await expect(openFileBlobs(folder).get(hash)).rejects.toThrow(/BlobDamaged/);
});
