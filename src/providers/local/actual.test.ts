/** The embedded engines, changed by hand beside us through their own sockets, and a folder's link with `ln`: it is told, and set back. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../clock/clock.ts";
import { validate } from "../../kinds/validate.ts";
import { conformanceContext as context } from "../../provider/conformance.ts";
import type { Desired, Provider } from "../../provider/provider.ts";
import { BalancerClient } from "./balancer/client.ts";
import { DnsClient } from "./dns/client.ts";
import { Home, processId } from "./home.ts";
import { type LocalProviders, localProviders } from "./index.ts";

let folder: string;
let home: Home;
let local: LocalProviders;
const made: Desired[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tutti-actual-"));
  mkdirSync(join(folder, "home"));
  home = new Home(join(folder, "home"));
  local = await localProviders({
    folder: join(folder, "home"),
    clock: systemClock,
    keyring: context.keyring,
  });
});
afterEach(async () => {
  for (const desired of made.splice(0).toReversed())
    await providerOf(desired).remove(desired, { ...context, keepData: false });
  local.close();
  rmSync(folder, { recursive: true, force: true });
});

function providerOf({ identity }: Pick<Desired, "identity">): Provider {
  const found = local.providers.find(({ kind }) => kind === identity.kind);
  if (found === undefined) throw new Error(`No provider of ${identity.kind}.`);
  return found;
}

async function ensured(kind: string, name: string, spec: object): Promise<Desired> {
  const { resource } = validate({ kind, metadata: { name }, spec });
  const identity = { kind, namespace: "default", name, uid: `uid-of-${name}` };
  const desired: Desired = { identity, spec: resource?.spec, status: undefined };
  made.push(desired);
  await providerOf(desired).ensure(desired, context);
  return desired;
}
const actual = async (desired: Desired): Promise<unknown> =>
  (await providerOf(desired).observe(desired, context))?.actual;

it("a record with other values, and a zone with another time to live", async () => {
  const zone = await ensured("DNSZone", "shop", { domain: "shop.test" });
  const record = await ensured("DNSRecord", "www", { zone: "shop", name: "www", values: ["127.0.0.1"] });
  const client = new DnsClient(home.socketOf(processId({ ...zone.identity, uid: "server" })));
  const { listen } = await client.health();
  await client.configure({
    listen: listen ?? { host: "127.0.0.1", port: 0 },
    zones: [
      {
        name: "shop.test",
        soa: { minimum: 5 },
        records: [{ name: "www", type: "A", values: ["127.0.0.9"] }],
      },
    ],
  });
  expect(await actual(zone)).toEqual({ domain: "shop.test", ttl: 5 });
  expect(await actual(record)).toEqual({ values: ["127.0.0.9"] });
  for (const one of [zone, record]) await providerOf(one).ensure(one, context);
  expect(await actual(zone)).toEqual({ domain: "shop.test", ttl: 30 });
  expect(await actual(record)).toEqual({ values: ["127.0.0.1"] });
});

it("a balancer with other routes", async () => {
  const balancer = await ensured("LoadBalancer", "front", { routes: [{ service: "web" }] });
  const asMade = await actual(balancer);
  expect(asMade).not.toHaveProperty("routes");
  const client = new BalancerClient(home.socketOf(processId(balancer.identity)));
  const present = await client.configuration();
  await client.configure({ ...present, routes: [] });
  expect(await actual(balancer)).toMatchObject({ routes: [] });
  await providerOf(balancer).ensure(balancer, context);
  expect(await actual(balancer)).toEqual(asMade);
  client.close();
});

it("a volume whose link leads elsewhere", async () => {
  const [ours, theirs] = ["ours", "theirs"].map((name) => join(folder, name)) as [string, string];
  for (const path of [ours, theirs]) mkdirSync(path);
  const volume = await ensured("Volume", "files", { class: "directory", adopt: ours });
  const link = home.folderOf("volumes", volume.identity);
  unlinkSync(link);
  symlinkSync(theirs, link);
  expect(await actual(volume)).toEqual({ adopt: theirs });
  await providerOf(volume).ensure(volume, context);
  expect(await actual(volume)).toEqual({ adopt: ours });
});
