/**
 * The last configuration on disk, so that a restarted balancer serves at once.
 *
 * Invariants
 *  D1 The file is always a whole state: written beside, flushed, then renamed over.
 *  D2 `save` resolves after a state at least as new as its call is on disk. Calls during a write share the next.
 *  D3 Mode 0600.
 *  D4 `problem` is there from a failed write to the next that succeeds: what is in force is then not what is kept.
 */
import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { BalancerDiagnostic, Challenges, Configuration } from "./configuration.ts";
import type { BoundPorts } from "./listener-set.ts";
import { validateChallenges, validateConfiguration } from "./validation.ts";

export interface State {
  readonly configuration: Configuration;
  /** Ports that listeners with port 0 got, kept across restarts. */
  readonly ports: BoundPorts;
  readonly challenges: Challenges;
  /** Of the cookies' tokens: base64, 32 bytes. A secret. Absent in the files of versions without cookies. */
  readonly cookieKey?: string;
}

export type LoadedState =
  | { readonly kind: "none" }
  | { readonly kind: "unreadable"; readonly reason: string }
  | { readonly kind: "state"; readonly state: State };

/** Reads the state file. Never throws: an unreadable one is reported and the balancer starts empty. */
export async function loadState(file: string): Promise<LoadedState> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "error";
    return code === "ENOENT" ? { kind: "none" } : { kind: "unreadable", reason: code };
  }
  return parseState(text);
}

function parseState(text: string): LoadedState {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: "unreadable", reason: "not JSON" };
  }
  if (typeof value !== "object" || value === null || !("configuration" in value))
    return { kind: "unreadable", reason: "not a state" };
  const validated = validateConfiguration(value.configuration);
  if (!validated.ok) {
    const reason = validated.diagnostics.map((one) => `${one.address} ${one.message}`).join("; ");
    return { kind: "unreadable", reason };
  }
  const ports = "ports" in value ? readPorts(value.ports) : {};
  const challenges = validateChallenges("challenges" in value ? value.challenges : {});
  const cookieKey = "cookieKey" in value && isKey(value.cookieKey) ? value.cookieKey : undefined;
  return {
    kind: "state",
    state: {
      configuration: validated.value,
      ports,
      challenges: challenges.ok ? challenges.value : {},
      ...(cookieKey === undefined ? {} : { cookieKey }),
    },
  };
}

function isKey(value: unknown): value is string {
  return typeof value === "string" && Buffer.from(value, "base64").length === 32;
}

function readPorts(value: unknown): BoundPorts {
  if (typeof value !== "object" || value === null) return {};
  const isPort = (port: unknown): port is number =>
    Number.isInteger(port) && Number(port) > 0 && Number(port) < 65536;
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, number] => isPort(entry[1])),
  );
}

export class StateFile {
  readonly #file: string;
  readonly #current: () => State;
  #writing: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #problem: BalancerDiagnostic | undefined;

  constructor(file: string, current: () => State) {
    this.#file = file;
    this.#current = current;
  }

  /** Why the last state could not be kept. */
  get problem(): BalancerDiagnostic | undefined {
    return this.#problem;
  }

  /** Writes the current state; rejects with the system's error (disk full and the like). */
  save(): Promise<void> {
    if (this.#writing === undefined) return this.#begin();
    // One write is under way, perhaps with an older state: all who come now share the one after it (D2).
    this.#next ??= this.#writing.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    const writing = this.#noted(this.#write(JSON.stringify(this.#current()))).finally(() => {
      if (this.#writing === writing) this.#writing = undefined;
    });
    this.#writing = writing;
    return writing;
  }

  async #noted(written: Promise<void>): Promise<void> {
    try {
      await written;
      this.#problem = undefined;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "error";
      this.#problem = {
        code: "StateNotSaved",
        address: "state",
        message: `what is in force could not be kept for a restart (${code})`,
        hint: "free the disk, or mend the folder: it is tried again every second",
      };
      throw error;
    }
  }

  async #write(text: string): Promise<void> {
    const beside = `${this.#file}.new`;
    const file = await open(beside, "w", 0o600);
    try {
      await file.writeFile(text);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(beside, this.#file);
    const folder = await open(dirname(this.#file), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}
