/**
 * Which instances run, and what they are told to have come to.
 *
 *   begin ──▶ starting ──started──▶ running ──die, or missing in a comparison──▶ telling ──▶ (forgotten)
 *                 └───forget: could not start, or is to be stopped──▶ (forgotten)
 *
 *  W1 An end is told once: by whom it is put from running to telling.
 *  W2 What was forgotten before (a stop that was asked for) ends in silence.
 *  W3 What ends while it is being started is told when the start is over: before that nobody knows of it.
 *  W4 An instance ends with any of its containers: a sidecar that is gone leaves half of it.
 */
import type { Clock } from "../../clock/clock.ts";
import type { EngineHealth, Exit, Identity } from "../../provider/provider.ts";
import { redact, tellingLine } from "../../provider/redaction.ts";
import { type Ending, endingOf } from "./ending.ts";
import type { EventStream } from "./event-stream.ts";
import { type EngineEvent, type EventListener, containerEvents } from "./events.ts";
import type { ContainerState, Containers, ListedContainer } from "./containers.ts";
import { besideOf, roleOf } from "./identity.ts";
import { secretsOf } from "./secrets.ts";

export interface Watched {
  readonly identity: Identity;
  /** The main container first, then the sidecars with what people call them. */
  readonly parts: ReadonlyMap<string, string | undefined>;
  /** What its log may hold beside the secrets of its environment. */
  readonly secrets: readonly string[];
}

interface Entry extends Watched {
  state: "starting" | "running" | "telling";
  /** Names of parts that ended while it was starting. */
  readonly endedEarly: Set<string>;
  health?: string;
}

export class Watch implements EventListener {
  readonly #containers: Containers;
  readonly #events: EventStream;
  readonly #byUid = new Map<string, Entry>();
  readonly #byName = new Map<string, Entry>();
  readonly #outOfMemory = new Set<string>();
  readonly #exits = new Set<(exit: Exit) => void>();
  readonly #healths = new Set<(health: EngineHealth) => void>();

  constructor(options: { readonly containers: Containers; readonly clock: Clock; readonly home: string }) {
    this.#containers = options.containers;
    this.#events = containerEvents({ ...options, listener: this });
  }

  onExit(listener: (exit: Exit) => void): () => void {
    this.#exits.add(listener);
    return () => this.#exits.delete(listener);
  }

  onHealth(listener: (health: EngineHealth) => void): () => void {
    this.#healths.add(listener);
    return () => this.#healths.delete(listener);
  }

  close(): void {
    this.#events.close();
  }

  /** From now on its ends are noticed; told they are once it is `started`. */
  begin(watched: Watched): void {
    this.#events.open();
    if (this.#byUid.has(watched.identity.uid)) return;
    const entry: Entry = { ...watched, state: "starting", endedEarly: new Set() };
    this.#byUid.set(watched.identity.uid, entry);
    for (const name of watched.parts.keys()) this.#byName.set(name, entry);
  }

  /** `ended`: the name of a part that was found not to run. */
  started(identity: Identity, ended?: string): void {
    const entry = this.#byUid.get(identity.uid);
    if (entry?.state !== "starting") return;
    entry.state = "running";
    const [early = ended] = entry.endedEarly;
    if (early !== undefined) void this.#tell(entry, early);
  }

  forget(identity: Identity): void {
    const entry = this.#byUid.get(identity.uid);
    if (entry !== undefined) this.#drop(entry);
  }

  event({ name, action, detail }: EngineEvent): void {
    const entry = this.#byName.get(name);
    if (entry === undefined) return;
    if (action === "oom") this.#outOfMemory.add(name);
    else if (action === "health_status") this.health(entry.identity, name, detail);
    else if (entry.state === "starting") entry.endedEarly.add(name);
    else void this.#tell(entry, name, detail === "" ? undefined : Number(detail));
  }

  compare(listed: readonly ListedContainer[]): void {
    const byName = new Map(listed.map((container) => [nameOf(container), container]));
    for (const entry of this.#byUid.values()) {
      if (entry.state !== "running") continue;
      const [main] = entry.parts.keys();
      const ended = [...entry.parts.keys()].find((name) => !isRunning(byName.get(name)));
      if (ended !== undefined) void this.#tell(entry, ended);
      else if (main !== undefined)
        this.health(entry.identity, main, healthIn(byName.get(main)?.Status ?? "") ?? "");
    }
  }

  /** Of the main container; told when it is another than before. */
  health(identity: Identity, name: string, state: string): void {
    const entry = this.#byUid.get(identity.uid);
    const [main] = entry?.parts.keys() ?? [];
    if (entry === undefined || name !== main || entry.health === state) return;
    if (state !== "healthy" && state !== "unhealthy") return;
    entry.health = state;
    void this.#tellHealth(entry, name, state);
  }

  async #tellHealth(entry: Entry, name: string, state: "healthy" | "unhealthy"): Promise<void> {
    const isHealthy = state === "healthy";
    const found = isHealthy ? undefined : await this.#containers.inspect(name).catch(() => undefined);
    if (this.#byUid.get(entry.identity.uid)?.health !== state) return;
    const message = isHealthy
      ? "The image's own check passes."
      : failedCheck(found, [...secretsOf(found), ...entry.secrets]);
    for (const listener of this.#healths) listener({ identity: entry.identity, healthy: isHealthy, message });
  }

  async #tell(entry: Entry, name: string, code?: number): Promise<void> {
    if (this.#byUid.get(entry.identity.uid) !== entry || entry.state !== "running") return;
    entry.state = "telling"; // W1
    const sidecar = entry.parts.get(name);
    const isOutOfMemory = this.#outOfMemory.has(name);
    let found: ContainerState | undefined;
    try {
      found = await this.#containers.inspect(name);
    } catch {
      // The engine went away: without a code nothing is known, and the next comparison tells.
      if (code === undefined) {
        entry.state = "running";
        return;
      }
    }
    const output = await this.#containers.lastWords(name);
    if (this.#byUid.get(entry.identity.uid) !== entry) return; // W2
    this.#drop(entry);
    const ending: Ending = {
      ...(sidecar === undefined ? {} : { sidecar }),
      ...(code === undefined ? {} : { code }),
      ...(found === undefined ? {} : { found }),
      isOutOfMemory,
      output,
    };
    const exit = { identity: entry.identity, ...endingOf(ending, [...secretsOf(found), ...entry.secrets]) };
    for (const listener of this.#exits) listener(exit);
  }

  #drop(entry: Entry): void {
    this.#byUid.delete(entry.identity.uid);
    for (const name of entry.parts.keys()) {
      this.#byName.delete(name);
      this.#outOfMemory.delete(name);
    }
  }
}

function isRunning(container: ListedContainer | undefined): boolean {
  return container?.State === "running" || container?.State === "paused";
}

/** What is to be watched of an instance that was found; undefined when it, or a part of it (W4), does not run. */
export function watchedIn(
  identity: Identity,
  listed: readonly ListedContainer[],
):
  | { readonly watched: Watched; readonly id: string; readonly name: string; readonly health?: string }
  | undefined {
  const main = listed.find(({ Labels }) => roleOf(Labels) === "main");
  if (main === undefined) return undefined;
  const sidecars = listed.filter(({ Labels }) => roleOf(Labels) === "sidecar");
  if (![main, ...sidecars].every(isRunning)) return undefined;
  const parts = [main, ...sidecars].map((part) => [nameOf(part), besideOf(part.Labels)] as const);
  const health = /\((?:health: )?(healthy|unhealthy|starting)\)/.exec(main.Status)?.[1];
  return {
    watched: { identity, parts: new Map<string, string | undefined>(parts), secrets: [] },
    id: main.Id,
    name: nameOf(main),
    ...(health === undefined ? {} : { health }),
  };
}

function nameOf(container: ListedContainer): string {
  return container.Names[0]?.slice(1) ?? "";
}

/** Of "Up 3 seconds (unhealthy)". */
function healthIn(status: string): string | undefined {
  return /\((healthy|unhealthy)\)/.exec(status)?.[1];
}

function failedCheck(found: ContainerState | undefined, secrets: readonly string[]): string {
  const health = found?.State.Health;
  const said = redact(tellingLine(health?.Log.at(-1)?.Output ?? ""), secrets);
  const times = health?.FailingStreak ?? 0;
  const failed = `The image's own check failed${times > 1 ? ` ${times} times in a row` : ""}`;
  return said === "" ? `${failed}.` : `${failed}: ${said}`;
}
