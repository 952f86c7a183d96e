/**
 * A watch that does not end when its connection does. It remembers the last revision it was told of and goes on from
 * there; when the server no longer holds what came after (410), it lists again, if it may.
 *
 *     list -> [streaming] -> closed or broken -> wait -> [streaming] ...
 *                  '-> 410 -> list
 *
 * Every change after the start is given exactly once, in order, unless a LISTED comes between: that replaces everything
 * known before.
 */
import type { Clock } from "../clock/clock.ts";
import type { Resource } from "../model/resource.ts";
import { ApiError, type ApiStatus, UnreachableError } from "./error.ts";

export type WatchEvent<R extends Resource = Resource> =
  /** What there is as of now: at the start (without `resourceVersion`), and again after what was missed could not be had. */
  | { readonly type: "LISTED"; readonly items: readonly R[]; readonly resourceVersion: string }
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: R };

interface Frame {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: unknown;
}

export interface WatchSource {
  readonly list: () => Promise<{ readonly items: readonly Resource[]; readonly resourceVersion: string }>;
  /** The lines of one connection. */
  readonly stream: (resourceVersion: string) => AsyncIterable<string>;
}

export interface WatchOptions {
  /** Where to begin; lists first when absent. */
  readonly resourceVersion?: string;
  /** What to do when changes were missed for good: list again (LISTED), which is the default, or throw the ApiError. */
  readonly onExpired?: "relist" | "throw";
  /** Failed connections in a row after which UnreachableError is thrown: 20 when absent. */
  readonly attempts?: number;
  readonly signal?: AbortSignal;
}

const FIRST_DELAY = 50;
const LONGEST_DELAY = 5000;

export async function* resumingWatch(
  source: WatchSource,
  options: WatchOptions,
  clock: Clock,
): AsyncGenerator<WatchEvent, void, undefined> {
  const { signal } = options;
  let version = options.resourceVersion;
  let failures = 0;
  while (!isAborted(signal)) {
    try {
      if (version === undefined) {
        const listing = await source.list();
        version = listing.resourceVersion;
        yield { type: "LISTED", ...listing };
      }
      let isSilent = true;
      for await (const frame of frames(source.stream(version))) {
        failures = 0;
        isSilent = false;
        version = versionOf(frame) ?? version;
        if (frame.type !== "BOOKMARK") yield frame as WatchEvent;
      }
      // Ended at once by whoever is there: not again without a breath.
      if (isSilent) await pause(clock, FIRST_DELAY, signal);
    } catch (error) {
      if (isAborted(signal)) return;
      failures += 1;
      const remedy = remedyFor(error, failures, options);
      if (remedy === "throw") throw error;
      if (remedy === "relist") version = undefined;
      else await pause(clock, Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (failures - 1)), signal);
    }
  }
}

function remedyFor(
  error: unknown,
  failures: number,
  options: WatchOptions,
): "relist" | "reconnect" | "throw" {
  const mayRepeat = failures < (options.attempts ?? 20);
  if (error instanceof ApiError) {
    if (error.code === 410) return options.onExpired === "throw" ? "throw" : "relist";
    return mayRepeat && (error.code === 429 || error.code === 503) ? "reconnect" : "throw";
  }
  return error instanceof UnreachableError && mayRepeat ? "reconnect" : "throw";
}

async function* frames(lines: AsyncIterable<string>): AsyncGenerator<Frame, void, undefined> {
  for await (const line of lines) {
    if (line === "") continue;
    const frame = JSON.parse(line) as Frame;
    if (frame.type === "ERROR") throw new ApiError(frame.object as ApiStatus);
    yield frame;
  }
}

function versionOf(frame: Frame): string | undefined {
  return (frame.object as Resource | undefined)?.metadata.resourceVersion;
}

async function pause(clock: Clock, delay: number, signal: AbortSignal | undefined): Promise<void> {
  // Aborted meanwhile: the loop sees it.
  await clock.sleep(delay / 2 + (clock.random() * delay) / 2, signal).catch(() => undefined);
}

/** As a function, because the answer changes while others wait. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
