import type { Check } from "../environment.ts";
import { type Style, harmless } from "./style.ts";

/** One check; its remedy on a line of its own. */
export function doctorLine(check: Check, style: Style): string {
  const colour = { ok: style.green, warning: style.yellow, problem: style.red }[check.state];
  const remedy =
    check.remedy === undefined || check.state === "ok"
      ? ""
      : `\n         ${style.cyan("→")} ${harmless(check.remedy)}`;
  return `${colour(check.state.padEnd(7))}  ${style.bold(check.name)}: ${harmless(check.message)}${remedy}`;
}
