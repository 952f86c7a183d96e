/** Pieces of PromQL text. */
import { parseDuration } from "../../../model/duration.ts";

/** `a="b",c="d"`; values may hold anything. JSON's escapes are among those of PromQL. */
export function selector(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(",");
}

/** A regular expression (RE2) that fits this text only. */
export function literally(text: string): string {
  return text.replace(/[.*+?()|{}[\]^$\\]/g, "\\$&");
}

export function secondsOf(duration: string): number {
  return parseDuration(duration) / 1000;
}
