/** A provider's process that is killed at whatever moment: nothing is made twice, nothing is there that nobody knows of. */
import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { REQUESTS } from "../../model/resource.ts";
import { TerminalError } from "../../provider/provider.ts";
import { BUILD } from "../../terraform/fixtures/go-peer.ts";
import { PeerHouse, Thing } from "./fixtures/peer-house.ts";

const house = new PeerHouse();
beforeAll(async () => {
  await house.add("1.0.0");
  await house.provider("peer", { source: "tutti/peer" });
}, BUILD);
afterAll(() => house.destroy());

/** The peers of this house. */
function peers(): readonly number[] {
  return readdirSync("/proc").flatMap((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, "latin1").includes(`PEER_FOLDER=${house.files}`)
        ? [Number(pid)]
        : [];
    } catch {
      return [];
    }
  });
}

function killPeers(): void {
  for (const pid of peers()) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }
}

/** What people do who are told that it may be there or not: they look. */
async function answered(
  thing: Thing,
  spec: Readonly<Record<string, unknown>>,
  name: string,
): Promise<"taken" | "again"> {
  if (house.file(name) === undefined) {
    thing.annotations = { [REQUESTS.retry]: `${thing.annotations[REQUESTS.retry] ?? ""}again` };
    return "again";
  }
  await house.of("Resource").adopt?.(thing.desired(spec), name, house.context);
  return "taken";
}

it.runIf(process.platform === "linux")("15 things, made and changed, with a kill in each", async () => {
  const again = new Set<string>();
  for (let index = 0; index < 15; index += 1) {
    const name = `thing-${index}`;
    const thing = new Thing(house, name);
    for (const content of ["first", "second"]) {
      const spec = { provider: "peer", type: "peer_file", config: { name, content } };
      const killed = sleep(Math.random() * 25).then(killPeers);
      for (let isDone = false; !isDone;) {
        try {
          await thing.ensure(spec);
          isDone = true;
        } catch (error) {
          const isUncertain = error instanceof TerminalError && error.diagnostic.code === "PossiblyMade";
          if (isUncertain && (await answered(thing, spec, name)) === "again") again.add(name);
        }
      }
      await killed;
      expect(house.file(name)).toBe(content);
    }
    const created = house.done.filter((line) => line === `create ${name}`).length;
    if (!again.has(name)) expect(created, name).toBe(1);
  }
  expect(readdirSync(house.files).filter((name) => name !== ".log")).toHaveLength(15);
});
