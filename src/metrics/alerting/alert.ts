/**
 * An alert as the dispatcher keeps it: a set of labels with a span of time in which it fires.
 *
 * An alert always has an end. Senders that give none are expected to send again; until they do, the end is
 * `resolve_timeout` after the last time they did (`timeout`), so that an alert whose sender has gone resolves by itself.
 */
import type { Labels } from "../labels.ts";

export interface Alert {
  readonly labels: Labels;
  /** Not `Labels`: an annotation may be empty. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch, as all times here. */
  readonly startsAt: number;
  readonly endsAt: number;
  readonly updatedAt: number;
  /** `endsAt` is only when to give up waiting for the sender. */
  readonly timeout: boolean;
  readonly generatorURL: string;
  readonly fingerprint: string;
}

export function isResolved(alert: Alert, now: number): boolean {
  return alert.endsAt <= now;
}

/**
 * Two reports of one alert whose spans touch, as one: it began when it first began, and the newer report says the rest,
 * except that an end somebody named outlives one that is only a timeout.
 */
export function mergeAlerts(one: Alert, other: Alert, now: number): Alert {
  const [older, newer] = other.updatedAt < one.updatedAt ? [other, one] : [one, other];
  const startsAt = Math.min(older.startsAt, newer.startsAt);
  const isLater = older.endsAt > newer.endsAt;
  const keepsEnd = isResolved(newer, now) ? isResolved(older, now) && isLater : isLater && !older.timeout;
  return { ...newer, startsAt, endsAt: keepsEnd ? older.endsAt : newer.endsAt };
}

export function overlaps(older: Alert, newer: Alert): boolean {
  const isWithin = (time: number): boolean => time > older.startsAt && time < older.endsAt;
  return isWithin(newer.endsAt) || isWithin(newer.startsAt);
}

/** The order in which a notification lists alerts: by job, by instance, then by all labels. */
export function compareAlerts(one: Alert, other: Alert): number {
  for (const name of ["job", "instance"]) {
    const order = compareLast(one.labels.get(name), other.labels.get(name));
    if (order !== 0) return order;
  }
  return compareLabels(one.labels, other.labels);
}

/** Text order, except that nothing comes after everything. */
function compareLast(one: string, other: string): number {
  if (one === other) return 0;
  if (one === "" || other === "") return one === "" ? 1 : -1;
  return one < other ? -1 : 1;
}

/** Fewer labels first, then by the first name or value that differs. */
export function compareLabels(one: Labels, other: Labels): number {
  if (one.size !== other.size) return one.size - other.size;
  const at = one.flat.findIndex((text, index) => text !== other.flat[index]);
  if (at === -1) return 0;
  return (one.flat[at] as string) < (other.flat[at] as string) ? -1 : 1;
}

/**
 * 64-bit FNV-1a over the sorted names and values, each followed by a byte 255, as 16 hexadecimal digits: what Prometheus
 * and Alertmanager call an alert's fingerprint, so that ids can be compared with theirs.
 */
export function fingerprint(labels: Labels): string {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  const add = (byte: number): void => {
    low = (low ^ byte) >>> 0;
    // Times 2^40 + 0x1b3, modulo 2^64, in halves that a double holds exactly.
    const product = low * 0x1b3;
    high = (Math.imul(high, 0x1b3) + Math.floor(product / 0x1_0000_0000) + (low << 8)) >>> 0;
    low = product >>> 0;
  };
  for (const text of labels.flat) {
    for (const byte of Buffer.from(text)) add(byte);
    add(255);
  }
  return hex(high) + hex(low);
}

function hex(half: number): string {
  return half.toString(16).padStart(8, "0");
}
