/** What was measured of a service at one moment, in the terms of the decision. Plain values. */

/** How numbers are shown to people. */
export type Unit = "percent" | "cores" | "bytes" | "perSecond" | "seconds" | "number";

interface Named {
  /** `cpu`, `requests`, the name of the metric or the text of the query. */
  readonly name: string;
  /** Of autoscaling/v2, and our own: what is shown in the status. */
  readonly type: string;
  readonly unit: Unit;
}

/** One number for each instance, compared on average. */
export interface PerInstance extends Named {
  readonly of: "instances";
  /** By name of the instance; those that are not measured are missing. */
  readonly values: ReadonlyMap<string, number>;
  readonly target: number;
  /** What is assumed of an instance that is not measured before anything is taken away. */
  readonly most: number;
  /** More is wanted than could be used: requests come so many times as fast as they are answered. At least 1. */
  readonly pressure?: number;
}

/** One number for the service. */
export interface Total extends Named {
  readonly of: "service";
  readonly value: number;
  readonly target: number;
  /** The target is of each instance, or of the service however many there are. */
  readonly share: "each" | "all";
  /** Only some instances more or one fewer can be told from it: it does not shrink in proportion (latency). */
  readonly gradual?: boolean;
  /** It is told without an instance, so that zero can be left and reached by it. */
  readonly seenAtZero: boolean;
}

/** It could not be measured. */
export interface Unmeasured extends Named {
  readonly of: "nothing";
  /** One sentence. */
  readonly problem: string;
  /** It would be told without an instance: while it is not known, nobody knows whether somebody wants something. */
  readonly seenAtZero: boolean;
}

export type Measurement = PerInstance | Total | Unmeasured;

/** An instance that is neither being deleted nor ended. */
export interface InstanceState {
  readonly name: string;
  /** Ready, and for long enough that what is measured of it is of serving and not of starting. */
  readonly counts: boolean;
}

/** `97%`, `1.5 cores`, `64Mi`, `250ms`. */
export function shown(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return "unknown";
  switch (unit) {
    case "percent":
      return `${rounded(value)}%`;
    case "cores":
      return `${rounded(value)} cores`;
    case "bytes":
      return bytes(value);
    case "perSecond":
      return `${rounded(value)}/s`;
    case "seconds":
      return value < 1 ? `${rounded(value * 1000)}ms` : `${rounded(value)}s`;
    case "number":
      return String(rounded(value));
  }
}

function rounded(value: number): number {
  return Math.abs(value) >= 10 ? Math.round(value) : Number(value.toPrecision(2));
}

function bytes(value: number): string {
  const units = ["", "Ki", "Mi", "Gi", "Ti"];
  let index = 0;
  let left = value;
  while (left >= 1024 && index < units.length - 1) {
    left /= 1024;
    index += 1;
  }
  return `${rounded(left)}${units[index] ?? ""}`;
}
