/** What comes and goes in folders is told to who watches it, also when the folder itself goes and comes again. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../../clock/clock.ts";
import { Presence } from "./presence.ts";

let folder: string;
let ending: AbortController;
let told: string[];
let presence: Presence;
let wake: () => void;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tutti-presence-"));
  ending = new AbortController();
  told = [];
  presence = new Presence();
});
afterEach(() => {
  ending.abort(new Error("over"));
  rmSync(folder, { recursive: true, force: true });
});

function watch(path: string): void {
  const changed = (): void => {
    told.push(path);
    wake?.();
  };
  presence.watch(join(folder, path), changed, { clock: systemClock, signal: ending.signal });
}

async function untilTold(path: string): Promise<void> {
  while (!told.includes(path)) await new Promise<void>((resolve) => (wake = resolve));
  told.length = 0;
}

it("an entry that is taken away, and no other", async () => {
  for (const name of ["one", "two"]) mkdirSync(join(folder, "all", name), { recursive: true });
  for (const name of ["all/one", "all/two"]) watch(name);
  rmSync(join(folder, "all/one"), { recursive: true });
  await untilTold("all/one");
  writeFileSync(join(folder, "all/two/file"), "");
  renameSync(join(folder, "all/two"), join(folder, "all/three"));
  await untilTold("all/two");
});

it("an entry that is not there when it begins to be watched, and comes", async () => {
  mkdirSync(join(folder, "all"));
  watch("all/one");
  expect(told).toEqual(["all/one"]);
  told.length = 0;
  mkdirSync(join(folder, "all/one"));
  await untilTold("all/one");
});

it("all of a folder that goes and comes again", async () => {
  mkdirSync(join(folder, "all/one"), { recursive: true });
  watch("all/one");
  rmSync(join(folder, "all"), { recursive: true });
  await untilTold("all/one");
  mkdirSync(join(folder, "all/one"), { recursive: true });
  await untilTold("all/one");
  rmSync(join(folder, "all/one"), { recursive: true });
  await untilTold("all/one");
});

it("nothing to who watches no more", async () => {
  for (const name of ["one", "two"]) mkdirSync(join(folder, "all", name), { recursive: true });
  watch("all/one");
  ending.abort(new Error("over"));
  ending = new AbortController();
  watch("all/two");
  for (const name of ["one", "two"]) rmSync(join(folder, "all", name), { recursive: true });
  await untilTold("all/two");
  expect(told).toEqual([]);
});
