/** Writing what HAProxy reads: words of its configuration that mean exactly what they hold. */
import { TerminalError } from "../../provider/provider.ts";

// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x1f\x7f]/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** One word, whatever it holds. A control character ends a line somewhere, so none may come this far. */
export function word(text: string): string {
  if (CONTROL.test(text)) throw new Error("A control character cannot stand in HAProxy's configuration.");
  return `"${text.replace(/["\\$]/g, "\\$&")}"`;
}

/** One word that is a log-format to HAProxy, and comes out of it as it is here. */
export function literal(text: string): string {
  return word(text.replaceAll("%", "%%"));
}

/** A regular expression that matches the text. */
export function pattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
}

/** Refuses what cannot be a header, before anything is changed. */
export function checkHeader(path: string, name: string, value: string): void {
  if (!TOKEN.test(name))
    throw new TerminalError({
      code: "InvalidHeader",
      path,
      message: `'${name}' cannot be the name of a header.`,
      hint: "Use letters, digits and dashes.",
    });
  if (CONTROL.test(value))
    throw new TerminalError({
      code: "InvalidHeader",
      path,
      message: `The value of the header ${name} holds a control character.`,
      hint: "A header is one line of text.",
    });
}

/** Refuses what would be two words in a map. */
export function checkKey(path: string, text: string): void {
  if (/\s/.test(text) || CONTROL.test(text))
    throw new TerminalError({
      code: "InvalidRoute",
      path,
      message: `'${text}' matches no request, since it holds blanks.`,
      hint: "Write blanks in a path as %20.",
    });
}
