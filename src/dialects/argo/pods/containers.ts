/** What runs the containers of one pod: processes (process-containers.ts) or docker (docker.ts). */
import type { Attempt } from "../../../workflow/engine/step-type.ts";
import type { PodContainer } from "./work.ts";

/** The attempt that the pod is; its log takes secrets out. */
export type PodAttempt = Pick<Attempt, "run" | "path" | "signal" | "log">;

export interface Containers {
  /** A folder of this machine for whoever prepares files. */
  readonly scratch: string;
  prepare(): Promise<void>;
  /** Puts a file or folder of this machine to a path of the containers. */
  give(from: string, path: string, mode: number | undefined): Promise<void>;
  /** Resolves with the exit code. `count`: of the run, from 0. */
  run(container: PodContainer, count?: number): Promise<number>;
  /** Resolves with the address once it runs. */
  started(name: string): Promise<string>;
  end(name: string, grace: number): Promise<void>;
  /** What it wrote to its standard output, at most the last 256 KiB, without the last line's end. */
  output(name: string): Promise<string>;
  /** A file's text; undefined when there is none. */
  read(path: string): Promise<string | undefined>;
  /** Where a file or folder of the containers is on this machine now; undefined when there is none. */
  take(path: string): Promise<string | undefined>;
  /** Why it could not be started. */
  problem(name: string): string | undefined;
  close(): Promise<void>;
}

/** Of an output that is a result, in bytes: the last of it. */
export const LONGEST_OUTPUT = 256 * 1024;

export function withoutLastBreak(text: string): string {
  return text.endsWith("\n") ? text.slice(0, -1) : text;
}
