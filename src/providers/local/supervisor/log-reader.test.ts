import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { appendNote, indexName, readNotes, recoverRotation, removeLog, rotateLog } from "./log-files.ts";
import { type LogLine, type ReadLogOptions, readLog } from "./log-reader.ts";
import { LogWatch } from "./log-watch.ts";

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tutti-log-"));
  file = join(folder, "log");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function lines(options: ReadLogOptions = {}): Promise<string[]> {
  return (await Array.fromAsync(readLog(file, options))).map((line) => line.text);
}

/** Follows in the background and gathers what comes. */
function follow(options: ReadLogOptions = {}): {
  readonly texts: string[];
  readonly end: () => Promise<void>;
} {
  const abort = new AbortController();
  const texts: string[] = [];
  const done = (async () => {
    for await (const line of readLog(file, { ...options, follow: true, signal: abort.signal }))
      texts.push(line.text);
  })();
  return {
    texts,
    end: () => {
      abort.abort();
      return done;
    },
  };
}

test("an absent log is an empty one", async () => {
  expect(await lines()).toEqual([]);
  expect(await lines({ tail: 3 })).toEqual([]);
});

test("lines come without their ends, the last one also when it has none", async () => {
  writeFileSync(file, "one\r\n\ntwo\nthree");
  expect(await lines()).toEqual(["one", "", "two", "three"]);
});

test("any text is read back whole, whatever lies at the borders of chunks", async () => {
  const text = fc.array(
    fc
      .string({ unit: "grapheme", maxLength: 40_000, size: "max" })
      .map((line) => line.replace(/[\r\n]/g, "")),
    { maxLength: 8 },
  );
  await fc.assert(
    fc.asyncProperty(text, async (expected) => {
      writeFileSync(file, expected.map((line) => `${line}\n`).join(""));
      const read: string[] = [""];
      for await (const line of readLog(file)) {
        read[read.length - 1] += line.text;
        if (!line.partial) read.push("");
      }
      expect(read.slice(0, -1)).toEqual(expected.map((line) => Buffer.from(line).toString()));
    }),
    { numRuns: 30 },
  );
});

test("a line without end is handed over in pieces that never cut a character", async () => {
  writeFileSync(file, `x${"é".repeat(100_000)}\nnext\n`);
  const read = await Array.fromAsync(readLog(file));
  expect(
    read.every((line) => Buffer.byteLength(line.text) <= 64 * 1024 && !line.text.includes("\uFFFD")),
  ).toBe(true);
  expect(
    read
      .slice(0, -1)
      .map((line: LogLine) => line.text)
      .join(""),
  ).toBe(`x${"é".repeat(100_000)}`);
  expect(read.slice(0, -1).map((line) => line.partial)).toEqual([true, true, true, false]);
});

test("tail counts lines backwards over rotated parts", async () => {
  writeFileSync(file, "1\n2\n3\n");
  await rotateLog(file);
  appendFileSync(file, "4\n5\n");
  await rotateLog(file);
  appendFileSync(file, "6\n");
  for (let count = 0; count <= 7; count++) {
    expect(await lines({ tail: count })).toEqual(
      ["1", "2", "3", "4", "5", "6"].slice(Math.max(0, 6 - count)),
    );
  }
});

test("since leaves out what the notes say is older, over rotated parts", async () => {
  writeFileSync(file, "old\n");
  appendNote(file, { end: 4, time: 1_000 });
  await rotateLog(file);
  appendFileSync(file, "middle\nnew\n");
  appendNote(file, { end: 7, time: 2_000 });
  appendNote(file, { end: 11, time: 3_000 });
  expect(await lines({ sinceTime: 0 })).toEqual(["old", "middle", "new"]);
  expect(await lines({ sinceTime: 1_500 })).toEqual(["middle", "new"]);
  expect(await lines({ sinceTime: 3_000 })).toEqual(["new"]);
});

test("lines carry the time by which they were written; the newest that of the file's last change", async () => {
  writeFileSync(file, "old\nnew\nnewest\n");
  appendNote(file, { end: 4, time: 1_000 });
  appendNote(file, { end: 8, time: 2_000 });
  const times = (await Array.fromAsync(readLog(file))).map((line) => line.time);
  expect(times).toEqual([1_000, 2_000, statSync(file).mtimeMs]);
});

test("the watch notes growth, with the time of the last change, and nothing for an idle log", async () => {
  const watch = new LogWatch();
  watch.add(file);
  writeFileSync(file, "one\n");
  await vi.waitFor(() => expect(readNotes(file)).toHaveLength(1), { timeout: 20_000 });
  expect(readNotes(file)[0]).toEqual({ end: 4, time: statSync(file).mtimeMs });
  appendFileSync(file, "two\n");
  watch.delete(file);
  expect(readNotes(file).map(({ end }) => end)).toEqual([4, 8]);
  watch.add(file);
  watch.delete(file);
  expect(readNotes(file)).toHaveLength(2);
  watch.close();
});

test("following gives what is written later, and a half line only when it is complete", async () => {
  writeFileSync(file, "one\n");
  const following = follow({ tail: 0 });
  appendFileSync(file, "tw");
  appendFileSync(file, "o\nthree\n");
  await vi.waitFor(() => expect(following.texts).toEqual(["two", "three"]), { timeout: 20_000 });
  await following.end();
});

test("following ends by itself, with the last words, when the process has ended", async () => {
  writeFileSync(file, "one\n");
  let over = false;
  const read = lines({ follow: true, ended: () => over });
  appendFileSync(file, "last words");
  over = true;
  expect(await read).toEqual(["one", "last words"]);
});

test("following loses and repeats nothing over rotations by size while a process writes", async () => {
  const watch = new LogWatch({ maximumBytes: 20_000, keep: 3 });
  const fd = openSync(file, "a", 0o600);
  const following = follow();
  const count = 20_000;
  const writer = spawn(
    "sh",
    [
      "-c",
      `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo "line $i"; [ $((i % 400)) = 0 ] && sleep 0.01; done; :`,
    ],
    { stdio: ["ignore", fd, fd] },
  );
  const exited = once(writer, "exit");
  closeSync(fd);
  watch.add(file);
  await vi.waitFor(() => expect(following.texts.at(-1)).toBe(`line ${count}`), {
    timeout: 20_000,
    interval: 20,
  });
  await following.end();
  watch.close();
  expect((await exited)[0]).toBe(0);
  expect(statSync(`${file}.1`).size).toBeGreaterThan(0);
  // Copying and truncating may lose what is written in between (log-files.ts); it never repeats or reorders.
  const numbers = following.texts.flatMap((text) => /^line (\d+)$/.exec(text)?.[1] ?? []).map(Number);
  expect(numbers.every((number, index) => index === 0 || number > numbers[index - 1]!)).toBe(true);
  expect(count - numbers.length).toBeLessThan(count / 100);
});

test("who takes the lines slowly gets each one once, whatever is rotated meanwhile", async () => {
  const long = Array.from({ length: 40 }, (_, index) => `${index} ${"x".repeat(50_000)}`);
  writeFileSync(file, long.map((line) => `${line}\n`).join(""));
  const expected = [...long];
  const texts: string[] = [];
  for await (const line of readLog(file, { keep: 3 })) {
    texts.push(line.text);
    if (texts.length % 10 !== 0 || expected.length > 42) continue;
    await rotateLog(file, 3);
    expected.push(`after ${texts.length}`);
    appendFileSync(file, `${expected.at(-1)}\n`);
  }
  expect(texts).toEqual(expected);
});

test("a follower that stood still while parts were rotated away goes on with what there is", async () => {
  writeFileSync(file, "0\n");
  const abort = new AbortController();
  const following = readLog(file, { follow: true, keep: 2, signal: abort.signal });
  const texts = [(await following.next()).value?.text];
  for (let round = 1; round <= 5; round++) {
    await rotateLog(file, 2);
    appendFileSync(file, `${round}\n`);
  }
  while (texts.at(-1) !== "5") texts.push((await following.next()).value?.text);
  abort.abort();
  expect(texts).toEqual(["0", "4", "5"]);
});

test("a rotation keeps each line whole or not at all, also one that is being written", async () => {
  const fd = openSync(file, "a", 0o600);
  // Lines over several pages of memory: they become readable a page at a time.
  const program = `
    const { writeSync } = require("node:fs");
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (let n = 1; n <= 4000; n++) {
      writeSync(1, "line " + n + " " + "x".repeat(12_000) + " end\\n");
      if (n % 3 === 0) Atomics.wait(pause, 0, 0, 0.1);
    }
  `;
  const writer = spawn(process.execPath, ["-e", program], { stdio: ["ignore", fd, fd] });
  let isOver = false;
  const exited = once(writer, "exit").finally(() => (isOver = true));
  closeSync(fd);
  const broken: string[] = [];
  let last = 0;
  while (!isOver) {
    await rotateLog(file, 1);
    for (const line of readFileSync(`${file}.1`, "latin1").split("\n")) {
      const number = Number(/^line (\d+) x{12000} end$/.exec(line)?.[1]);
      if (number > last) last = number;
      else if (line !== "") broken.push(`${line.length} characters after line ${last}`);
    }
  }
  expect((await exited)[0]).toBe(0);
  expect(last).toBeGreaterThan(0);
  expect(broken).toEqual([]);
});

test("a log emptied by hand is followed from its new start", async () => {
  writeFileSync(file, "one\n");
  const following = follow();
  await vi.waitFor(() => expect(following.texts).toEqual(["one"]), { timeout: 20_000 });
  truncateSync(file, 0);
  await vi.waitFor(
    () => {
      appendFileSync(file, "x\n");
      expect(following.texts.at(-1)).toBe("x");
    },
    { timeout: 20_000, interval: 50 },
  );
  await following.end();
});

test("only the asked number of old parts is kept, and removing a log removes them all", async () => {
  for (let round = 0; round < 5; round++) {
    appendFileSync(file, `${round}\n`);
    appendNote(file, { end: 2, time: round });
    await rotateLog(file, 2);
  }
  expect(await lines()).toEqual(["3", "4"]);
  expect(statSync(`${file}.3`, { throwIfNoEntry: false })).toBeUndefined();
  removeLog(file);
  expect(statSync(indexName(`${file}.1`), { throwIfNoEntry: false })).toBeUndefined();
  expect(await lines()).toEqual([]);
});

test("a rotation cut off after the truncation is finished, one before it is dropped", async () => {
  writeFileSync(`${file}.rotating`, "old\n");
  writeFileSync(file, "");
  recoverRotation(file);
  appendFileSync(file, "new\n");
  expect(await lines()).toEqual(["old", "new"]);
  writeFileSync(`${file}.rotating`, "ne");
  recoverRotation(file);
  expect(await lines()).toEqual(["old", "new"]);
});
