/**
 * The image that an instance runs in, and what has to be known of it before a container is made. Asked at every start, and
 * looked up once a minute: what is pinned does not change, and what the engine lost meanwhile it says at the start.
 */
import type { ImageInspectInfo } from "dockerode";
import type { Clock } from "../../clock/clock.ts";
import type { ContainerSettings } from "../../provider/container.ts";
import type { Engine } from "./engine.ts";

export interface ChosenImage {
  readonly id: string;
  /** Working directory. */
  readonly folder: string;
  readonly hasCheck: boolean;
}

/** What of a declaration says which image is meant. */
export type ImageWish = Pick<ContainerSettings, "image" | "digest" | "pull" | "build"> & {
  readonly namespace: string;
  /** Of the declaration. */
  readonly folder: string;
};

/** Has it on the engine, and gives its id. */
export type EnsureImage = (wish: ImageWish, signal: AbortSignal) => Promise<string>;

const KNOWN_FOR = 60_000;

export class ChosenImages {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #ensure: EnsureImage;
  readonly #known = new Map<string, { readonly at: number; readonly image: Promise<ChosenImage> }>();

  constructor(options: { readonly engine: Engine; readonly clock: Clock; readonly ensure: EnsureImage }) {
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#ensure = options.ensure;
  }

  async choose(wish: ImageWish, signal: AbortSignal): Promise<ChosenImage> {
    const key = keyOf(wish);
    const known = this.#known.get(key);
    if (known !== undefined && this.#clock.now() - known.at < KNOWN_FOR) {
      // Who asked first may have given up: that is no answer for us.
      const image = await unlessAborted(
        known.image.catch(() => undefined),
        signal,
      );
      if (image !== undefined) return image;
    }
    const image = this.#look(wish, signal);
    const entry = { at: this.#clock.now(), image };
    this.#known.set(key, entry);
    image.catch(() => this.#known.get(key) === entry && this.#known.delete(key));
    return image;
  }

  /** The engine has it no more, or may have another. */
  forget(wish: ImageWish): void {
    this.#known.delete(keyOf(wish));
  }

  async #look(wish: ImageWish, signal: AbortSignal): Promise<ChosenImage> {
    const id = await this.#ensure(wish, signal);
    const found: ImageInspectInfo = await this.#engine.call(
      (docker, abortSignal) => docker.getImage(id).inspect({ abortSignal } as object),
      { signal },
    );
    const { WorkingDir, Healthcheck } = found.Config;
    const test = Healthcheck?.Test ?? [];
    return { id, folder: WorkingDir, hasCheck: test.length > 0 && test[0] !== "NONE" };
  }
}

function keyOf({ image, digest, pull, build, namespace, folder }: ImageWish): string {
  return JSON.stringify([image, digest, pull, build, namespace, build === undefined ? "" : folder]);
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const left = Promise.withResolvers<never>();
  const leave = (): void => left.reject(signal.reason as Error);
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([promise, left.promise]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
