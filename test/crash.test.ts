import { expect, test } from "vitest";
import { CrashRun, type Round, seeded } from "./support/crash.ts";
import { openHome } from "./support/open-home.ts";

/** TUTTI_LONG=1 kills ten times as often; `node bench/crash.ts` two hundred times, with figures. */
const rounds = process.env["TUTTI_LONG"] === undefined ? 8 : 80;

test(
  "a control plane killed at any moment loses nothing acknowledged, does nothing twice and leaves no orphan",
  { timeout: rounds * 60_000 },
  async () => {
    const home = openHome();
    await home.serve();
    const seed = Math.trunc(Math.random() * 2 ** 31);
    const run = new CrashRun(home, seeded(seed));
    const done: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      done.push(await run.round());
      expect(done.at(-1)?.violations, `seed ${seed}: ${JSON.stringify(done)}`).toEqual([]);
    }
  },
);
