import { createHash } from "node:crypto";
import type { Clock } from "../../../clock/clock.ts";
import type { Renderer } from "../templates.ts";

/** What every kind of receiver needs. */
export interface DeliveryContext {
  readonly clock: Clock;
  readonly renderer: Renderer;
}

/** A group's identity where its key would be too long. */
export function groupHash(groupKey: string): string {
  return createHash("sha256").update(groupKey).digest("hex");
}

/** Counted in code points, as those who set such limits do. */
export function truncated(text: string, length: number): string {
  const letters = Array.from(text);
  return letters.length <= length ? text : `${letters.slice(0, length - 1).join("")}…`;
}
