/**
 * What changes on an engine beside its containers' ends, told to who watches the very thing: networks, volumes, containers.
 *
 *   watched (by name or id) ──the engine tells of it──▶ told        connected, again ──▶ all that is watched is told of
 *
 *  - The stream is open while anything is watched.
 *  - What happens while things go well (files mounted, containers that join networks, checks that run) is not asked for.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Engine } from "./engine.ts";
import { EventStream, type RawEvent } from "./event-stream.ts";

export type WatchedType = "container" | "network" | "volume";

/** Podman says `remove` and `died`, and nothing of networks (4.3). Of a network, `disconnect` is told to the container that lost it. */
const ACTIONS = ["create", "destroy", "remove", "update", "die", "died", "rename", "pause", "disconnect"];

export class Changes {
  readonly #engine: Engine;
  /** By type and name or id. */
  readonly #watchers = new Map<string, Set<() => void>>();
  #stream: EventStream | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** `names`: by which the engine calls it. */
  watch(
    type: WatchedType,
    names: readonly string[],
    changed: () => void,
    { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  ): void {
    if (signal.aborted) return;
    const places = names.map((name) => `${type} ${name}`);
    for (const place of places)
      this.#watchers.set(place, (this.#watchers.get(place) ?? new Set()).add(changed));
    const end = (): void => {
      for (const place of places) this.#remove(place, changed);
      if (this.#watchers.size === 0) this.close();
    };
    signal.addEventListener("abort", end, { once: true });
    this.#stream ??= this.#opened(clock);
  }

  close(): void {
    this.#stream?.close();
    this.#stream = undefined;
  }

  #remove(place: string, changed: () => void): void {
    const watchers = this.#watchers.get(place);
    watchers?.delete(changed);
    if (watchers?.size === 0) this.#watchers.delete(place);
  }

  #opened(clock: Clock): EventStream {
    const stream = new EventStream({
      engine: this.#engine,
      clock,
      filters: { type: ["container", "network", "volume"], event: ACTIONS },
      event: (event) => this.#told(event),
      check: async (signal, isFirst) => {
        await this.#engine.call((docker) => docker.ping(), { signal });
        if (isFirst) for (const place of this.#watchers.keys()) this.#tell(place);
      },
    });
    stream.open();
    return stream;
  }

  #told({ Type, Action, Actor }: RawEvent): void {
    const { ID, Attributes = {} } = Actor ?? {};
    const { name, container } = Attributes;
    if (Action === "disconnect") this.#tell(`container ${container}`);
    else for (const one of new Set([name, ID])) this.#tell(`${Type} ${one}`);
  }

  #tell(place: string): void {
    for (const changed of this.#watchers.get(place) ?? []) changed();
  }
}
