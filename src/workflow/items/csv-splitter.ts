/** Cuts CSV into records of fields, a character at a time (RFC 4180; lines may end with a line feed alone). */
export class CsvSplitter {
  field = "";
  #fields: string[] = [];
  #isQuoted = false;
  /** The character before was a quote that may have closed the field. */
  #isClosing = false;
  #isFirst = true;

  /** A record that is over with this character, blank lines aside. */
  take(char: string): readonly string[] | undefined {
    if (this.#isFirst && char === "\uFEFF") return undefined;
    this.#isFirst = false;
    if (this.#isQuoted && !this.#isClosing) {
      if (char === '"') this.#isClosing = true;
      else this.field += char;
      return undefined;
    }
    return this.#unquoted(char);
  }

  end(): readonly string[] | undefined {
    return this.field === "" && this.#fields.length === 0 ? undefined : this.#record();
  }

  #unquoted(char: string): readonly string[] | undefined {
    if (char === '"') {
      if (this.#isClosing) this.field += char; // two of them are one
      this.#isQuoted = true;
      this.#isClosing = false;
    } else if (char === ",") {
      this.#fields.push(this.field);
      this.#next();
    } else if (char === "\n") return this.end();
    else if (char !== "\r") this.field += char;
    return undefined;
  }

  #record(): readonly string[] {
    const record = [...this.#fields, this.field];
    this.#fields = [];
    this.#next();
    return record;
  }

  #next(): void {
    this.field = "";
    this.#isQuoted = false;
    this.#isClosing = false;
  }
}
