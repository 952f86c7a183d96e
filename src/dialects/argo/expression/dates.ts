/** Times and spans as Go reads and writes them. All in UTC. */
import { ELEMENTS, MONTHS, Moment, WEEKDAYS } from "../../../clock/moment.ts";

const two = (number: number): string => String(number).padStart(2, "0");

export function formatTime(layout: string, time: Date): string {
  return new Moment(time.getTime()).format(layout);
}

const NAMES = [...MONTHS, ...WEEKDAYS].map((name) => name.slice(0, 3));
const GROUPS: Readonly<Record<string, string>> = {
  "2006": String.raw`(?<year>\d{4})`,
  January: String.raw`(?<name>[A-Za-z]+)`,
  Jan: String.raw`(?<name>[A-Za-z]{3})`,
  "01": String.raw`(?<month>\d{2})`,
  "1": String.raw`(?<month>\d{1,2})`,
  "02": String.raw`(?<day>\d{2})`,
  "2": String.raw`(?<day>\d{1,2})`,
  "15": String.raw`(?<hour>\d{2})`,
  "04": String.raw`(?<minute>\d{2})`,
  "05": String.raw`(?<second>\d{2})`,
  "Z07:00": String.raw`(?<zone>Z|[+-]\d{2}:\d{2})`,
  "-07:00": String.raw`(?<zone>[+-]\d{2}:\d{2})`,
  "-0700": String.raw`(?<zone>[+-]\d{4})`,
  Monday: "[A-Za-z]+",
  Mon: "[A-Za-z]{3}",
  MST: "[A-Z]{3,4}",
};

/** Undefined when the text is not as the layout says. */
export function parseTime(layout: string, text: string): Date | undefined {
  let source = "";
  let at = 0;
  for (const match of layout.matchAll(ELEMENTS)) {
    source += escaped(layout.slice(at, match.index)) + (GROUPS[match[0]] ?? escaped(match[0]));
    at = match.index + match[0].length;
  }
  const found = new RegExp(`^${source}${escaped(layout.slice(at))}$`).exec(text)?.groups;
  if (found === undefined) return undefined;
  const named = NAMES.indexOf((found["name"] ?? "").slice(0, 3)) + 1;
  const pad = (name: string, standard: string): string => (found[name] ?? standard).padStart(2, "0");
  const month = named > 0 ? two(named) : pad("month", "01");
  const zone = (found["zone"] ?? "Z").replace(/^([+-]\d{2})(\d{2})$/, "$1:$2");
  const time = new Date(
    `${found["year"] ?? "0000"}-${month}-${pad("day", "01")}T${pad("hour", "00")}:${pad("minute", "00")}:${pad("second", "00")}${zone}`,
  );
  return Number.isNaN(time.getTime()) ? undefined : time;
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds: `1h30m`, `10s`, `2d`, or a bare number of seconds. Undefined when it is none of these. */
export function parseSpan(text: string): number | undefined {
  if (/^-?\d+$/.test(text)) return Number(text) * 1000;
  if (!/^[+-]?(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/g))
    total += Number(count) * (UNITS[unit ?? ""] ?? 0);
  return text.startsWith("-") ? -total : total;
}

/** `1h30m0s`, as Go writes it. */
export function formatSpan(milliseconds: number): string {
  const rest = Math.abs(milliseconds);
  if (rest === 0) return "0s";
  const sign = milliseconds < 0 ? "-" : "";
  if (rest < 1000) return `${sign}${rest}ms`;
  const hours = Math.floor(rest / 3_600_000);
  const minutes = Math.floor(rest / 60_000) % 60;
  const seconds = (rest % 60_000) / 1000;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}s`;
  return `${sign}${minutes > 0 ? `${minutes}m` : ""}${seconds}s`;
}
