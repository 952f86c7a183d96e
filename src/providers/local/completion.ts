/**
 * Processes that run to their end: a shell around them that writes down how they ended, so that it is known though nobody
 * watched, and keeps their two streams apart.
 *
 *  - The shell is the leader of the group. Killed from outside it leaves no note: then the process was lost.
 *  - A shell tells a signal as 128 and its number; a program that exits with such a code is taken to have been killed.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import type { LogLine } from "../../provider/provider.ts";
import type { Home } from "./home.ts";
import { groupsVariable } from "./supervisor/process-spec.ts";

export interface CompletionFiles {
  readonly input: string;
  readonly error: string;
  readonly end: string;
}

export function completionFiles(
  home: Home,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): CompletionFiles {
  return {
    input: home.logOf(namespace, `${name}.input`),
    error: home.logOf(namespace, `${name}.stderr`),
    end: home.logOf(namespace, `${name}.end`),
  };
}

const SCRIPT = [
  "in=$1 err=$2 end=$3; shift 3",
  // Who starts it puts it into its groups as well, but perhaps later than it starts the program.
  `IFS=:; for group in $${groupsVariable}; do { echo $$ >"$group/cgroup.procs"; } 2>/dev/null; done; unset IFS ${groupsVariable}`,
  '"$@" <"$in" 2>>"$err"; code=$?',
  'echo "$code" >"$end"; exit "$code"',
].join("; ");

export function completing(command: readonly string[], { input, error, end }: CompletionFiles): string[] {
  return ["/bin/sh", "-c", SCRIPT, "sh", input, error, end, ...command];
}

/** Before its start. Read by its owner only, and removed with the rest. */
export function writeInput({ input }: CompletionFiles, text: string): void {
  writeFileSync(input, text, { mode: 0o600 });
}

/** Undefined when it was not written down. */
export function exitIn({
  end,
}: CompletionFiles): { readonly code: number; readonly signal: string | null } | undefined {
  if (!existsSync(end)) return undefined;
  const text = readFileSync(end, "utf8");
  if (!/^\d+\n$/.test(text)) return undefined; // cut off by the end of the machine
  const code = Number(text);
  const signal = Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0] ?? null;
  return { code, signal };
}

export function removeCompletion({ input, end }: CompletionFiles): void {
  for (const file of [input, end]) rmSync(file, { force: true });
}

/** Lines of several sources as they come. */
export async function* merged(sources: readonly AsyncIterable<LogLine>[]): AsyncGenerator<LogLine> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const next = async (
    index: number,
  ): Promise<{ readonly index: number; readonly result: IteratorResult<LogLine, unknown> }> => ({
    index,
    result: await (iterators[index] as AsyncIterator<LogLine, unknown>).next(),
  });
  const waiting = new Map(iterators.map((_, index) => [index, next(index)]));
  try {
    while (waiting.size > 0) {
      const { index, result } = await Promise.race(waiting.values());
      if (result.done === true) waiting.delete(index);
      else {
        yield result.value;
        waiting.set(index, next(index));
      }
    }
  } finally {
    for (const iterator of iterators) void iterator.return?.();
  }
}
