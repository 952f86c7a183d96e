/** A map of a running worker, brought to what is wanted; and as the file that the next worker reads. */
import type { Runtime } from "./runtime.ts";

export type MapEntries = Readonly<Record<string, string>>;

export function mapFile(entries: MapEntries): string {
  return Object.entries(entries)
    .map(([key, value]) => `${key} ${value}\n`)
    .join("");
}

export async function presentEntries(runtime: Runtime, worker: number, map: string): Promise<MapEntries> {
  const text = await runtime.ask(worker, `show map ${map}`);
  return Object.fromEntries(
    text.split("\n").flatMap((line) => {
      const found = /^0x[0-9a-f]+ (\S+) (.*)$/.exec(line);
      return found === null ? [] : [[found[1] ?? "", found[2] ?? ""]];
    }),
  );
}

export function mapChanges(map: string, present: MapEntries, wanted: MapEntries): readonly string[] {
  return [
    ...Object.keys(present).flatMap((key) => (Object.hasOwn(wanted, key) ? [] : [`del map ${map} ${key}`])),
    ...Object.entries(wanted).flatMap(([key, value]) => {
      if (!Object.hasOwn(present, key)) return [`add map ${map} ${key} ${value}`];
      return present[key] === value ? [] : [`set map ${map} ${key} ${value}`];
    }),
  ];
}
