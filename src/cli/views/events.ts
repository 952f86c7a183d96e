/** What happened, a line each. */
import type { Resource } from "../../model/resource.ts";
import { rootName } from "../../model/resource.ts";
import { type Style, harmless } from "./style.ts";
import { age, tableText } from "./table.ts";

export interface EventResource extends Resource {
  readonly involvedObject?: { readonly kind: string; readonly name: string; readonly namespace?: string };
  readonly reason?: string;
  readonly message?: string;
  readonly type?: string;
  readonly count?: number;
  readonly firstTimestamp?: string;
  readonly lastTimestamp?: string;
}

export function timeOf(event: EventResource): string {
  return event.lastTimestamp ?? event.metadata.creationTimestamp;
}

/** Oldest first; of the same second in the order in which they were written. */
export function inOrder(events: readonly EventResource[]): readonly EventResource[] {
  return events.toSorted(
    (a, b) =>
      Date.parse(timeOf(a)) - Date.parse(timeOf(b)) ||
      Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion),
  );
}

export function eventRows(
  events: readonly EventResource[],
  now: number,
  withObject: boolean,
): readonly (readonly string[])[] {
  return events.map((event) => {
    const count = event.count ?? 1;
    const when = `${age(timeOf(event), now)}${count > 1 ? ` (x${count})` : ""}`;
    return [
      when,
      event.type ?? "",
      event.reason ?? "",
      ...(withObject ? [objectOf(event)] : []),
      harmless(event.message ?? "").replaceAll("\n", " "),
    ];
  });
}

export function eventsView(events: readonly EventResource[], now: number): string {
  return tableText(["AGE", "TYPE", "REASON", "OBJECT", "MESSAGE"], eventRows(events, now, true));
}

/** One that just came: with its time, since the age would always be 0s. */
export function eventLine(event: EventResource, style: Style): string {
  const colour = event.type === "Warning" ? style.yellow : style.dim;
  const time = timeOf(event).slice(11, 19);
  return `${style.dim(time)} ${colour((event.reason ?? "").padEnd(18))} ${style.bold(objectOf(event))}  ${harmless(event.message ?? "").replaceAll("\n", " ")}`;
}

function objectOf(event: EventResource): string {
  return event.involvedObject === undefined
    ? ""
    : `${rootName(event.involvedObject.kind)}/${event.involvedObject.name}`;
}
