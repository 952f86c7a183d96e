/**
 * The body of an answer as it arrives, unpacked. Small packed bodies, the usual ones, are unpacked at once when they are
 * there: that costs less than a stream. Larger ones go through a stream, which is cut off as soon as the reader refuses.
 */
import { type Gunzip, createGunzip, gunzipSync } from "node:zlib";

/** Unpacked at once this is at most a thousand times as much. */
const SMALL = 16 * 1024;

export interface Flow {
  pause(): void;
  resume(): void;
}

/** Reads chunks; throws to refuse the rest. */
export type Take = (chunk: Uint8Array) => void;

export interface Body {
  /** Throws what `take` throws. */
  write(chunk: Uint8Array, flow: Flow): void;
  /** Resolves when `take` has had everything. */
  end(): Promise<void>;
  /** No more is wanted. */
  destroy(): void;
}

export function bodyOf(encoding: string | undefined, take: Take): Body {
  const coding = (encoding ?? "identity").trim().toLowerCase();
  if (coding === "identity" || coding === "") return new PlainBody(take);
  if (coding === "gzip" || coding === "x-gzip") return new PackedBody(take);
  throw new Error(`The target answers in the encoding '${coding}': let it send gzip or plain text.`);
}

class PlainBody implements Body {
  readonly #take: Take;

  constructor(take: Take) {
    this.#take = take;
  }

  write(chunk: Uint8Array): void {
    this.#take(chunk);
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  destroy(): void {}
}

class PackedBody implements Body {
  readonly #take: Take;
  #chunks: Uint8Array[] = [];
  #size = 0;
  #stream: Gunzip | undefined;
  #done: Promise<void> | undefined;

  constructor(take: Take) {
    this.#take = take;
  }

  write(chunk: Uint8Array, flow: Flow): void {
    this.#size += chunk.length;
    if (this.#stream === undefined && this.#size <= SMALL) {
      this.#chunks.push(chunk);
      return;
    }
    const stream = (this.#stream ??= this.#open());
    if (stream.write(chunk)) return;
    flow.pause();
    stream.once("drain", () => flow.resume());
  }

  async end(): Promise<void> {
    if (this.#stream === undefined) {
      this.#take(gunzipSync(Buffer.concat(this.#chunks)));
      return;
    }
    this.#stream.end();
    await this.#done;
  }

  destroy(): void {
    this.#stream?.destroy();
  }

  #open(): Gunzip {
    const stream = createGunzip();
    const done = new Promise<void>((resolve, reject) => {
      stream.on("data", (chunk: Uint8Array) => {
        try {
          this.#take(chunk);
        } catch (error) {
          stream.destroy(error as Error);
        }
      });
      stream.once("end", resolve);
      stream.once("error", reject);
      stream.once("close", () => reject(new Error("The body was broken off.")));
    });
    // Who ends the body waits for it; one that is broken off before is nobody's to wait for.
    done.catch(() => {});
    this.#done = done;
    for (const chunk of this.#chunks) stream.write(chunk);
    this.#chunks = [];
    return stream;
  }
}
