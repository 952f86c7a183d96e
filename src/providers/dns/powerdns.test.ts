/** Zones and records at a PowerDNS. */
import { Resolver } from "node:dns/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conformanceContext } from "../../provider/conformance.ts";
import type { Desired, Provider, ProviderContext } from "../../provider/provider.ts";
import { TerminalError } from "../../provider/provider.ts";
import { DOMAIN, OF_EVERY_TYPE, contextWith, desired } from "./fixtures/desired.ts";
import { type PowerDnsServer, startPowerDns } from "./fixtures/servers.ts";
import { powerDnsRecords, powerDnsZones } from "./powerdns.ts";

let server: PowerDnsServer;
let zone: Desired;
let context: ProviderContext;
const records = powerDnsRecords() as unknown as Provider;
const zones = powerDnsZones() as unknown as Provider;

beforeAll(async () => {
  server = await startPowerDns();
  zone = zoneOf(DOMAIN);
  context = contextWith(zone);
});
afterAll(() => server.stop());

const sealed = (text: string): string => conformanceContext.keyring.seal(text);
const zoneOf = (domain: string, uid?: string, at: object = {}): Desired => {
  const powerdns = { url: server.url, key: sealed(server.key), ...at };
  return desired("DNSZone", "shop", { domain, ttl: 30, powerdns }, uid);
};
const record = (
  name: string,
  type: string,
  values: readonly string[],
  uid = `0000-${name}-${type}`,
): Desired => desired("DNSRecord", "one", { zone: "shop", name, type, values }, uid);
const removing = (keepData = false): ProviderContext & { readonly keepData: boolean } => ({
  ...context,
  keepData,
});

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.catch((caught: unknown) => caught);
  if (!(error instanceof TerminalError)) throw new Error("It was not refused.", { cause: error });
  return `${error.diagnostic.code} ${error.diagnostic.message}`;
}

async function byHand(method: string, path: string, body: object): Promise<void> {
  const headers = { "X-API-Key": server.key };
  const url = `${server.url}/api/v1/servers/localhost/zones${path}`;
  const answer = await fetch(url, { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
}

describe("a zone of class powerdns", () => {
  it("is made once, found again, and removed", async () => {
    expect(await zones.observe(zone, context)).toBeUndefined();
    const made = await zones.ensure(zone, context);
    expect(made).toMatchObject({ ready: true, outputs: { server: server.url } });
    expect(await zones.ensure(zone, context)).toEqual(made);
    expect(await zones.observe(zone, context)).toEqual(made);
    expect(await zones.remove(zone, removing())).toEqual([]);
    expect(await zones.remove(zone, removing())).toEqual([]);
    expect(await zones.observe(zone, context)).toBeUndefined();
  });

  it("that others made is listed, refused, adopted as it is, and let go of", async () => {
    await byHand("POST", "", { name: "old.test.", kind: "Native", nameservers: [] });
    const old = zoneOf("old.test");
    expect(await refusal(zones.ensure(old, context))).toMatch(/^NameTaken .* which Tutti did not make/);
    const { powerdns } = old.spec as { readonly powerdns: object };
    const listed = async (): Promise<unknown> =>
      (await zones.list?.(context, { powerdns }))?.find(({ id }) => id === "old.test");
    expect(await listed()).toMatchObject({ name: "old-test", spec: { domain: "old.test" } });
    await zones.adopt?.(old, "old.test", context);
    expect(await listed()).toMatchObject({ owner: { uid: old.identity.uid } });
    expect(await refusal(zones.ensure(zoneOf("old.test", "0000-another"), context))).toMatch(
      /of another resource/,
    );
    await zones.release?.(old, context);
    expect(await zones.observe(old, context)).toBeUndefined();
    expect(await listed()).not.toHaveProperty("owner");
  });

  it("is not removed while others have records in it", async () => {
    const busy = zoneOf("busy.test");
    await zones.ensure(busy, context);
    const rrsets = [
      {
        name: "by-hand.busy.test.",
        type: "A",
        ttl: 60,
        changetype: "REPLACE",
        records: [{ content: "192.0.2.5", disabled: false }],
      },
    ];
    await byHand("PATCH", "/busy.test.", { rrsets });
    expect(await refusal(zones.remove(busy, removing()))).toMatch(
      /^ZoneNotEmpty .* by-hand\.busy\.test \(A\)/,
    );
    expect(await zones.remove(busy, removing(true))).toEqual([`the zone busy.test at ${server.url}`]);
  });

  it("is refused with a wrong key, and waits for a server that is away", async () => {
    const wrong = zoneOf(DOMAIN, undefined, { key: sealed("wrong") });
    expect(await refusal(zones.ensure(wrong, context))).toMatch(/^KeyRefused /);
    const away = zoneOf(DOMAIN, undefined, { url: "http://127.0.0.1:1" });
    await expect(zones.ensure(away, context)).rejects.toThrow(/cannot be asked/);
  });
});

describe("records of class powerdns", () => {
  beforeAll(() => zones.ensure(zone, context));

  it.each(OF_EVERY_TYPE)("of type %s are made, found by their identity, and removed", async (type, all) => {
    const one = record(`of-${type.toLowerCase()}`, type, all);
    expect(await records.observe(one, context)).toBeUndefined();
    const made = await records.ensure(one, context);
    expect(made).toMatchObject({ ready: true, actual: { values: all } });
    expect(await records.ensure(one, context)).toEqual(made);
    expect(await records.observe(one, context)).toEqual(made);
    await records.remove(one, removing());
    await records.remove(one, removing());
    expect(await records.observe(one, context)).toBeUndefined();
  });

  it("are answered to who asks the server", async () => {
    const one = record("www", "A", ["192.0.2.1"]);
    await records.ensure(one, context);
    const resolver = new Resolver();
    resolver.setServers([`127.0.0.1:${server.port}`]);
    expect(await resolver.resolve4(`www.${DOMAIN}`)).toEqual(["192.0.2.1"]);
    await records.remove(one, removing());
  });

  it("that others made are refused until they are adopted, and set back when others change them", async () => {
    const set = { name: `there.${DOMAIN}.`, type: "A", ttl: 30, changetype: "REPLACE" };
    const records9 = [{ content: "192.0.2.9", disabled: false }];
    await byHand("PATCH", `/${DOMAIN}.`, { rrsets: [{ ...set, records: records9 }] });
    const one = record("there", "A", ["192.0.2.1"]);
    expect(await records.list?.(context, { zone: "shop" })).toMatchObject([
      { id: `there.${DOMAIN}/A`, spec: { zone: "shop", name: "there", type: "A", values: ["192.0.2.9"] } },
    ]);
    expect(await refusal(records.ensure(one, context))).toMatch(/^NameTaken/);
    expect((await records.adopt?.(one, `there.${DOMAIN}/A`, context))?.actual).toEqual({
      values: ["192.0.2.9"],
    });
    expect((await records.ensure(one, context)).actual).toEqual({ values: ["192.0.2.1"] });
    const second = record("there", "A", ["192.0.2.1"], "0000-another");
    expect(await refusal(records.ensure(second, context))).toMatch(/^NameTaken/);
    await byHand("PATCH", `/${DOMAIN}.`, { rrsets: [{ ...set, records: records9 }] });
    expect((await records.observe(one, context))?.actual).toEqual({ values: ["192.0.2.9"] });
    expect((await records.ensure(one, context)).actual).toEqual({ values: ["192.0.2.1"] });
    await records.release?.(one, context);
    expect(await records.observe(one, context)).toBeUndefined();
  });
});
