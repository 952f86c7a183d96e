/** Records at a BIND that takes signed updates. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../clock/clock.ts";
import { conformanceContext } from "../../provider/conformance.ts";
import type { Desired, Provider, ProviderContext } from "../../provider/provider.ts";
import { TerminalError } from "../../provider/provider.ts";
import { DOMAIN, OF_EVERY_TYPE, contextWith, desired } from "./fixtures/desired.ts";
import { type Bind, KEY, startBind } from "./fixtures/servers.ts";
import { rfc2136Records, rfc2136Zones } from "./rfc2136.ts";

let bind: Bind;
let zone: Desired;
let context: ProviderContext;
const records = rfc2136Records() as unknown as Provider;
const zones = rfc2136Zones() as unknown as Provider;

beforeAll(async () => {
  bind = await startBind(DOMAIN);
  zone = zoneAt(bind.port);
  context = contextWith(zone);
});
afterAll(() => bind.stop());

const sealed = (text: string): string => conformanceContext.keyring.seal(text);
const zoneAt = (port: number, key: object = {}, domain = DOMAIN): Desired => {
  const signing = { name: KEY, secret: sealed(bind.secret), ...key };
  return desired("DNSZone", "shop", {
    domain,
    ttl: 30,
    rfc2136: { server: "127.0.0.1", port, key: signing },
  });
};
const record = (
  name: string,
  type: string,
  values: readonly string[],
  uid = `0000-${name}-${type}`,
): Desired => desired("DNSRecord", "one", { zone: "shop", name, type, values }, uid);
const removing = (): ProviderContext & { readonly keepData: boolean } => ({ ...context, keepData: false });

/** In what a provider refuses for good. */
async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.catch((caught: unknown) => caught);
  if (!(error instanceof TerminalError)) throw new Error("It was not refused.", { cause: error });
  return `${error.diagnostic.code} ${error.diagnostic.message}`;
}

describe("a zone of class rfc2136", () => {
  it("is ready where the server has it, and stays there when it is removed", async () => {
    expect(await zones.ensure(zone, context)).toEqual({
      ready: true,
      outputs: { host: "127.0.0.1", port: bind.port, server: `127.0.0.1:${bind.port}` },
    });
    expect(await zones.remove(zone, removing())).toEqual([]);
    expect(await zones.observe(zone, context)).toMatchObject({ ready: true });
  });

  it("is refused where the server does not have it", async () => {
    const other = zoneAt(bind.port, {}, "elsewhere.test");
    expect(await refusal(zones.ensure(other, context))).toMatch(
      /^NoSuchZone .* does not have the zone elsewhere/,
    );
  });

  it("is not believed by the wrong key, nor trusted without a signature", async () => {
    const asked = (signing: object): Promise<string> =>
      refusal(zones.ensure(zoneAt(bind.port, signing), context));
    const other = sealed(Buffer.from("wrong").toString("base64"));
    expect(await asked({ secret: other })).toMatch(/^NotTrusted .* the key's secret is not the one/);
    expect(await asked({ name: "nobody" })).toMatch(/^NotTrusted .* does not know the key/);
    expect(await asked({ secret: sealed("not base64!") })).toMatch(/^NoKey /);
  });
});

describe("records of class rfc2136", () => {
  it.each(OF_EVERY_TYPE)("of type %s are made, found by their identity, and removed", async (type, all) => {
    const one = record(`of-${type.toLowerCase()}`, type, all);
    expect(await records.observe(one, context)).toBeUndefined();
    const made = await records.ensure(one, context);
    expect(made).toEqual({
      ready: true,
      outputs: { name: `of-${type.toLowerCase()}.${DOMAIN}` },
      actual: { values: all },
    });
    expect(await records.ensure(one, context)).toEqual(made);
    expect(await records.observe(one, context)).toEqual(made);
    await records.remove(one, removing());
    await records.remove(one, removing());
    expect(await records.observe(one, context)).toBeUndefined();
  });

  it("stand for the domain itself, and for everything below it", async () => {
    const apex = record("@", "A", ["192.0.2.3"]);
    const all = record("*", "A", ["192.0.2.4"]);
    expect((await records.ensure(apex, context)).outputs["name"]).toBe(DOMAIN);
    expect((await records.ensure(all, context)).outputs["name"]).toBe(`*.${DOMAIN}`);
    expect(await records.observe(record("anything", "A", ["192.0.2.4"]), context)).toBeUndefined();
    await records.remove(apex, removing());
    await records.remove(all, removing());
  });

  it("are changed in place, and set back when somebody else has changed them", async () => {
    const one = record("www", "A", ["192.0.2.1"]);
    await records.ensure(one, context);
    const other = { ...one, spec: { ...(one.spec as object), values: ["192.0.2.7"] } };
    expect((await records.ensure(other, context)).actual).toEqual({ values: ["192.0.2.7"] });
    expect((await records.observe(one, context))?.actual).toEqual({ values: ["192.0.2.7"] });
    expect((await records.ensure(one, context)).actual).toEqual({ values: ["192.0.2.1"] });
    await records.remove(one, removing());
  });

  it("that others made are refused, and left as they are, until they are adopted", async () => {
    const one = record("there", "A", ["192.0.2.1"]);
    expect(await refusal(records.ensure(one, context))).toMatch(/^NameTaken .* which Tutti did not make/);
    expect(await records.remove(one, removing())).toEqual([]);
    await expect(records.adopt?.(one, "nowhere/A", context)).rejects.toBeInstanceOf(TerminalError);
    expect((await records.adopt?.(one, `there.${DOMAIN}/A`, context))?.actual).toEqual({
      values: ["192.0.2.9"],
    });
    const second = record("there", "A", ["192.0.2.1"], "0000-another");
    expect(await refusal(records.ensure(second, context))).toMatch(
      /^NameTaken .* belong to another resource/,
    );
    await records.release?.(one, context);
    expect(await records.observe(one, context)).toBeUndefined();
    expect(await refusal(records.ensure(one, context))).toMatch(/^NameTaken/);
  });

  it("are listed by a transfer of the zone, with whose they are", async () => {
    const one = record("mine", "TXT", ["x".repeat(300)]);
    await records.ensure(one, context);
    const found = (await records.list?.(context, { zone: "shop" })) ?? [];
    expect(found.map(({ id, owner }) => [id, owner?.uid]).toSorted()).toEqual([
      [`mine.${DOMAIN}/TXT`, one.identity.uid],
      [`ns.${DOMAIN}/A`, undefined],
      [`there.${DOMAIN}/A`, undefined],
    ]);
    expect(found.find(({ id }) => id === `mine.${DOMAIN}/TXT`)?.spec).toEqual({
      zone: "shop",
      name: "mine",
      type: "TXT",
      ttl: 30,
      values: ["x".repeat(300)],
    });
    await records.remove(one, removing());
    await expect(records.list?.(context, { zone: "nowhere" })).rejects.toBeInstanceOf(TerminalError);
  });

  it("that others change are told, and those that are not are not", async () => {
    // More than one message of a transfer holds.
    const large = [1, 2, 3, 4].map((set) =>
      record(
        `large-${set}`,
        "TXT",
        Array.from({ length: 90 }, (_, index) => `${index} ${"x".repeat(250)}`),
      ),
    );
    const watched = record("watched", "A", ["192.0.2.1"]);
    for (const one of [...large, watched]) await records.ensure(one, context);
    const ending = new AbortController();
    const told: string[] = [];
    for (const one of [...large, watched])
      records.watch?.(one, () => told.push(one.identity.uid), { ...context, signal: ending.signal });
    for (let last = 2; told.length === 0; last += 1) {
      const spec = { ...(watched.spec as object), values: [`192.0.2.${last}`] };
      await records.ensure({ ...watched, spec }, context);
      await systemClock.sleep(200);
    }
    expect(new Set(told)).toEqual(new Set([watched.identity.uid]));
    ending.abort();
    for (const one of [...large, watched]) await records.remove(one, removing());
  });

  it("that cannot stand beside others are refused, not passed over", async () => {
    const one = record("both", "A", ["192.0.2.1"]);
    await records.ensure(one, context);
    const alias = record("both", "CNAME", ["there.shop.test"]);
    expect(await refusal(records.ensure(alias, context))).toMatch(/^UpdateIgnored /);
    await records.remove(alias, removing());
    await records.remove(one, removing());
  });

  it("are refused before anything is sent when a value is none", async () => {
    const found = await records.obstacles?.(
      { namespace: "default", name: "x", folder: "/", spec: { type: "A", values: ["nowhere"] } },
      context,
    );
    expect(found).toEqual([
      { code: "InvalidValue", path: "spec.values[0]", message: "The value 'nowhere' is no IPv4 address." },
    ]);
  });

  it("wait for a server that is away", async () => {
    const away = contextWith(zoneAt(1));
    await expect(records.ensure(record("www", "A", ["192.0.2.1"]), away)).rejects.toThrow(/127\.0\.0\.1:1: /);
  });
});
