/**
 * State of alerting in a file: one change a line, appended, each with the CRC-32 of its JSON.
 *
 *   open: read --> drop what is torn, superseded or expired --> write anew beside it, rename --> append
 *
 * Invariants
 *  F1 A change that was saved is read again after a `kill -9`; a silence also after the machine's power went.
 *  F2 A line that is torn or damaged costs that change only: JSON holds no raw line break, so the next line begins at
 *     the next one.
 *  F3 The file is never rewritten in place: at each moment there is a whole one under its name.
 *  F4 The file stays within a small multiple of what it says.
 */
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { z } from "zod";
import type { Clock } from "../../clock/clock.ts";
import type { Silence } from "./silence.ts";
import type { AlertingState, NotificationEntry, StateChange, StoredState } from "./state.ts";

export interface StateFile extends AlertingState {
  close(): void;
}

/** Makes the file, and the folder it is in. Throws the system's error when it cannot. */
export function openStateFile(options: { readonly file: string; readonly clock: Clock }): StateFile {
  return new AppendedState(options.file, options.clock);
}

/** Below this much since the last time, writing anew is not worth it. Bytes. */
const SLACK = 1 << 20;

const changeSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("silence"),
    silence: z.object({
      id: z.string(),
      matchers: z.array(
        z.object({ name: z.string(), value: z.string(), isRegex: z.boolean(), isEqual: z.boolean() }),
      ),
      startsAt: z.number(),
      endsAt: z.number(),
      updatedAt: z.number(),
      createdBy: z.string(),
      comment: z.string(),
      annotations: z.record(z.string(), z.string()),
    }),
  }),
  z.object({ kind: z.literal("silence-forgotten"), id: z.string() }),
  z.object({
    kind: z.literal("notification"),
    entry: z.object({
      key: z.string(),
      firing: z.array(z.string()),
      resolved: z.array(z.string()),
      at: z.number(),
      expiresAt: z.number(),
    }),
  }),
  z.object({ kind: z.literal("notification-forgotten"), key: z.string() }),
]);

class AppendedState implements StateFile {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #silences = new Map<string, Silence>();
  readonly #notifications = new Map<string, NotificationEntry>();
  #descriptor: number;
  /** Bytes in the file when it was last written anew, and since. */
  #compacted = 0;
  #appended = 0;
  /** The last write failed half-way: the next begins on a line of its own. */
  #isTorn = false;

  constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    for (const line of textOf(file).split("\n")) {
      const change = changeIn(line);
      if (change !== undefined) this.#apply(change);
    }
    this.#descriptor = this.#compact();
  }

  load(): StoredState {
    return { silences: [...this.#silences.values()], notifications: [...this.#notifications.values()] };
  }

  save(change: StateChange): void {
    this.#append(`${this.#isTorn ? "\n" : ""}${lineOf(change)}`);
    this.#apply(change);
    if (change.kind === "silence") fdatasyncSync(this.#descriptor);
    if (this.#appended > Math.max(SLACK, 2 * this.#compacted)) {
      const before = this.#descriptor;
      this.#descriptor = this.#compact();
      closeSync(before);
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #append(text: string): void {
    this.#isTorn = true;
    this.#appended += writeAll(this.#descriptor, text);
    this.#isTorn = false;
  }

  #apply(change: StateChange): void {
    if (change.kind === "silence") this.#silences.set(change.silence.id, change.silence);
    else if (change.kind === "silence-forgotten") this.#silences.delete(change.id);
    else if (change.kind === "notification") this.#notifications.set(change.entry.key, change.entry);
    else this.#notifications.delete(change.key);
  }

  /** Writes what is known anew (F3) and gives the new file, open for appending. */
  #compact(): number {
    const now = this.#clock.now();
    for (const { key, expiresAt } of this.#notifications.values())
      if (expiresAt <= now) this.#notifications.delete(key);
    const lines = [
      ...[...this.#silences.values()].map((silence) => lineOf({ kind: "silence", silence })),
      ...[...this.#notifications.values()].map((entry) => lineOf({ kind: "notification", entry })),
    ];
    const beside = `${this.#file}.new`;
    const descriptor = openSync(beside, "w", 0o600);
    this.#compacted = writeAll(descriptor, lines.join(""));
    this.#appended = 0;
    fsyncSync(descriptor);
    renameSync(beside, this.#file);
    syncFolder(dirname(this.#file));
    return descriptor;
  }
}

function lineOf(change: StateChange): string {
  const text = JSON.stringify(change);
  return `${checksum(text)} ${text}\n`;
}

function changeIn(line: string): StateChange | undefined {
  const text = line.slice(9);
  if (line.charAt(8) !== " " || line.slice(0, 8) !== checksum(text)) return undefined;
  try {
    return changeSchema.parse(JSON.parse(text));
  } catch {
    // Of another version, or damaged in a way the checksum does not see.
    return undefined;
  }
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}

function writeAll(descriptor: number, text: string): number {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
  return bytes.length;
}

/** So that the new name outlives the power. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}
