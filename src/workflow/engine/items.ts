/** What a map goes through: a list, or the items of a file, which are read while it goes on. */
import { refuse } from "../../diagnostics/diagnostic.ts";
import { failed } from "../run/events.ts";
import type { MapStep } from "../definition/workflow.ts";
import { ItemReader, type RecordedItems, digestOf } from "../items/item-file.ts";
import { StepFailure } from "./failures.ts";

export interface Items {
  readonly count: number;
  /** At once, where the step does not say. */
  readonly concurrency: number;
  /** So many from the given one on, asked for in ascending order. */
  read(first: number, count: number): readonly unknown[] | Promise<readonly unknown[]>;
  close?(): Promise<void>;
}

/** More would be open files of items that nobody works on. */
const AT_ONCE_OF_A_FILE = 1_000;

export function listed(items: unknown): Items {
  if (!Array.isArray(items))
    throw new StepFailure(failed("Terminal", "NotAList", "The items of a map must be a list."));
  return {
    count: items.length,
    concurrency: items.length,
    read: (first, count) => items.slice(first, first + count),
  };
}

/** Halts the run when the file is another than it was when the map began: results would belong to other items. */
export async function filed({ path, format, count, digest }: RecordedItems): Promise<Items> {
  const now = await digestOf(path).catch(() => undefined);
  if (now !== digest)
    refuse({
      code: "ItemsChanged",
      message: `The file ${path} is another than when the map over it began.`,
      hint: "Put back what it held, and start the control plane again; or fork the run.",
    });
  const reader = new ItemReader(path, format);
  return {
    count,
    concurrency: AT_ONCE_OF_A_FILE,
    read: (first, wanted) => reader.read(first, wanted),
    close: () => reader.close(),
  };
}

/** How many of so many may fail. */
export function toleratedOf({ tolerated, toleratedPercentage: share }: MapStep, count: number): number {
  if (share === undefined) return tolerated ?? 0;
  return Math.min(tolerated ?? Infinity, Math.floor((count * share) / 100));
}
