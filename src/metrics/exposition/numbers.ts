/**
 * Numbers as both text formats write them: OpenMetrics 1.0, "realnumber", which is what Prometheus takes from Go's
 * ParseFloat (no hexadecimal, no underscores).
 *
 * Most values are small integers and short decimals. For those digits are added up; the quotient of two integers that a
 * double holds exactly is rounded once, so the result is the nearest double, as of the slow way.
 */
const POWERS_OF_TEN = Array.from({ length: 16 }, (_, exponent) => 10 ** exponent);
const MAX_EXACT_DIGITS = 15;

const ZERO = 48;
const NINE = 57;
const PLUS = 43;
const MINUS = 45;
const POINT = 46;

/** The number in text[from, to); undefined when it is none, or is too large for a double. */
export function parseNumber(text: string, from: number, to: number): number | undefined {
  let at = from;
  const sign = text.charCodeAt(at);
  if (sign === MINUS || sign === PLUS) at++;
  let mantissa = 0;
  let digits = 0;
  let point = -1;
  for (; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code >= ZERO && code <= NINE) {
      mantissa = mantissa * 10 + (code - ZERO);
      digits++;
    } else if (code === POINT && point < 0) point = digits;
    else return slowly(text.slice(from, to));
  }
  if (digits === 0 || digits > MAX_EXACT_DIGITS) return slowly(text.slice(from, to));
  const value = point < 0 ? mantissa : mantissa / (POWERS_OF_TEN[digits - point] as number);
  return sign === MINUS ? -value : value;
}

function slowly(text: string): number | undefined {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  if (/^\+?inf(?:inity)?$/i.test(text)) return Infinity;
  if (/^-inf(?:inity)?$/i.test(text)) return -Infinity;
  return /^nan$/i.test(text) ? NaN : undefined;
}

/** A whole number in text[from, to), such as a timestamp in milliseconds. */
export function parseInteger(text: string, from: number, to: number): number | undefined {
  const value = parseNumber(text, from, to);
  return Number.isSafeInteger(value) && /^[+-]?\d+$/.test(text.slice(from, to)) ? value : undefined;
}

/** The fewest digits that read back the same; both formats read it. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return Object.is(value, -0) ? "-0" : String(value);
}
