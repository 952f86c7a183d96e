import { readFileSync } from "node:fs";

interface Manifest {
  readonly version: string;
}

/** The version in the package's manifest. */
export const VERSION = (
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as Manifest
).version;
