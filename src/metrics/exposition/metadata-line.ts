/** `# TYPE name counter`, `# HELP name text`, `# UNIT name unit`, `# EOF`, and comments. */
import type { MetricType } from "../series.ts";
import { refuseLine, shown } from "./limits.ts";
import { type Grammar, decode, unescape, unescapeHelp } from "./series-text.ts";

export type Descriptor =
  | { readonly what: "type"; readonly name: string; readonly type: MetricType }
  | { readonly what: "help" | "unit"; readonly name: string; readonly text: string };

export type MetadataLine = Descriptor | { readonly what: "end" | "comment" };

const COMMENT: MetadataLine = { what: "comment" };
const END: MetadataLine = { what: "end" };

const TYPES: ReadonlySet<string> = new Set([
  "counter",
  "gauge",
  "histogram",
  "gaugehistogram",
  "summary",
  "info",
  "stateset",
  "unknown",
] satisfies MetricType[]);

/** The Prometheus text format: what is no HELP or TYPE is a comment. */
export function parseComment(line: string, grammar: Grammar): MetadataLine {
  const found = /^#[ \t]+(HELP|TYPE)[ \t]+(?:"((?:\\.|[^\\"])*)"|([a-zA-Z_:][\w:]*))(?:[ \t]+(.*))?$/s.exec(
    line,
  );
  if (found === null) return COMMENT;
  const [, keyword, quoted, bare, text = ""] = found;
  const name = bare ?? unescape(decode(quoted ?? ""));
  if (keyword === "HELP") return { what: "help", name, text: unescapeHelp(decode(text)) };
  const type = text.trim();
  if (type === "untyped") return { what: "type", name, type: "unknown" };
  if (!isType(type))
    refuseLine(
      grammar.place,
      `${shown(decode(type))} is no type of metric.`,
      `Types are ${[...TYPES].join(", ")}.`,
    );
  return { what: "type", name, type };
}

/** OpenMetrics: any other line that begins with '#' is refused. */
export function parseDescriptor(line: string, grammar: Grammar): MetadataLine {
  if (line === "# EOF") return END;
  const found = /^# (HELP|TYPE|UNIT) (?:"((?:\\.|[^\\"])*)"|([a-zA-Z_:][\w:]*)) (.*)$/s.exec(line);
  if (found === null)
    refuseLine(
      grammar.place,
      `${shown(decode(line))} is none of '# TYPE', '# HELP', '# UNIT' with a name and a text, and not '# EOF'.`,
    );
  const [, keyword, quoted, bare, text = ""] = found;
  if (text.endsWith("\r"))
    refuseLine(grammar.place, "Lines of OpenMetrics do not end with a carriage return.");
  const name = bare ?? unescape(decode(quoted ?? ""));
  if (keyword === "HELP") return { what: "help", name, text: unescape(decode(text)) };
  if (keyword === "TYPE") {
    if (!isType(text))
      refuseLine(
        grammar.place,
        `${shown(decode(text))} is no type of metric.`,
        `Types are ${[...TYPES].join(", ")}.`,
      );
    return { what: "type", name, type: text };
  }
  if (!/^[\w:]*$/.test(text)) refuseLine(grammar.place, `${shown(decode(text))} is no unit.`);
  return { what: "unit", name, text };
}

function isType(text: string): text is MetricType {
  return TYPES.has(text);
}
