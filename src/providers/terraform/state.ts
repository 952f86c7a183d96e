/**
 * What Terraform calls the state of a resource: what its provider needs to find the thing again. It stands sealed in
 * `status.terraform`, and, from before a call that changes something until the status has what came of it, in a file.
 *
 *   status N --begun: file N+1, without a result--> called --done: file N+1, with the state--> status N+1: file gone
 *
 *  - The file is on disk before the call, and its result before anybody is told: a crash loses no state that there was.
 *  - A creation that was begun and has no result may have made the thing or not. The protocol has no way to ask, so people
 *    decide (`PossiblyMade`); a change or removal is found out by reading.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Keyring } from "../../model/sealed.ts";
import { isSealed } from "../../model/sealed.ts";

export interface State {
  /** `registry.terraform.io/hashicorp/random`, and the version that wrote it. */
  readonly source: string;
  readonly version: string;
  readonly type: string;
  readonly schemaVersion: number;
  /** JSON, as in Terraform's state; null: there is nothing. */
  readonly value: string | null;
  /** Base64: the provider's own. */
  readonly private: string;
  /** One more with every change. */
  readonly serial: number;
  /** Hash of the configuration that it was brought to; absent as long as that has not succeeded. */
  readonly config?: string;
  /** Its creation failed half-way: it goes, and is made anew. */
  readonly isTainted?: true;
}

/** A change that was begun and may not have ended. */
export interface Begun {
  readonly serial: number;
  readonly operation: "create" | "update" | "delete";
  /** The request to try again that was there by then. */
  readonly retry?: string;
  readonly result?: State;
}

export function sealState(state: State, keyring: Keyring): string {
  return keyring.seal(JSON.stringify(state));
}

export function openState(sealed: unknown, keyring: Keyring): State | undefined {
  return isSealed(sealed) ? (JSON.parse(keyring.open(sealed)) as State) : undefined;
}

export class Journal {
  readonly #folder: string;
  #isMade = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  read(uid: string, keyring: Keyring): Begun | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path(uid), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    return JSON.parse(keyring.open(text.trim())) as Begun;
  }

  /** On disk when it returns. */
  write(uid: string, begun: Begun, keyring: Keyring): void {
    if (!this.#isMade) mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#isMade = true;
    const path = this.#path(uid);
    const file = openSync(`${path}.new`, "w", 0o600);
    try {
      writeSync(file, keyring.seal(JSON.stringify(begun)));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(`${path}.new`, path);
    const folder = openSync(this.#folder, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }

  remove(uid: string): void {
    rmSync(this.#path(uid), { force: true });
  }

  #path(uid: string): string {
    return join(this.#folder, `${uid.replace(/[^\w.-]/g, "_")}.json`);
  }
}
