/** Drift for people: by resource, what is other than it should be, since when, by whom, and what becomes of it. */
import type { DriftNoise, DriftReport, FoundDrift } from "../../client/drift.ts";
import { type Style, harmless } from "./style.ts";
import { age, tableText } from "./table.ts";

export function driftView(
  { items, noise }: Pick<DriftReport, "items" | "noise">,
  { style, now }: { readonly style: Style; readonly now: number },
): string {
  if (items.length === 0) return "Everything is as it should be.";
  const lines: string[] = [];
  for (const [address, found] of Map.groupBy(items, (item) => item.address)) {
    if (lines.length > 0) lines.push("");
    lines.push(style.bold(address));
    for (const item of found) lines.push(...itemLines(item, style, now));
  }
  if (noise.length > 0) lines.push("", style.dim("Some of it keeps coming back: tutti drift --noise."));
  return lines.join("\n");
}

function itemLines(item: FoundDrift, style: Style, now: number): readonly string[] {
  const who = item.by === undefined ? "" : `, by ${whoText(item.by)}${actionText(item)}`;
  const since = item.since === undefined ? "" : `since ${age(item.since, now)}${who}`;
  const what =
    item.path === ""
      ? style.red("it is gone")
      : `${item.path}  ${style.green(shown(item.expected))} ${style.dim("->")} ${style.red(shown(item.actual))}`;
  return [
    `  ${what}`,
    `    ${style.dim([since, outcome(item, now)].filter((text) => text !== "").join("; "))}`,
  ];
}

function actionText({ action }: FoundDrift): string {
  return action === undefined ? "" : ` (${harmless(action)})`;
}

function outcome({ answer, until, of, path, setBack = 0 }: FoundDrift, now: number): string {
  if (answer === "tolerate")
    return `tolerated${until === undefined ? "" : `, ${age(until, now)} more`}`.replace(", in ", ", ");
  if (path === "")
    return of === "thing" ? "it is made again" : "written past the declaration; 'tutti up' makes it again";
  if (answer === "report")
    return of === "thing" ? "left as it is" : "written past the declaration; left as it is";
  return setBack >= 3 ? `set back ${setBack} times in vain: tried seldom now` : "it is set back";
}

function shown(value: unknown): string {
  if (value === undefined) return "(none)";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return harmless(text.length > 100 ? `${text.slice(0, 97)}...` : text);
}

function whoText(actor: string): string {
  return harmless(actor.replace(/^user:/, ""));
}

export function noiseView(noise: readonly DriftNoise[], style: Style): string {
  if (noise.length === 0) return "Nothing keeps coming back.";
  const rows = noise.map(({ kind, class: name, path, resources, times, examples }) => [
    `${kind} ${name}`,
    path,
    String(resources),
    String(times),
    examples.join(", "),
  ]);
  const advice =
    "Somebody else, or the engine itself, writes these. Name the path in lifecycle.ignoreChanges, or declare what is found ('tutti drift adopt').";
  return `${tableText(["CLASS", "ATTRIBUTE", "RESOURCES", "SET BACK", "FOR EXAMPLE"], rows)}\n\n${style.dim(advice)}`;
}
