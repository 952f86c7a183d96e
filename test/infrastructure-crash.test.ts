/**
 * Machines, volumes and names through crashes: in the middle of an apply the control plane or LXD is killed. Afterwards the same
 * apply is done again, and LXD, the name server and the folder of the volumes have, by their own listings, what is declared: each
 * once, and nothing else.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../src/clock/clock.ts";
import { Keyring } from "../src/model/sealed.ts";
import { type Bind, KEY, startBind } from "../src/providers/dns/fixtures/servers.ts";
import { NameServer } from "../src/providers/dns/server.ts";
import { type LxdDaemon, startLxd } from "../src/providers/lxd/fixtures/daemon.ts";
import { seeded } from "./support/crash.ts";
import { TestHome } from "./support/home.ts";

/** TUTTI_LONG=1 kills a hundred times. */
const rounds = process.env["TUTTI_LONG"] === undefined ? 4 : 100;
const DOMAIN = "shop.test";

let lxd: LxdDaemon;
let bind: Bind;
let home: TestHome;
beforeAll(async () => {
  [lxd, bind] = await Promise.all([startLxd(), startBind(DOMAIN)]);
  home = new TestHome();
});
afterAll(async () => {
  await home?.destroy();
  await Promise.all([lxd?.close(), bind?.stop()]);
});

interface Wanted {
  readonly machines: readonly string[];
  readonly volumes: readonly string[];
  readonly names: readonly string[];
}

function declared({ machines, volumes, names }: Wanted, round: number): string {
  const parts = [
    `
kind: System
metadata: { name: site }
---
kind: Location
metadata: { name: rack }
spec: { type: lxd, lxd: { endpoint: "${lxd.endpoint}" } }
---
kind: Secret
metadata: { name: dns }
stringData: { key: "${bind.secret}" }
---
kind: DNSZone
metadata: { name: zone }
spec: { domain: ${DOMAIN}, rfc2136: { server: 127.0.0.1, port: ${bind.port}, key: { name: ${KEY}, secret: "\${secret.dns.key}" } } }
`,
    ...machines.map(
      (name) => `
kind: Machine
metadata: { name: ${name} }
spec: { location: rack, image: busybox, memory: ${64 + round}Mi }
`,
    ),
    ...volumes.map(
      (name) => `
kind: Volume
metadata: { name: ${name} }
spec: { location: local, class: directory }
`,
    ),
    ...names.map(
      (name) => `
kind: DNSRecord
metadata: { name: ${name} }
spec: { zone: zone, name: ${name}, values: [192.0.2.${round + 1}] }
`,
    ),
  ];
  return parts.join("---");
}

async function present(): Promise<Wanted> {
  const context = {
    clock: systemClock,
    keyring: new Keyring(new Uint8Array(32)),
    signal: AbortSignal.timeout(60_000),
  };
  const key = { name: KEY, algorithm: "hmac-sha256", secret: Buffer.from(bind.secret, "base64") } as const;
  const server = new NameServer({ host: "127.0.0.1", port: bind.port, key }, context);
  const sets = await server.transfer(DOMAIN);
  const own = new Set([DOMAIN, `ns.${DOMAIN}`, `there.${DOMAIN}`]);
  const marks = sets.filter(({ name }) => name.startsWith("_tutti-"));
  const names = sets.filter(({ name }) => !own.has(name) && !name.startsWith("_tutti-"));
  expect(marks.map(({ name }) => name.replace("_tutti-a-", "")).toSorted()).toEqual(
    names.map(({ name }) => name).toSorted(),
  );
  return {
    machines: (await lxd.instances()).map(({ config }) => config["user.tutti.name"] ?? "?").toSorted(),
    volumes: foldersOf(join(home.path, "volumes/default")),
    names: names.map(({ name }) => name.split(".")[0] ?? "").toSorted(),
  };
}

function foldersOf(path: string): readonly string[] {
  try {
    return readdirSync(path).toSorted();
  } catch {
    return [];
  }
}

test(
  "what is killed in the middle of an apply leaves nothing twice and nothing behind",
  { timeout: rounds * 120_000 },
  async () => {
    const seed = Math.trunc(Math.random() * 2 ** 31);
    const random = seeded(seed);
    const some = (prefix: string, most: number): readonly string[] =>
      Array.from({ length: most }, (_, index) => `${prefix}-${index}`).filter(() => random() < 0.6);
    for (let round = 0; round < rounds; round += 1) {
      const wanted = { machines: some("web", 2), volumes: some("disk", 3), names: some("name", 4) };
      const folder = home.declare(declared(wanted, round));
      const up = ["up", folder, "--yes"];
      const killed = random() < 0.5 ? "control plane" : "LXD";
      const running = home.start(up);
      const after = Math.trunc(random() * 3_000);
      await Promise.race([sleep(after), running.done]);
      if (killed === "LXD") {
        await lxd.kill();
        await lxd.start();
      } else if (home.registration() !== undefined) await home.killControlPlane();
      await running.done;
      await home.ok(up);
      expect(await present(), `seed ${seed}, round ${round}: ${killed} after ${after} ms`).toEqual(wanted);
    }
    await home.ok(["down", "site", "--yes"]);
    expect(await present(), `seed ${seed}`).toEqual({ machines: [], volumes: [], names: [] });
  },
);
