/**
 * Watch: newline-delimited `{type, object}` for every change after a revision, until the client goes, the time is over,
 * or the client reads too slowly.
 *
 * A selector makes a window: what comes to match it is ADDED, what ceases to is DELETED, whatever happened to it.
 *
 *     [present] -> [live] <-> [behind] -> cut off
 *
 * Invariants
 *  W1 What waits for a client is bounded: above the limit the stream falls behind, sends nothing, and goes on from its
 *     position once the client has taken what waited; the changes meanwhile are the store's to keep, not ours.
 *  W2 Who does not read at all for a while is cut off; who comes back too late gets 410, and lists again.
 */
import type { ServerResponse } from "node:http";
import type { Timer } from "../clock/clock.ts";
import type { Resource } from "../model/resource.ts";
import { type Change, StoreError } from "../store/store.ts";
import type { Answer, ApiContext, Call } from "./api-context.ts";
import { type FormatOptions, partial, textOfOne } from "./formats.ts";
import { type CollectionTarget, formatOptions, parseCount, selected, selectionOf } from "./read.ts";
import type { Selection } from "./selectors.ts";
import { asStatusError, statusBody } from "./status-error.ts";

const BOOKMARK_PERIOD = 60_000;
const SHORTEST_LIFE = 1_800_000;
/** How long a client may leave what waits for it unread. */
const PATIENCE = 30_000;

export function watch(context: ApiContext, call: Call, target: CollectionTarget): Answer {
  const options = formatOptions(context, call);
  const from = parseCount(call.query.get("resourceVersion"), "resourceVersion");
  const timeout =
    parseCount(call.query.get("timeoutSeconds"), "timeoutSeconds") * 1000 ||
    SHORTEST_LIFE * (1 + context.clock.random());
  const stream = new WatchStream(context, call, target, selectionOf(call), options);
  stream.open(context.streams.take(), from, Math.min(timeout, 86_400_000));
  return undefined;
}

class WatchStream {
  readonly #context: ApiContext;
  readonly #call: Call;
  readonly #target: CollectionTarget;
  readonly #selection: Selection;
  readonly #options: FormatOptions;
  readonly #response: ServerResponse;
  readonly #variant: string;
  readonly #timers = new Map<"life" | "bookmark" | "patience", Timer>();
  /** What there was at the start and has not been sent yet. */
  #present: Iterator<Resource> | undefined;
  /** Everything up to this revision is sent, or none of ours. */
  #position = 0;
  #release: (() => void) | undefined;
  #remove: (() => void) | undefined;
  #isFirst = true;
  #isBehind = false;
  #isOver = false;

  constructor(
    context: ApiContext,
    call: Call,
    target: CollectionTarget,
    selection: Selection,
    options: FormatOptions,
  ) {
    this.#context = context;
    this.#call = call;
    this.#target = target;
    this.#selection = selection;
    this.#options = options;
    this.#response = call.response;
    this.#variant = `${options.format} ${options.includeObject}`;
  }

  /** `release` is called at the end. */
  open(release: () => void, from: number, timeout: number): void {
    this.#release = release;
    const { store, clock, closing } = this.#context;
    this.#response.writeHead(200, {
      "content-type": "application/json",
      "cache-control": "no-cache, private",
    });
    this.#response.flushHeaders();
    this.#response.once("close", this.#end);
    closing.addEventListener("abort", this.#end, { once: true });
    this.#timers.set("life", clock.setTimeout(this.#end, timeout));
    this.#position = from === 0 ? store.revision : from;
    // Without a version to start from, what there is comes first, as if it had just been added.
    if (from === 0) this.#present = selected(store, this.#target, this.#selection)[Symbol.iterator]();
    this.#goOn();
    if (this.#call.query.get("allowWatchBookmarks") === "true") this.#scheduleBookmark();
  }

  /** The rest of what was there, then what came since, then live. */
  #goOn(): void {
    while (this.#present !== undefined && !this.#isBehind) {
      const next = this.#present.next();
      if (next.done !== true) this.#write("ADDED", this.#text(next.value));
      else {
        this.#present = undefined;
        if (this.#call.query.get("sendInitialEvents") === "true")
          this.#bookmark({ annotations: { "k8s.io/initial-events-end": "true" } });
      }
    }
    if (this.#isBehind || this.#isOver) return;
    this.#remove?.();
    const sink = {
      kind: this.#target.kind.kind,
      send: (change: Change, shared: Map<string, string>) => this.#send(change, shared),
    };
    try {
      this.#remove = this.#context.hub.add(sink, this.#position);
    } catch (error) {
      this.#refuse(error);
    }
    if (this.#isOver) this.#remove?.();
  }

  #send(change: Change, shared: Map<string, string>): void {
    if (this.#isBehind || this.#isOver) return;
    this.#position = change.revision;
    const type = this.#typeOf(change);
    if (type === undefined) return;
    const key = this.#isFirst ? `first ${this.#variant}` : this.#variant;
    let text = shared.get(key);
    if (text === undefined) shared.set(key, (text = this.#text(change.resource)));
    this.#write(type, text);
  }

  #typeOf(change: Change): Change["type"] | undefined {
    const { namespace } = this.#target;
    if (namespace !== undefined && change.key.namespace !== namespace) return undefined;
    if (this.#selection.isEverything) return change.type;
    const was = change.previous !== undefined && this.#selection.matches(change.previous);
    const is = change.type !== "DELETED" && this.#selection.matches(change.resource);
    if (is) return was ? "MODIFIED" : "ADDED";
    return was ? "DELETED" : undefined;
  }

  #text(resource: Resource): string {
    const options = { ...this.#options, now: this.#context.clock.now() };
    return textOfOne(this.#target.kind, resource, options, this.#isFirst);
  }

  #write(type: string, text: string): void {
    if (this.#isOver) return;
    this.#isFirst = false;
    // Only what was not taken at once is announced by "drain" when it has been.
    const isTaken = this.#response.write(`{"type":"${type}","object":${text}}\n`);
    if (!isTaken && this.#response.writableLength > this.#context.limits.waitingBytes) this.#fallBehind();
  }

  #fallBehind(): void {
    const { clock, log } = this.#context;
    this.#isBehind = true;
    const patience = clock.setTimeout(() => {
      log.warn(
        { kind: this.#target.kind.kind, waiting: this.#response.writableLength },
        "cut off a watch that does not read",
      );
      this.#response.destroy();
    }, PATIENCE);
    this.#timers.set("patience", patience);
    this.#response.once("drain", () => {
      patience.cancel();
      this.#isBehind = false;
      if (!this.#isOver) this.#goOn();
    });
  }

  #scheduleBookmark(): void {
    if (this.#isOver) return;
    const timer = this.#context.clock.setTimeout(() => {
      this.#bookmark({});
      this.#scheduleBookmark();
    }, BOOKMARK_PERIOD);
    this.#timers.set("bookmark", timer);
  }

  #bookmark(metadata: object): void {
    if (this.#isOver || this.#isBehind) return;
    const { kind } = this.#target;
    const resourceVersion = String(
      this.#present === undefined ? this.#context.store.revision : this.#position,
    );
    const content = {
      kind: kind.kind,
      apiVersion: kind.apiVersion,
      metadata: { ...metadata, resourceVersion, creationTimestamp: null },
    };
    const rows = [{ cells: [], object: partial(content as unknown as Resource) }];
    const table = {
      kind: "Table",
      apiVersion: "meta.k8s.io/v1",
      metadata: { resourceVersion },
      columnDefinitions: null,
      rows,
    };
    const object = this.#options.format === "table" ? table : content;
    this.#response.write(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
  }

  #refuse(error: unknown): void {
    const status = error instanceof StoreError ? asStatusError(error) : undefined;
    if (status === undefined) throw error;
    this.#write("ERROR", JSON.stringify(statusBody(status)));
    this.#end();
  }

  readonly #end = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#remove?.();
    this.#release?.();
    this.#context.closing.removeEventListener("abort", this.#end);
    for (const timer of this.#timers.values()) timer.cancel();
    this.#response.end();
  };
}
