/** The problems of a definition, each with its JSON pointer. */
import type { Json } from "../../../model/resource.ts";
import { pathText } from "../../../model/walk.ts";

export type Place = readonly (string | number)[];

export interface Problem {
  readonly place: Place;
  readonly message: string;
  /** Something to know, but no reason to refuse. */
  readonly warning?: true;
}

export class Problems {
  readonly list: Problem[] = [];

  add(place: Place, message: string): void {
    this.list.push({ place, message });
  }

  warn(place: Place, message: string): void {
    this.list.push({ place, message, warning: true });
  }
}

/** RFC 6901. */
export function pointerOf(place: Place): string {
  return place.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** The same place as other diagnostics spell it: `States.Add.Type`. */
export function pathOf(pointer: string): string {
  const steps = pointer.split("/").slice(1);
  return pathText(
    steps.map((step) =>
      /^\d+$/.test(step) ? Number(step) : step.replaceAll("~1", "/").replaceAll("~0", "~"),
    ),
  );
}

export function quoted(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(", ")}]`;
}

export function short(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
