/** Unpacks a provider package: a zip archive of ordinary files. What would land outside the folder is refused. */
import { chmodSync, mkdirSync, openSync, readSync, closeSync, fstatSync, writeFileSync } from "node:fs";
import { dirname, join, normalize, sep } from "node:path";
import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";

const inflate = promisify(inflateRaw);
const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LONGEST_COMMENT = 65_557;
const MOST = 2 ** 31;

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
  readonly mode: number;
}

/** Rejects with an Error in words when it is no such archive. */
export async function unzip(archive: string, folder: string): Promise<void> {
  const file = openSync(archive, "r");
  try {
    for (const entry of entriesOf(file)) {
      const path = normalize(join(folder, entry.name));
      if (!path.startsWith(folder + sep)) throw new Error("it has a file that belongs elsewhere");
      if (entry.name.endsWith("/")) continue;
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, await contentOf(file, entry));
      chmodSync(path, entry.mode === 0 ? 0o755 : entry.mode & 0o755);
    }
  } finally {
    closeSync(file);
  }
}

function entriesOf(file: number): readonly Entry[] {
  const { size } = fstatSync(file);
  const tail = read(file, Math.max(0, size - LONGEST_COMMENT), Math.min(size, LONGEST_COMMENT));
  const at = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (at < 0 || tail.readUInt32LE(at) !== END) throw new Error("it is no zip archive, or not whole");
  const count = tail.readUInt16LE(at + 10);
  const directory = read(file, tail.readUInt32LE(at + 16), tail.readUInt32LE(at + 12));
  const entries: Entry[] = [];
  for (let offset = 0; entries.length < count;) {
    if (directory.readUInt32LE(offset) !== ENTRY) throw new Error("it is not whole");
    const [name, extra, comment] = [28, 30, 32].map((place) => directory.readUInt16LE(offset + place)) as [
      number,
      number,
      number,
    ];
    entries.push({
      name: directory.toString("utf8", offset + 46, offset + 46 + name),
      method: directory.readUInt16LE(offset + 10),
      packed: directory.readUInt32LE(offset + 20),
      size: directory.readUInt32LE(offset + 24),
      offset: directory.readUInt32LE(offset + 42),
      mode: directory.readUInt32LE(offset + 38) >>> 16,
    });
    offset += 46 + name + extra + comment;
  }
  return entries;
}

async function contentOf(file: number, { method, packed, size, offset }: Entry): Promise<Buffer> {
  if (size > MOST) throw new Error("it has a file that is too large");
  const head = read(file, offset, 30);
  const start = offset + 30 + head.readUInt16LE(26) + head.readUInt16LE(28);
  const bytes = read(file, start, packed);
  if (method !== 0 && method !== 8) throw new Error("it is packed in a way that is not known");
  const content = method === 0 ? bytes : await inflate(bytes, { maxOutputLength: size + 1 });
  if (content.length !== size) throw new Error("it is not whole");
  return content;
}

function read(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  if (readSync(file, bytes, 0, length, position) !== length) throw new Error("it is not whole");
  return bytes;
}
