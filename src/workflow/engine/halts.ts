/**
 * Runs that do not go on here, and why. What may pass by itself (a full disk, a blob that is being restored) is tried again,
 * after a pause that grows; a person may have any of them tried at once.
 */
import type { Timer } from "../../clock/clock.ts";
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { diagnosticsOf } from "./halted.ts";
import { JournalRefused } from "./recorder.ts";

/** Milliseconds before a run is taken up again, doubled each time. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;

export class Halts {
  readonly #diagnostics = new Map<string, readonly Diagnostic[]>();
  readonly #pauses = new Map<string, number>();
  readonly #timers = new Map<string, Timer>();
  readonly #revivals = new Map<string, Promise<void>>();
  readonly #after: (pause: number, due: () => void) => Timer;
  readonly #takeUp: (id: string) => Promise<(() => void) | undefined>;

  /** `takeUp`: gives what lets the run go on; undefined when it is over, or has been halted again. */
  constructor(
    after: (pause: number, due: () => void) => Timer,
    takeUp: (id: string) => Promise<(() => void) | undefined>,
  ) {
    this.#after = after;
    this.#takeUp = takeUp;
  }

  of(id: string): readonly Diagnostic[] | undefined {
    return this.#diagnostics.get(id);
  }

  all(): readonly (readonly [id: string, diagnostics: readonly Diagnostic[]])[] {
    return [...this.#diagnostics];
  }

  halt(id: string, error: unknown): void {
    this.#diagnostics.set(id, diagnosticsOf(error));
    this.#timers.get(id)?.cancel();
    if (!mayPass(error)) return;
    const pause = this.#pauses.get(id) ?? FIRST_PAUSE;
    this.#pauses.set(id, Math.min(LONGEST_PAUSE, 2 * pause));
    this.#timers.set(
      id,
      this.#after(pause, () => void this.revive(id)),
    );
  }

  /** Resolves when it goes on, or has been halted again. However many want it at the same time, it is taken up once. */
  revive(id: string): Promise<void> {
    const known = this.#revivals.get(id);
    if (known !== undefined) return known;
    const revival = this.#takeUp(id).then((go) => {
      this.#revivals.delete(id);
      if (go === undefined) return;
      this.#diagnostics.delete(id);
      go();
    });
    this.#revivals.set(id, revival);
    return revival;
  }

  /** The run is over, or gone. */
  forget(id: string): void {
    this.#timers.get(id)?.cancel();
    for (const map of [this.#diagnostics, this.#pauses, this.#timers]) map.delete(id);
  }
}

function mayPass(error: unknown): boolean {
  if (error instanceof JournalRefused) return true;
  return error instanceof DiagnosticError && error.diagnostics.every(({ code }) => code === "BlobMissing");
}
