/** Names for resources made from what outside things are called: valid, and free in the namespace. */
import type { Store } from "../store/store.ts";

const LONGEST = 63;

export class Names {
  readonly #namespace: string;
  readonly #store: Pick<Store, "get">;
  readonly #given = new Set<string>();

  constructor(namespace: string, store: Pick<Store, "get">) {
    this.#namespace = namespace;
    this.#store = store;
  }

  /** A name that no resource of the kind has, and that was not given before. */
  next(kind: string, text: string): string {
    const plain = this.plain(text);
    for (let count = 1; ; count += 1) {
      const suffix = count === 1 ? "" : `-${count}`;
      const name = `${plain.slice(0, LONGEST - suffix.length)}${suffix}`;
      if (this.#given.has(`${kind}/${name}`) || this.#isTaken(kind, name)) continue;
      this.#given.add(`${kind}/${name}`);
      return name;
    }
  }

  plain(text: string): string {
    const name = text
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, "-")
      .slice(0, LONGEST)
      .replace(/^-+|-+$/g, "");
    return name === "" ? "unnamed" : name;
  }

  #isTaken(kind: string, name: string): boolean {
    return this.#store.get({ kind, namespace: this.#namespace, name }) !== undefined;
  }
}
