import { refuse } from "../../diagnostics/diagnostic.ts";
import { type Blobs, hashOf } from "./blobs.ts";

/** Blobs that live as long as their process, for tests and simulations. */
export class MemoryBlobs implements Blobs {
  readonly #texts = new Map<string, { readonly text: string; readonly owners: Set<string> }>();

  async put(owner: string, text: string): Promise<string> {
    const hash = hashOf(text);
    const known = this.#texts.get(hash);
    if (known === undefined) this.#texts.set(hash, { text, owners: new Set([owner]) });
    else known.owners.add(owner);
    return hash;
  }

  async get(hash: string): Promise<string> {
    return (
      this.#texts.get(hash)?.text ??
      refuse({ code: "BlobMissing", message: `There is no blob with the hash ${hash}.` })
    );
  }

  async release(owner: string): Promise<void> {
    for (const [hash, { owners }] of this.#texts)
      if (owners.delete(owner) && owners.size === 0) this.#texts.delete(hash);
  }
}
