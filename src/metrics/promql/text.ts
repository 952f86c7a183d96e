/**
 * Texts in PromQL: the escapes of quoted strings, and how strings and numbers are written.
 *
 * Strings are bytes in PromQL. Bytes that are no UTF-8, which only escapes such as `\xc5` can bring in, are kept as lone
 * surrogates U+DC80..U+DCFF: a text with any of them is not well-formed and so no valid name of a label.
 */
const SIMPLE: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

const ESCAPE = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})|([^]))/g;

/** What a literal with its quotes stands for; undefined when it holds an escape there is not. */
export function unquote(literal: string): string | undefined {
  const mark = literal[0] as string;
  const inner = literal.slice(1, -1);
  if (mark === "`" || !inner.includes("\\")) return inner;
  let valid = true;
  const text = inner.replaceAll(
    ESCAPE,
    (_all: string, byte?: string, short?: string, long?: string, octal?: string, simple?: string) => {
      const meant =
        byte !== undefined || octal !== undefined
          ? byteOf(byte === undefined ? Number.parseInt(octal as string, 8) : Number.parseInt(byte, 16))
          : simple === undefined
            ? characterOf(Number.parseInt((short ?? long) as string, 16))
            : simpleOf(simple, mark);
      if (meant === undefined) valid = false;
      return meant ?? "";
    },
  );
  return valid ? joinBytes(text) : undefined;
}

function byteOf(code: number): string | undefined {
  if (code > 0xff) return undefined;
  return String.fromCharCode(code < 0x80 ? code : 0xdc00 + code);
}

function characterOf(code: number): string | undefined {
  return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : undefined;
}

/** Of the quotes only the one that is around the text may be escaped. */
function simpleOf(escape: string, mark: string): string | undefined {
  return `'"`.includes(escape) && escape !== mark ? undefined : SIMPLE[escape];
}

/** Runs of single bytes that together are UTF-8 become the characters they mean. */
function joinBytes(text: string): string {
  return text.replaceAll(/[\udc80-\udcff]+/g, (run) => {
    const bytes = Uint8Array.from(run, (character) => character.charCodeAt(0) - 0xdc00);
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      return run;
    }
  });
}

/** As a literal in double quotes. */
export function quote(text: string): string {
  return JSON.stringify(text).replaceAll(
    /\\u(dc[89a-f][\da-f])/g,
    (_all, code: string) => `\\x${code.slice(2)}`,
  );
}

/** As Prometheus writes it: `1`, `1.5e+09`, `+Inf`, `NaN`. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (Object.is(value, -0)) return "-0";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e21))
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  return String(value);
}

const UNITS: readonly (readonly [string, number])[] = [
  ["y", 31_536_000_000],
  ["w", 604_800_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
];

/** Milliseconds as `1h30m`; years and weeks only where nothing is left over. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return "0s";
  let rest = Math.abs(milliseconds);
  let text = milliseconds < 0 ? "-" : "";
  for (const [unit, size] of UNITS) {
    if ((unit === "y" || unit === "w") && rest % size !== 0) continue;
    const count = Math.floor(rest / size);
    if (count === 0) continue;
    text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}

/** `1h30m` as milliseconds. */
export function parseDuration(text: string): number {
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[ywdhms])/g))
    total += Number(count) * (UNITS.find(([name]) => name === unit)?.[1] ?? 0);
  return total;
}

/** Whether a name may be any label's (UTF-8). */
export function isLabelName(name: string): boolean {
  return name !== "" && name.isWellFormed();
}

/** All digits, never an exponent. */
export function plainNumber(value: number): string {
  if (!Number.isFinite(value)) return formatNumber(value);
  const text = Object.is(value, -0) ? "-0" : String(value);
  const parts = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (parts === null) return text;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = parts;
  const digits = whole + fraction;
  const point = 1 + Number(exponent);
  return point <= 0 ? `${sign}0.${"0".repeat(-point)}${digits}` : sign + digits.padEnd(point, "0");
}

/** As OpenMetrics writes values of labels `quantile` and `le`: whole numbers end in `.0`. */
export function openMetricsNumber(value: number): string {
  const text = formatNumber(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}
