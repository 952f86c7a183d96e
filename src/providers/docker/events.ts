/**
 * What happens to containers of a home, told by the engine: a stream of events (event-stream.ts), made whole by comparison
 * with a list: after every connection, and at intervals.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Containers, ListedContainer } from "./containers.ts";
import { EventStream, type RawEvent } from "./event-stream.ts";
import { homeLabel } from "./identity.ts";

export interface EngineEvent {
  readonly name: string;
  readonly action: "die" | "oom" | "health_status";
  /** `exitCode`, or with health_status the state: `healthy`, `unhealthy`. */
  readonly detail: string;
}

export interface EventListener {
  event(event: EngineEvent): void;
  /** Every container of the home as it is now. */
  compare(listed: readonly ListedContainer[]): void;
}

export function containerEvents({
  containers,
  clock,
  home,
  listener,
}: {
  readonly containers: Containers;
  readonly clock: Clock;
  readonly home: string;
  readonly listener: EventListener;
}): EventStream {
  return new EventStream({
    engine: containers.engine,
    clock,
    filters: { type: ["container"], label: [homeLabel(home)], event: Object.keys(ACTIONS) },
    event: (raw) => {
      const event = eventOf(raw);
      if (event !== undefined) listener.event(event);
    },
    check: async (signal) => listener.compare(await containers.list([homeLabel(home)], signal)),
  });
}

function eventOf({ Action = "", Actor }: RawEvent): EngineEvent | undefined {
  const attributes = Actor?.Attributes ?? {};
  const [said = "", state = attributes["health_status"] ?? ""] = Action.split(": ");
  const action = ACTIONS[said];
  if (attributes["name"] === undefined || action === undefined) return undefined;
  const code = attributes["exitCode"] ?? attributes["containerExitCode"] ?? "";
  return { name: attributes["name"], action, detail: action === "die" ? code : state };
}

/** Podman has words of its own: `died`, and attributes for the code and the state. */
const ACTIONS: Readonly<Record<string, EngineEvent["action"]>> = {
  die: "die",
  died: "die",
  oom: "oom",
  health_status: "health_status",
};
