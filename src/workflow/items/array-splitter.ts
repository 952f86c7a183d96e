/** Cuts one JSON array into the texts of its elements, a character at a time: at the commas that are in nothing else. */
import { refuse } from "../../diagnostics/diagnostic.ts";

export class ArraySplitter {
  /** Of the element so far. */
  text = "";
  /** The array has ended. */
  isOver = false;
  #depth = 0;
  #isText = false;
  #isEscaped = false;
  #isFirst = true;

  /** The element that is over with this character. Refuses with InvalidItems what is no array. */
  take(char: string): string | undefined {
    if (this.#isText) this.#inText(char);
    else if (this.#depth === 0) this.#before(char);
    else return this.#within(char);
    return undefined;
  }

  #inText(char: string): void {
    this.text += char;
    if (this.#isEscaped) this.#isEscaped = false;
    else if (char === "\\") this.#isEscaped = true;
    else if (char === '"') this.#isText = false;
  }

  #before(char: string): void {
    if (char === "[") this.#depth = 1;
    else if (char.trim() !== "" && char !== "\uFEFF")
      refuse({
        code: "InvalidItems",
        message: "The items are no JSON array.",
        hint: "Give a list, or say format: json-lines or csv.",
      });
  }

  #within(char: string): string | undefined {
    if (this.#depth === 1 && (char === "," || char === "]")) return this.#element(char === "]");
    if (char === '"') this.#isText = true;
    else if (char === "[" || char === "{") this.#depth++;
    else if (char === "]" || char === "}") this.#depth--;
    this.text += char;
    return undefined;
  }

  #element(isLast: boolean): string | undefined {
    const { text } = this;
    const isNone = isLast && this.#isFirst && text.trim() === "";
    this.text = "";
    this.isOver = isLast;
    this.#isFirst = false;
    return isNone ? undefined : text;
  }
}
