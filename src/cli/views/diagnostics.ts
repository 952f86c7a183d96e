/** Diagnostics for people: code, address, where it stands with the line itself, what is wrong, what to do. */
import { readFileSync, statSync } from "node:fs";
import { relative } from "node:path";
import type { Diagnostic, SourcePosition } from "../../diagnostics/diagnostic.ts";
import { type Style, counted, harmless } from "./style.ts";

export interface DiagnosticsViewOptions {
  readonly style: Style;
  /** Files below it are shown relative to it. */
  readonly cwd: string;
  /** Line `number` of a file, counted from 1; undefined when it cannot be read. */
  readonly line?: (file: string, number: number) => string | undefined;
}

/** More help nobody, and hide the first. */
const MAX_SHOWN = 20;
const MAX_COLUMNS = 160;

export function diagnosticsView(diagnostics: readonly Diagnostic[], options: DiagnosticsViewOptions): string {
  const sorted = [
    ...diagnostics.filter(({ severity }) => severity === "error"),
    ...diagnostics.filter(({ severity }) => severity !== "error"),
  ];
  const blocks = sorted.slice(0, MAX_SHOWN).map((diagnostic) => block(diagnostic, options));
  const more = sorted.length - MAX_SHOWN;
  return [
    ...blocks,
    ...(more > 0 ? [options.style.dim(`... and ${counted(more, "more problem")}.`)] : []),
  ].join("\n\n");
}

function block(diagnostic: Diagnostic, options: DiagnosticsViewOptions): string {
  const { style } = options;
  const isError = diagnostic.severity === "error";
  const label = isError ? style.red("error") : style.yellow("warning");
  const where = [diagnostic.address, diagnostic.path]
    .filter((part) => part !== undefined && part !== "")
    .join(" ");
  const lines = [`${label} ${style.bold(diagnostic.code)}${where === "" ? "" : ` ${harmless(where)}`}`];
  if (diagnostic.source !== undefined)
    lines.push(
      ...quoted(diagnostic.source, isSecret(diagnostic) ? { ...options, line: () => undefined } : options),
    );
  lines.push(`  ${harmless(diagnostic.message)}`);
  if (diagnostic.hint !== undefined) lines.push(`  ${style.cyan("→")} ${harmless(diagnostic.hint)}`);
  return lines.join("\n");
}

/** A line of a Secret is its value, more often than not. */
function isSecret(diagnostic: Diagnostic): boolean {
  return diagnostic.address?.startsWith("secret") === true;
}

function quoted(
  source: SourcePosition,
  { style, cwd, line = lineOf }: DiagnosticsViewOptions,
): readonly string[] {
  const shown = shortPath(source.file, cwd);
  const position = [shown, source.line, source.column].filter((part) => part !== undefined).join(":");
  const text = source.line === undefined ? undefined : line(source.file, source.line);
  const head = `  ${style.dim("at")} ${position}`;
  if (text === undefined || source.line === undefined) return [head];
  const number = String(source.line);
  const content = harmless(withoutSecrets(text.replaceAll("\t", " "))).slice(0, MAX_COLUMNS);
  const caret =
    source.column === undefined || source.column > MAX_COLUMNS
      ? []
      : [
          `  ${" ".repeat(number.length)} ${style.dim("|")} ${" ".repeat(source.column - 1)}${style.red("^")}`,
        ];
  return [head, `  ${style.dim(`${number} |`)} ${content}`, ...caret];
}

const SECRET =
  /((?:password|passwd|secret|token|api[-_]?key|private[-_]?key|credentials?)[\w-]*["']?\s*[:=]\s*)(?!["']?\$\{)(\S.*)$/i;

/** What looks like a secret in the line is not repeated on the screen or in a build's log (I10). */
function withoutSecrets(line: string): string {
  return line.replace(SECRET, (_all, name: string, value: string) =>
    /^["'\s{[|>]*$/.test(value) ? `${name}${value}` : `${name}(not shown)`,
  );
}

function shortPath(file: string, cwd: string): string {
  const short = relative(cwd, file);
  return short === "" || short.startsWith("../../..") ? file : short;
}

function lineOf(file: string, number: number): string | undefined {
  try {
    return statSync(file).size > 8 << 20 ? undefined : readFileSync(file, "utf8").split("\n")[number - 1];
  } catch {
    return undefined;
  }
}
