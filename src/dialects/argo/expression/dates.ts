/** Times as Go writes them: a layout shows how the moment 2006-01-02 15:04:05.000 -0700 would look. All in UTC. */
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const two = (number: number): string => String(number).padStart(2, "0");
const twelve = (hours: number): number => (hours % 12 === 0 ? 12 : hours % 12);

const LAYOUT: Readonly<Record<string, (time: Date) => string>> = {
  "2006": (time) => String(time.getUTCFullYear()).padStart(4, "0"),
  "06": (time) => two(time.getUTCFullYear() % 100),
  January: (time) => MONTHS[time.getUTCMonth()] ?? "",
  Jan: (time) => (MONTHS[time.getUTCMonth()] ?? "").slice(0, 3),
  "01": (time) => two(time.getUTCMonth() + 1),
  "1": (time) => String(time.getUTCMonth() + 1),
  Monday: (time) => DAYS[time.getUTCDay()] ?? "",
  Mon: (time) => (DAYS[time.getUTCDay()] ?? "").slice(0, 3),
  "02": (time) => two(time.getUTCDate()),
  _2: (time) => String(time.getUTCDate()).padStart(2, " "),
  "2": (time) => String(time.getUTCDate()),
  "15": (time) => two(time.getUTCHours()),
  "03": (time) => two(twelve(time.getUTCHours())),
  "3": (time) => String(twelve(time.getUTCHours())),
  "04": (time) => two(time.getUTCMinutes()),
  "4": (time) => String(time.getUTCMinutes()),
  "05": (time) => two(time.getUTCSeconds()),
  "5": (time) => String(time.getUTCSeconds()),
  PM: (time) => (time.getUTCHours() < 12 ? "AM" : "PM"),
  pm: (time) => (time.getUTCHours() < 12 ? "am" : "pm"),
  MST: () => "UTC",
  "Z07:00": () => "Z",
  Z0700: () => "Z",
  "-07:00": () => "+00:00",
  "-0700": () => "+0000",
  "-07": () => "+00",
};
const PIECE =
  /2006|January|Jan|Monday|Mon|MST|Z07:00|Z0700|-07:00|-0700|-07|_2|01|02|03|04|05|06|15|PM|pm|[.,](?:0+|9+)(?!\d)|1|2|3|4|5/g;

export function formatTime(layout: string, time: Date): string {
  return layout.replaceAll(PIECE, (piece) => {
    if (!/^[.,]/.test(piece)) return LAYOUT[piece]?.(time) ?? piece;
    const fraction = String(time.getUTCMilliseconds()).padStart(3, "0").padEnd(9, "0");
    const shown = fraction.slice(0, piece.length - 1);
    if (piece[1] === "0") return `${piece[0] ?? ""}${shown}`;
    const short = shown.replace(/0+$/, "");
    return short === "" ? "" : `${piece[0] ?? ""}${short}`;
  });
}

const NAMES = [...MONTHS, ...DAYS].map((name) => name.slice(0, 3));
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
  for (const match of layout.matchAll(PIECE)) {
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
