/**
 * The control plane alone: instances of the simulated class (nothing is started outside), from declared to ready, on the
 * SQLite store in a temporary folder. Each figure comes from a process of its own, with the V8 options that `up` gives it.
 *
 *     node bench/control-plane.ts [instances ...]        1000 10000 100000 when none are given
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MEMORY } from "../src/app/background.ts";
import { createControlPlane } from "../src/app/control-plane.ts";
import { systemClock } from "../src/clock/clock.ts";
import { validate } from "../src/kinds/validate.ts";
import { isReady } from "../src/model/condition.ts";
import type { Draft } from "../src/model/resource.ts";
import { Keyring } from "../src/model/sealed.ts";
import { openSqliteStore } from "../src/stores/sqlite.ts";
import { SimulatedProvider, World } from "../src/testing/index.ts";

interface Figures {
  readonly perSecond: number;
  readonly megabytes: number;
}

const PATIENCE = 600_000;

async function measure(services: number, replicas: number): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), "tutti-bench-"));
  const store = await openSqliteStore({ file: join(folder, "store.db"), clock: systemClock });
  const plane = createControlPlane({
    store,
    clock: systemClock,
    keyring: new Keyring(new Uint8Array(32)),
    local: { instances: [new SimulatedProvider(new World())], providers: [] },
  });
  await plane.start();
  const begun = performance.now();
  await store.commit(
    Array.from({ length: services }, (_, index) => ({
      type: "create" as const,
      resource: service(`service-${index}`, replicas),
    })),
    { actor: "bench", action: "declare" },
  );
  const keys = Array.from({ length: services }, (_, index) => ({
    kind: "Service",
    namespace: "default",
    name: `service-${index}`,
  }));
  const isDone = (): boolean =>
    keys.every((key) => {
      const resource = store.get(key);
      return resource !== undefined && isReady(resource);
    });
  while (!isDone()) {
    if (performance.now() - begun > PATIENCE) throw new Error("It does not become ready.");
    await systemClock.sleep(20);
  }
  const seconds = (performance.now() - begun) / 1000;
  const megabytes = process.memoryUsage.rss() / 2 ** 20;
  await plane.stop();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
  return { perSecond: (services * replicas) / seconds, megabytes };
}

function service(name: string, replicas: number): Draft {
  const { resource } = validate({
    kind: "Service",
    metadata: { name },
    spec: {
      command: ["server", "--port", "$(PORT)"],
      replicas,
      rollout: { progressDeadline: "10m", minReady: "0s" },
    },
  });
  if (resource === undefined) throw new Error("The declaration is not valid.");
  return resource;
}

function inChild(services: number, replicas: number): Figures {
  const answer = execFileSync(
    process.execPath,
    [
      ...MEMORY,
      "--disable-warning=ExperimentalWarning",
      fileURLToPath(import.meta.url),
      "--one",
      `${services}x${replicas}`,
    ],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  return JSON.parse(answer) as Figures;
}

const [first, second] = process.argv.slice(2);
if (first === "--one") {
  const [services = 1, replicas = 1] = (second ?? "").split("x").map(Number);
  process.stdout.write(JSON.stringify(await measure(services, replicas)));
} else {
  const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1_000, 10_000, 100_000];
  console.log("instances  as                     ready/s  resident MB");
  for (const count of counts) {
    for (const [label, services] of [
      ["services of 100", Math.ceil(count / 100)],
      ["one service", 1],
    ] as const) {
      const { perSecond, megabytes } = inChild(services, Math.round(count / services));
      console.log(
        `${String(count).padStart(9)}  ${label.padEnd(20)}  ${perSecond.toFixed(0).padStart(8)}  ${megabytes.toFixed(0).padStart(11)}`,
      );
    }
  }
}
