/** What a probe has found out so far, step by step. */
import type { Clock } from "../../clock/clock.ts";
import type { WrittenFamily } from "../exposition/write.ts";

export interface ProbeOptions {
  readonly clock: Clock;
  /** The probe has failed when it is aborted. */
  readonly signal: AbortSignal;
  /** PEM; trusted instead of the usual authorities. */
  readonly ca?: string;
}

export type Step = "resolve" | "connect" | "tls" | "processing" | "transfer";

export class Findings {
  readonly families: WrittenFamily[] = [];
  /** Seconds. */
  readonly durations = new Map<Step, number>();
  /** Where it is. */
  step: Step = "resolve";

  gauge(name: string, help: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.families.push({ name, type: "gauge", help, samples: [{ value, labels: Object.entries(labels) }] });
  }
}

/** The probe's steps went well, and what they found is not as it should be. The message is short: it is a label's value. */
export class ProbeFailure extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "ProbeFailure";
  }
}

/** Runs one step and takes the time. */
export async function timed<T>(
  step: Step,
  findings: Findings,
  clock: Clock,
  work: () => Promise<T>,
): Promise<T> {
  findings.step = step;
  const began = clock.now();
  try {
    return await work();
  } finally {
    findings.durations.set(step, (clock.now() - began) / 1000);
  }
}
