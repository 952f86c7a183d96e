/**
 * A regular expression as JSONata uses one (made from a RegExp, `exec`, `lastIndex`), matched in time linear in the text: the engine of
 * JavaScript may take for ever, and no bound on steps sees it. What RE2 has not (look-around, back-references) is refused.
 */
import { RE2JS } from "re2js";

export class LinearRegex {
  readonly #pattern: RE2JS;
  /** Where the next search begins, as of a RegExp with the flag `g`. */
  lastIndex = 0;

  constructor({ source, flags }: RegExp) {
    const insensitive = flags.includes("i") ? RE2JS.CASE_INSENSITIVE : 0;
    const multiline = flags.includes("m") ? RE2JS.MULTILINE : 0;
    this.#pattern = RE2JS.compile(source, insensitive | multiline);
  }

  exec(text: string): ((string | undefined)[] & { readonly index: number }) | null {
    const matcher = this.#pattern.matcher(text);
    if (this.lastIndex > text.length || !matcher.find(this.lastIndex)) {
      this.lastIndex = 0;
      return null;
    }
    this.lastIndex = matcher.end();
    const groups = Array.from(
      { length: matcher.groupCount() + 1 },
      (_, group) => matcher.group(group) ?? undefined,
    );
    return Object.assign(groups, { index: matcher.start() });
  }
}
