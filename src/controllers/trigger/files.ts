/** Files that come into a directory, by looking into it. */
import { glob, stat } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { parseDuration } from "../../model/duration.ts";
import { LABELS } from "../../model/resource.ts";
import type { Snapshot } from "../../store/store.ts";
import type { Happening, Trigger, TriggeredSchedule } from "./fire.ts";

type FileTrigger = Extract<Trigger, { readonly file: object }>;

/** Of one look. */
const MOST = 10_000;

export async function filesFor(
  schedule: TriggeredSchedule,
  { file }: FileTrigger,
  store: Pick<Snapshot, "get">,
  now: number,
): Promise<{
  readonly happenings: readonly Happening[];
  readonly present: readonly string[];
  readonly again: number;
}> {
  const directory = directoryOf(schedule, file.directory, store);
  const settle = parseDuration(file.settle);
  const happenings: Happening[] = [];
  const present: string[] = [];
  for await (const path of glob(file.pattern, { cwd: directory })) {
    const found = await stat(join(directory, path)).catch(() => undefined);
    if (found?.isFile() !== true) continue;
    const identity = file.on === "new" ? path : `${path}\n${found.mtimeMs}\n${found.size}`;
    present.push(identity);
    if (found.mtimeMs + settle > now || happenings.length >= MOST) continue;
    const event = {
      path: join(directory, path),
      name: path,
      size: found.size,
      modified: new Date(found.mtimeMs).toISOString(),
    };
    happenings.push({ identity, run: `${path}\n${found.mtimeMs}`, event });
  }
  happenings.sort((one, other) => (one.identity < other.identity ? -1 : 1));
  return { happenings, present, again: parseDuration(file.interval) };
}

/** Relative to the folder of the declaration. */
function directoryOf(
  { metadata }: TriggeredSchedule,
  directory: string,
  store: Pick<Snapshot, "get">,
): string {
  if (isAbsolute(directory)) return directory;
  const { namespace = "default", labels } = metadata;
  const system = store.get({ kind: "System", namespace, name: labels?.[LABELS.system] ?? "" });
  const { folder = "/" } = (system?.spec ?? {}) as { readonly folder?: string };
  return resolve(folder, directory);
}
