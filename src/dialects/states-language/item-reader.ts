/** From the content that an ItemReader names to items: CSV, JSON, JSON lines and lists of objects. */
import type { Json } from "../../model/resource.ts";
import type { ItemReader } from "./definition.ts";
import { StatesError } from "./states-error.ts";

type Config = NonNullable<ItemReader["ReaderConfig"]>;

function failure(explanation: string): StatesError {
  return new StatesError("States.ItemReaderFailed", explanation);
}

/** The items in a file. Throws States.ItemReaderFailed where the file is not what the configuration says. */
export function parseItems(text: string, config: Config): Json[] {
  switch (config.InputType) {
    case "CSV":
      return csvItems(text, config);
    case "JSONL":
      return text
        .split("\n")
        .filter((line) => line.trim() !== "")
        .map((line) => json(line));
    case "JSON":
    case undefined: {
      const items = json(text);
      if (!Array.isArray(items)) throw failure("Attempting to map over non-iterable node.");
      return items as Json[];
    }
    default:
      throw failure(`Items of the type '${config.InputType}' cannot be read.`);
  }
}

function json(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw failure(`The items are no JSON: ${(error as Error).message}`);
  }
}

const delimiters: Readonly<Record<string, string>> = {
  COMMA: ",",
  PIPE: "|",
  SEMICOLON: ";",
  SPACE: " ",
  TAB: "\t",
};

/** One object each row: missing values are empty, those without a header are left out. */
function csvItems(text: string, config: Config): Json[] {
  const rows = csvRows(text, delimiters[config.CSVDelimiter ?? "COMMA"] ?? ",");
  const headers = config.CSVHeaderLocation === "GIVEN" ? config.CSVHeaders : rows.shift();
  if (headers === undefined) throw failure("The file has no header row.");
  return rows.map((row) => Object.fromEntries(headers.map((name, index) => [name, row[index] ?? ""])));
}

/** RFC 4180, with any delimiter; empty lines are no rows. */
export function csvRows(text: string, delimiter: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let quoted = false;
  const endRow = (): void => {
    if (row.length > 0 || field !== "") rows.push([...row, field]);
    row = [];
    field = "";
  };
  for (let at = 0; at < text.length; at++) {
    const sign = text[at] ?? "";
    if (quoted) {
      if (sign !== '"') field += sign;
      else if (text[at + 1] === '"') field += text[at++];
      else quoted = false;
    } else if (sign === '"' && field === "") quoted = true;
    else if (sign === delimiter) {
      row.push(field);
      field = "";
    } else if (sign === "\n") endRow();
    else if (sign !== "\r") field += sign;
  }
  endRow();
  return rows;
}
