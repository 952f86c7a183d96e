/** Where a resource of a program stands: at its builder's call, and for a path at the line that writes that member. */
import { readFileSync } from "node:fs";
import type { SourcePosition } from "../../diagnostics/diagnostic.ts";
import { type Source, stepsOf } from "./sources.ts";

/** Lines of a call that are searched for a member. */
const REACH = 200;

export class ProgramSource implements Source {
  readonly #at: SourcePosition;
  /** Line of the next builder call in the same file. */
  readonly #end: number;

  constructor(at: SourcePosition, end: number) {
    this.#at = at;
    this.#end = end;
  }

  get file(): string {
    return this.#at.file;
  }

  /**
   * A search of the text, not a parse: each named step of the path is looked for as `name:` or a shorthand behind the
   * step before. What is not found leaves the position where it was.
   */
  position(path = ""): SourcePosition {
    const start = this.#at.line;
    const lines = start === undefined ? [] : this.#lines(start);
    let found: SourcePosition = this.#at;
    let from = 0;
    for (const step of stepsOf(path)) {
      if (typeof step === "number" || step === "spec") continue;
      const index = lines.findIndex((line, at) => at >= from && writes(line, step));
      if (index < 0) break;
      from = index;
      const column = (lines[index] ?? "").search(member(step));
      found = { file: this.#at.file, line: (start ?? 1) + index, column: column + 1 };
    }
    return found;
  }

  #lines(start: number): readonly string[] {
    try {
      const end = Math.max(start, Math.min(this.#end - 1, start + REACH));
      return readFileSync(this.#at.file, "utf8")
        .split("\n")
        .slice(start - 1, end);
    } catch {
      return [];
    }
  }
}

function writes(line: string, step: string): boolean {
  return member(step).test(line);
}

function member(step: string): RegExp {
  return new RegExp(`(?<![\\w$.])["']?${step.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}["']?\\s*(?=[:,}])`);
}
