/**
 * A rehearsal for people: what was assumed, the timeline, how it ends, where it would stop.
 *
 *     +0.0s   database/orders   begins (create)
 *     +2.2s   database/orders   ready
 *     +2.2s   service/api, service/web and 3 more   begin (create)
 */
import type { Moment, MomentType, Rehearsal, Stop } from "../rehearsal.ts";
import { type Style, counted, harmless } from "./style.ts";

export interface RehearsalViewOptions {
  readonly style: Style;
  /** Every line, and every address in it. */
  readonly isWhole: boolean;
}

/** Addresses in one line. */
const NAMED = 3;
/** Lines of a timeline that is not whole: so many of its beginning and of its end. */
const HEAD = 40;
const TAIL = 20;
const PATH = 12;

export function rehearsalView(rehearsal: Rehearsal, { style, isWhole }: RehearsalViewOptions): string {
  const { timeline, assumed, seed, system } = rehearsal;
  if (timeline.length === 0) return `${style.green("Nothing to do:")} ${system} is as declared.`;
  const groups = isWhole ? timeline.map((moment) => [moment]) : grouped(timeline);
  const lines = groups.map((group) => lineOf(group, isWhole, style));
  const left = lines.length - HEAD - TAIL;
  const shown =
    isWhole || left <= 1
      ? lines
      : [...lines.slice(0, HEAD), style.dim(`        ... ${left} more lines: --all`), ...lines.slice(-TAIL)];
  return [
    `Rehearsal of ${system} (seed ${seed}):`,
    "",
    ...shown,
    "",
    ...ending(rehearsal, style),
    ...(assumed.length === 0 ? [] : ["", style.dim("assumed:")]),
    ...assumed.map((one) => style.dim(`  ${harmless(one)}`)),
  ].join("\n");
}

/** What happens at one instant in the same words is one line. */
function grouped(timeline: readonly Moment[]): readonly (readonly Moment[])[] {
  const groups = new Map<string, Moment[]>();
  for (const moment of timeline) {
    const key = `${moment.at} ${moment.type} ${moment.text}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [moment]);
    else group.push(moment);
  }
  return [...groups.values()];
}

function lineOf(group: readonly Moment[], isWhole: boolean, style: Style): string {
  const [first] = group as readonly [Moment];
  const names = group.map(({ address }) => address);
  const text = harmless(
    names.length === 1
      ? first.text
      : first.text
          .replace(/^begins/, "begin")
          .replace(/^has /, "have ")
          .replace(/^is /, "are "),
  );
  return `${style.dim(time(first.at).padStart(9))}  ${listed(names, isWhole)}  ${COLOURS[first.type](style)(text)}`;
}

const plain = (): ((text: string) => string) => (text) => text;
const COLOURS: Readonly<Record<MomentType, (style: Style) => (text: string) => string>> = {
  begins: plain,
  retries: (style) => style.yellow,
  waits: (style) => style.dim,
  fails: (style) => style.yellow,
  failed: (style) => style.red,
  ready: (style) => style.green,
  gone: (style) => style.green,
  change: (style) => style.bold,
  stage: (style) => style.bold,
  approval: (style) => style.cyan,
  crash: (style) => style.red,
  outside: (style) => style.magenta,
};

function ending(rehearsal: Rehearsal, style: Style): readonly string[] {
  const { mostAtOnce, criticalPath, stops, undone } = rehearsal;
  const path = criticalPath
    .slice(-PATH)
    .map(({ address, from, until }) => `${address} ${span(until - from)}`);
  const cut = criticalPath.length > PATH ? "... > " : "";
  return [
    endOf(rehearsal, style),
    ...stops.flatMap((stop) => stopLines(stop, style)),
    ...(undone.length === 0 ? [] : [`taken back: ${listed(undone, false)}`]),
    ...(path.length === 0 ? [] : [`critical path: ${cut}${path.join(" > ")}`]),
    `at work at once: ${mostAtOnce} at most`,
  ];
}

function endOf({ outcome, total, isRefused }: Rehearsal, style: Style): string {
  if (isRefused) return style.red("Would not begin: the plan is refused as it stands.");
  return outcome === "done"
    ? style.green(`Comes to its end after ${span(total)}.`)
    : style.red(`Would not come to its end; nothing goes forward after ${span(total)}.`);
}

function stopLines({ at, address, why, holdsUp }: Stop, style: Style): readonly string[] {
  const waits =
    holdsUp.length === 0
      ? []
      : [`    ${listed(holdsUp, false)} ${holdsUp.length === 1 ? "waits" : "wait"} for it`];
  return [`  ${style.red("would stop")} at ${time(at)}: ${address}: ${harmless(why)}`, ...waits];
}

function listed(names: readonly string[], isWhole: boolean): string {
  if (isWhole || names.length <= NAMED + 1) return names.map(harmless).join(", ");
  const more = names.length - NAMED;
  return `${names.slice(0, NAMED).map(harmless).join(", ")} and ${counted(more, "other")}`;
}

function time(milliseconds: number): string {
  return `+${span(milliseconds)}`;
}

/** `2.2s`, `1m5s`, `2h3m`. */
function span(milliseconds: number): string {
  const seconds = milliseconds / 1_000;
  if (seconds < 60) return `${Number(seconds.toFixed(milliseconds < 10_000 ? 2 : 1))}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${Math.round(seconds % 60)}s`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m`;
}
