/** Numbers for people, as Prometheus' templates write them: four significant digits and a prefix. */
import { sprintf } from "../template/printf.ts";

const LARGE = ["k", "M", "G", "T", "P", "E", "Z", "Y"] as const;
const SMALL = ["m", "u", "n", "p", "f", "a", "z", "y"] as const;

function short(value: number, suffix = ""): string {
  return `${sprintf("%.4g", [value])}${suffix}`;
}

function enlarged(value: number, base: number, prefixes: readonly string[]): readonly [number, string] {
  let scaled = value;
  let prefix = "";
  for (const next of prefixes) {
    if (Math.abs(scaled) < base) break;
    prefix = next;
    scaled /= base;
  }
  return [scaled, prefix];
}

function diminished(value: number): readonly [number, string] {
  let scaled = value;
  let prefix = "";
  for (const next of SMALL) {
    if (Math.abs(scaled) >= 1) break;
    prefix = next;
    scaled *= 1000;
  }
  return [scaled, prefix];
}

/** `1.235M`, `50m`. */
export function humanize(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return short(value);
  return short(...(Math.abs(value) >= 1 ? enlarged(value, 1000, LARGE) : diminished(value)));
}

/** `1.5Gi`. */
export function humanize1024(value: number): string {
  if (Math.abs(value) <= 1 || !Number.isFinite(value)) return short(value);
  return short(
    ...enlarged(
      value,
      1024,
      LARGE.map((prefix) => `${prefix}i`),
    ),
  );
}

/** Of seconds: `1d 10h 17m 36s`, `150ms`. */
export function humanizeDuration(value: number): string {
  if (!Number.isFinite(value)) return short(value);
  if (value === 0) return "0s";
  if (Math.abs(value) < 1) {
    const [scaled, prefix] = diminished(value);
    return short(scaled, `${prefix}s`);
  }
  const sign = value < 0 ? "-" : "";
  const magnitude = Math.abs(value);
  const whole = Math.trunc(magnitude);
  const seconds = whole % 60;
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600) % 24;
  const days = Math.floor(whole / 86_400);
  if (days > 0) return `${sign}${days}d ${hours}h ${minutes}m ${seconds}s`;
  if (hours > 0) return `${sign}${hours}h ${minutes}m ${seconds}s`;
  return minutes > 0 ? `${sign}${minutes}m ${seconds}s` : `${sign}${short(magnitude, "s")}`;
}

/** Of a ratio: `12.35%`. */
export function humanizePercentage(value: number): string {
  return short(value * 100, "%");
}
