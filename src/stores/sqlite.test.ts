import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../clock/clock.ts";
import { ManualClock } from "../clock/manual.ts";
import { storeConformance } from "../store/conformance.ts";
import type { Key, Store } from "../store/store.ts";
import { openSqliteStore } from "./sqlite.ts";

const cause = { actor: "user:test", action: "test" };

storeConformance(
  "the SQLite store",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "tutti-store-"));
    const clock = new ManualClock();
    const open = (): Promise<Store> => openSqliteStore({ file: join(folder, "store.db"), clock });
    const store = await open();
    return {
      store,
      reopen: open,
      advance: (milliseconds) => clock.advance(milliseconds),
      cleanup: async () => {
        await store.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
  10,
);

let folder: string;
let file: string;
let opened: Store[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tutti-store-"));
  file = join(folder, "state", "store.db");
  opened = [];
});
afterEach(async () => {
  for (const store of opened) await store.close().catch(() => undefined);
  rmSync(folder, { recursive: true, force: true });
});

async function open(options: { readonly maxBytes?: number } = {}): Promise<Store> {
  const store = await openSqliteStore({ file, clock: systemClock, ...options });
  opened.push(store);
  return store;
}

const target: Key = { kind: "Location", namespace: "", name: "here" };

function create(store: Store, name = "here", spec: unknown = {}): Promise<unknown> {
  const resource = { apiVersion: "tutti.dev/v1", kind: "Location", metadata: { name }, spec };
  return store.commit([{ type: "create", resource }], cause);
}

describe("the file", () => {
  test("and its folder are for their owner's eyes alone", async () => {
    await create(await open());
    const modes = [join(folder, "state"), file, `${file}-wal`].map((path) => statSync(path).mode & 0o777);
    expect(modes).toEqual([0o700, 0o600, 0o600]);
  });

  test("belongs to one process, which a second is told", async () => {
    const store = await open();
    await create(store);
    await expect(open()).rejects.toMatchObject({
      code: "StorageFailed",
      message: expect.stringContaining(`process ${process.pid}`),
    });
    const other = writer(file);
    expect(await lastLine(other, "stderr")).toContain(`is in use by process ${process.pid}`);
    await store.close();
    expect(existsSync(`${file}.lock`)).toBe(false);
    expect((await open()).get(target)).toBeDefined();
  });

  test("of something else, or damaged, is refused and left alone", async () => {
    const other = join(folder, "other.db");
    const database = new DatabaseSync(other);
    database.exec("CREATE TABLE t (x)");
    database.close();
    await expect(openSqliteStore({ file: other, clock: systemClock })).rejects.toThrow(
      "not a store of Tutti's",
    );
    const text = join(folder, "text.db");
    writeFileSync(text, "hello, this is not a database, however long it is going to be.".repeat(200));
    await expect(openSqliteStore({ file: text, clock: systemClock })).rejects.toThrow(
      "not a store of Tutti's",
    );
    expect(readFileSync(text, "utf8")).toMatch(/^hello/);
  });

  test("of a newer version says so", async () => {
    await (await open()).close();
    const database = new DatabaseSync(file);
    database.exec("PRAGMA user_version = 99");
    database.close();
    await expect(open()).rejects.toThrow("written by a newer Tutti (format 99");
  });

  test("with damaged content names what is damaged", async () => {
    const store = await open();
    await create(store);
    await store.close();
    const database = new DatabaseSync(file);
    database.exec("UPDATE log SET value = '{'");
    database.close();
    await expect(open()).rejects.toThrow("Location//here");
  });

  test("where none can be is refused", async () => {
    const blocked = join(folder, "a-file");
    writeFileSync(blocked, "");
    await expect(
      openSqliteStore({ file: join(blocked, "store.db"), clock: systemClock }),
    ).rejects.toMatchObject({
      code: "StorageFailed",
    });
  });
});

describe("a full disk", () => {
  test("refuses what does not fit, shows none of it, and takes more once there is space", async () => {
    const store = await open({ maxBytes: 1 << 20 });
    const text = "x".repeat(100_000);
    let [refusal, count]: [unknown, number] = [undefined, 0];
    await create(store, "here", { text });
    while (refusal === undefined && count < 50) {
      count += 1;
      const status = { text, count };
      refusal = await store
        .commit([{ type: "status", key: target, status }], cause)
        .catch((error: unknown) => error);
      if (refusal instanceof Error) break;
      refusal = undefined;
    }
    expect(refusal).toMatchObject({ code: "StorageFull" });
    expect(store.get(target)?.status).toMatchObject({ count: count - 1 });
    expect(store.revision).toBe(count);
    await store.compact({ maxAge: Infinity, maxBytes: 0 });
    await store.commit([{ type: "status", key: target, status: { text, count: "after" } }], cause);
    await store.close();
    expect((await open()).get(target)?.status).toMatchObject({ count: "after" });
  });

  test("refuses the batch that does not fit, and works out anew what was staged upon it", async () => {
    const store = await open({ maxBytes: 1 << 20 });
    const [large, again] = await Promise.allSettled([
      create(store, "large", { text: "x".repeat(2 << 20) }),
      create(store, "large", { text: "fits" }),
    ]);
    expect(large).toMatchObject({ status: "rejected", reason: { code: "StorageFull" } });
    expect(again).toMatchObject({ status: "fulfilled", value: { revision: 1 } });
    expect(store.list({ kind: "Location" }).items.map(({ spec }) => spec)).toEqual([{ text: "fits" }]);
  });
});

test("a commit larger than a message to the writer is written in parts, whole", async () => {
  const store = await open();
  const text = "é".repeat(1 << 20);
  const operations = Array.from({ length: 9 }, (_, n) => {
    const resource = {
      apiVersion: "tutti.dev/v1",
      kind: "Location",
      metadata: { name: `n${n}` },
      spec: { text },
    };
    return { type: "create" as const, resource };
  });
  await store.commit(operations, cause);
  await store.close();
  const again = await open();
  expect(again.list({ kind: "Location" }).items.map(({ spec }) => spec)).toEqual(
    operations.map(() => ({ text })),
  );
});

test("a long history of large content is read whole, in pages", async () => {
  const store = await open();
  await create(store);
  const text = "x".repeat(1 << 20);
  for (let n = 0; n < 20; n += 1)
    await store.commit([{ type: "status", key: target, status: { n, text } }], cause);
  expect(await store.history(target)).toHaveLength(21);
  expect((await store.at({ revision: 1 })).get(target)?.status).toBeUndefined();
  expect((await store.change(12))?.resource.status).toMatchObject({ n: 10 });
});

test("the write-ahead log stays bounded while much is written", async () => {
  const store = await open();
  await create(store);
  const text = "x".repeat(200_000);
  for (let n = 0; n < 400; n += 1)
    await store.commit([{ type: "status", key: target, status: { n, text } }], cause);
  expect(statSync(`${file}-wal`).size).toBeLessThan(40 << 20);
});

test("what was acknowledged is there after the process was killed at any moment", async () => {
  let expected = 0;
  for (let round = 0; round < 4; round += 1) {
    const child = writer(file);
    const gone = new Promise((resolve) => child.once("exit", resolve));
    let seen = 0;
    const enough = 40 + Math.floor(Math.random() * 400);
    for await (const line of createInterface({ input: child.stdout! })) {
      expected = Math.max(expected, Number(line));
      seen += 1;
      if (seen === enough) child.kill("SIGKILL");
    }
    await gone;
    const store = await open();
    expect(store.revision).toBeGreaterThanOrEqual(expected);
    const { items } = store.list({ kind: "Location" });
    // Each commit of the writer makes two: one without the other would be half a commit.
    expect(items).toHaveLength(store.revision);
    expect(new Set(items.map(({ metadata }) => metadata.resourceVersion)).size).toBe(store.revision);
    expect(store.revision % 2).toBe(0);
    await store.close();
  }
});

/** A process that writes to the store for ever and prints each revision once it is acknowledged. */
function writer(path: string): ChildProcess {
  const program = `
    import { systemClock } from ${JSON.stringify(new URL("../clock/clock.ts", import.meta.url).href)};
    import { openSqliteStore } from ${JSON.stringify(new URL("./sqlite.ts", import.meta.url).href)};
    const store = await openSqliteStore({ file: ${JSON.stringify(path)}, clock: systemClock });
    const create = (name) => ({ type: "create", resource: { apiVersion: "v1", kind: "Location", metadata: { name }, spec: {} } });
    let next = 0;
    const write = async () => {
      for (;;) {
        const name = process.pid + "-" + next++;
        const { revision } = await store.commit([create(name + "-a"), create(name + "-b")], { actor: "test", action: "write" });
        process.stdout.write(revision + "\\n");
      }
    };
    await Promise.all(Array.from({ length: 8 }, write));
  `;
  return spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", program],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
}

async function lastLine(child: ChildProcess, stream: "stdout" | "stderr"): Promise<string> {
  let text = "";
  child[stream]?.setEncoding("utf8").on("data", (part: string) => (text += part));
  await new Promise((resolve) => child.once("close", resolve));
  return text;
}
