/** The next times of a schedule: by the clock there, how long until then, and why one is not when the rule says. */
import type { ScheduledTime } from "../../client/workflows.ts";
import { formatDuration } from "../../model/duration.ts";
import { harmless } from "./style.ts";
import { tableText } from "./table.ts";

const MOST_OMITTED = 3;

export function scheduledView(times: readonly ScheduledTime[], now: number): string {
  const rows = times.flatMap((one) => [
    ...one.omitted
      .slice(0, MOST_OMITTED)
      .map(({ local, why }) => [`(${readable(local)})`, "", `not run: ${harmless(why)}`]),
    ...(one.omitted.length > MOST_OMITTED
      ? [["", "", `... and ${one.omitted.length - MOST_OMITTED} more are not run`]]
      : []),
    [
      readable(one.local),
      `in ${formatDuration(Math.max(0, Date.parse(one.start ?? one.time) - now))}`,
      [...one.why, ...lateOf(one)].map(harmless).join("; "),
    ],
  ]);
  return tableText(["TIME", "IN", "WHY"], rows);
}

/** `2026-03-29 03:00 +02:00 Europe/Berlin`, seconds where there are some. */
function readable(local: string): string {
  return local
    .replace("T", " ")
    .replace(/(:\d\d):00(?=[+\-[]|$)/, "$1")
    .replace(/([+-]\d\d:\d\d)?\[(.+)\]$/, " $1 $2")
    .replaceAll(/ +/g, " ")
    .trim();
}

function lateOf({ time, start }: ScheduledTime): readonly string[] {
  const jitter = start === undefined ? 0 : Date.parse(start) - Date.parse(time);
  return jitter > 0 ? [`starts ${formatDuration(jitter)} later, by its jitter`] : [];
}
