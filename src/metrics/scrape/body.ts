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

/** `fail` is told of what goes wrong while nobody writes: the rest is not wanted then. */
export function bodyOf(encoding: string | undefined, take: Take, fail: (error: Error) => void): Body {
  const coding = (encoding ?? "identity").trim().toLowerCase();
  if (coding === "identity" || coding === "") return new PlainBody(take);
  if (coding === "gzip" || coding === "x-gzip") return new PackedBody(take, fail);
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
  readonly #fail: (error: Error) => void;
  #chunks: Uint8Array[] = [];
  #size = 0;
  #stream: Gunzip | undefined;

  constructor(take: Take, fail: (error: Error) => void) {
    this.#take = take;
    this.#fail = fail;
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
    const stream = this.#stream;
    if (stream === undefined) {
      this.#take(gunzipSync(Buffer.concat(this.#chunks)));
      return;
    }
    // Errors go to `fail`, and nobody waits for this any more then.
    await new Promise<void>((resolve) => stream.once("end", resolve).end());
  }

  destroy(): void {
    this.#stream?.destroy();
  }

  #open(): Gunzip {
    const stream = createGunzip();
    stream.once("error", this.#fail);
    stream.on("data", (chunk: Uint8Array) => {
      try {
        this.#take(chunk);
      } catch (error) {
        stream.destroy(error as Error);
      }
    });
    for (const chunk of this.#chunks) stream.write(chunk);
    this.#chunks = [];
    return stream;
  }
}
