/**
 * Numbers in Go's formats `e`, `f` and `g`.
 *
 * JavaScript writes the same digits but for one thing: exactly between two candidates it takes the larger, Go the even
 * one (`%.0f` of 2.5 is 2).
 *
 * Source: pkg.go.dev/strconv, FormatFloat.
 */
export type FloatFormat = "e" | "f" | "g";

/** From this power of ten on, `g` without a precision has an exponent. */
const SHORTEST_LIMIT = 6;

/** `precision` -1: as many digits as tell it from its neighbours. */
export function floatText(value: number, format: FloatFormat, precision: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  return sign + magnitudeText(Math.abs(value), format, Math.min(precision, 100));
}

function magnitudeText(value: number, format: FloatFormat, precision: number): string {
  if (format === "f") return precision < 0 ? plain(value) : fixed(value, precision);
  if (format === "e") return exponential(value, precision);
  return precision < 0 ? shortest(value) : general(value, Math.max(precision, 1));
}

function shortest(value: number): string {
  const exponent = exponentOf(value);
  return exponent < -4 || exponent >= SHORTEST_LIMIT ? exponential(value, -1) : plain(value);
}

function general(value: number, digits: number): string {
  const [mantissa = "", power = "0"] = exponential(value, digits - 1).split("e");
  const exponent = Number(power);
  if (exponent >= -4 && exponent < digits) return withoutZeros(fixed(value, digits - 1 - exponent));
  return `${withoutZeros(mantissa)}e${power}`;
}

function exponentOf(value: number): number {
  return Number(value.toExponential().split("e")[1]);
}

function exponential(value: number, precision: number): string {
  const text = precision < 0 ? value.toExponential() : value.toExponential(precision);
  const [mantissa = "", power = "0"] = text.split("e");
  const exponent = Number(power);
  const even = precision >= 0 && isTie(value, precision - exponentOf(value)) ? toEven(mantissa) : mantissa;
  return `${even}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** toFixed writes exponents from 1e21. */
function fixed(value: number, precision: number): string {
  if (value >= 1e21) return BigInt(value).toString() + (precision === 0 ? "" : `.${"0".repeat(precision)}`);
  const text = value.toFixed(precision);
  return isTie(value, precision) ? toEven(text) : text;
}

/** Whether the value lies exactly between two numbers of so many decimals (negative: zeros before the point). */
function isTie(value: number, decimals: number): boolean {
  // A fraction of k binary digits has k decimals, of which the last is a 5.
  if (decimals >= 0) return (value * 2 ** (decimals + 1)) % 2 === 1;
  if (!Number.isInteger(value)) return false;
  const unit = 10n ** BigInt(-decimals);
  return (BigInt(value) % unit) * 2n === unit;
}

/** The larger of two candidates is given; the other ends with the digit before. */
function toEven(text: string): string {
  const last = Number(text.at(-1));
  return last % 2 === 0 ? text : `${text.slice(0, -1)}${last - 1}`;
}

function withoutZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** All digits and no exponent. */
function plain(value: number): string {
  const text = String(value);
  if (!text.includes("e")) return text;
  const [mantissa = "", power = "0"] = text.split("e");
  const [whole = "", part = ""] = mantissa.split(".");
  const exponent = Number(power);
  return exponent < 0
    ? `0.${"0".repeat(-exponent - 1)}${whole}${part}`
    : `${whole}${part}${"0".repeat(exponent - part.length)}`;
}
