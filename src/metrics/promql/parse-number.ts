import type { Token } from "./lexer.ts";
import { parseDuration } from "./text.ts";

/** A number as it stands, a duration in seconds. */
export function parseNumber({ kind, text }: Token): number {
  if (kind === "duration" && /[a-z]/.test(text)) return parseDuration(text) / 1000;
  const digits = text.replaceAll("_", "");
  if (/^0[0-7]+$/.test(digits)) return Number.parseInt(digits, 8);
  return Number(digits);
}
