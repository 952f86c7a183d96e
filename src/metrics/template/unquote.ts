/** Go's literals: "text" with escapes, `raw text`, and 'c', whose value is the number of the character. */
const SIMPLE: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

const ESCAPE = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})|(.)|$)/gsu;

/** Undefined when it holds an escape that is none. */
export function unquote(literal: string): string | bigint | undefined {
  const quote = literal[0];
  const body = literal.slice(1, -1);
  if (quote === "`") return body;
  let valid = true;
  const text = body.replace(
    ESCAPE,
    (_, hex?: string, short?: string, long?: string, octal?: string, other = "") => {
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      const code = Number.parseInt(hex ?? short ?? long ?? "", 16);
      if (!Number.isNaN(code) && code <= 0x10ffff) return String.fromCodePoint(code);
      const simple = SIMPLE[other as string];
      valid &&= simple !== undefined && other !== (quote === '"' ? "'" : '"');
      return simple ?? "";
    },
  );
  if (!valid) return undefined;
  if (quote === '"') return text;
  const [character, ...more] = text;
  return character === undefined || more.length > 0 ? undefined : BigInt(character.codePointAt(0) ?? 0);
}
