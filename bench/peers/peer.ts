/** What every engine that is measured gives: durable workflows whose steps run in this very process. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export interface Peer {
  /** Processes beside this one that do its work: their processor time and memory are the engine's as well. */
  readonly servers: readonly number[];
  /** Runs a workflow of so many steps, one after the other, and resolves when its end is durable. */
  chain(id: string, steps: number): Promise<void>;
  /** One workflow of so many steps at once, and what waits for all of them. */
  fanOut(id: string, width: number): Promise<void>;
  close(): Promise<void>;
}

export interface Surroundings {
  /** Where the peers' packages are installed. */
  readonly packages: string;
  /** Empty, on the disk that is measured. */
  readonly folder: string;
  /** What a step does. */
  readonly step: () => number;
}

export type Open = (around: Surroundings) => Promise<Peer>;

/** A package of those installed for this measurement alone; the project does not depend on it. */
export async function load<T>(packages: string, name: string): Promise<T> {
  const path = createRequire(join(packages, "package.json")).resolve(name);
  return (await import(pathToFileURL(path).href)) as T;
}

/** The work of a step that does some. */
export function fibonacci(n: number): number {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}
