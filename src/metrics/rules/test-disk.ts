/** Rule files on disk, as a file of rule tests names them: paths and patterns relative to its own folder. */
import { globSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { TextFile } from "./test-run.ts";

/** None when nothing fits, as in promtool. Throws when a file cannot be read. */
export function ruleFilesBeside(pattern: string, testFile: string): readonly TextFile[] {
  return globSync(resolve(dirname(testFile), pattern))
    .sort()
    .map((file) => ({ file, text: readFileSync(file, "utf8") }));
}
