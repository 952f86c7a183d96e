/** What is encoded here is understood by the real decoder (go-cty), and the other way round: a table of cases, protocol 5 and 6. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BUILD, goPeer } from "../../terraform/fixtures/go-peer.ts";
import { decodeValue, encodeValue } from "../../terraform/msgpack.ts";
import type { Schema } from "../../terraform/schema.ts";
import { type Members, UNKNOWN, Unknown, decimal, elementType, sameValue } from "../../terraform/value.ts";
import { NOTHING, type Target, apply, plan, validate } from "./calls.ts";
import { decodeConfig } from "./config.ts";
import { cases } from "./fixtures/cases.ts";
import { Plugin } from "./plugin.ts";

const place = { root: ["spec", "config"], secrets: [] };
const folder = mkdtempSync(join(tmpdir(), "tutti-wire-"));
const plugins: Plugin[] = [];

async function started(protocol: 5 | 6): Promise<Plugin> {
  process.env["PEER_PROTOCOL"] = String(protocol);
  const binary = await goPeer();
  const from = { source: "tutti/peer", version: "1.0.0", binary, checksums: [] };
  const plugin = await Plugin.start(from, { onLog: () => undefined, folder, now: Date.now() });
  delete process.env["PEER_PROTOCOL"];
  plugins.push(plugin);
  return plugin;
}

afterAll(async () => {
  await Promise.all(plugins.map((plugin) => plugin.close()));
  rmSync(folder, { recursive: true, force: true });
});

function target(plugin: Plugin, type: string): Target {
  const schema = plugin.schema("resource", type) as Schema;
  return { plugin, type, schema, place, signal: new AbortController().signal };
}

describe.each([5, 6] as const)("protocol %i", (protocol) => {
  let peer: Target;
  beforeAll(async () => {
    peer = target(await started(protocol), "peer_everything");
  }, BUILD);

  test.each(cases)("%s arrives as it is", async (_name, attribute, declared, understood) => {
    const { value, problems } = decodeConfig({ [attribute]: declared }, peer.schema.block, place);
    expect(problems).toEqual([]);
    const planned = await plan(peer, NOTHING, value);
    expect(planned.diagnostics).toEqual([]);
    expect(String(planned.value?.["dump"])).toContain(`"${attribute}":${understood}`);
    // What the Go side sends back is what was sent, where nothing is computed in it.
    const [sent = null, came = null] = [value[attribute], planned.value?.[attribute]];
    if (attribute !== "some")
      expect(sameValue(sent, came, elementType(peer.schema.type, attribute))).toBe(true);
    if (declared === UNKNOWN) expect(planned.value?.[attribute]).toBeInstanceOf(Unknown);
  });

  test("a change is planned and applied, and what only the provider knows comes then", async () => {
    const { value: config } = decodeConfig({ text: "a", some: [{ value: "x" }] }, peer.schema.block, place);
    const planned = await plan(peer, NOTHING, config);
    expect(planned.value).toMatchObject({ id: UNKNOWN, some: [{ value: "x", made: "made of x" }] });
    const applied = await apply(peer, NOTHING, planned, config);
    expect(applied.value).toMatchObject({ id: "everything-1", text: "a" });
    expect(Buffer.from(applied.private).toString()).toBe("applied after planned");
    const again = await plan(peer, applied, config);
    expect(again.value).toEqual(applied.value);
  });

  test("what the provider complains about says where", async () => {
    const { value: config } = decodeConfig({ text: "invalid", list: ["a", "b"] }, peer.schema.block, place);
    expect(await validate(peer, config, false)).toEqual([
      { severity: "error", summary: "Invalid element", detail: "It is the second.", path: ["list", 1] },
    ]);
  });

  test("2 KB, 2 MB: the size of a value does not matter", async () => {
    for (const size of [2_000, 2_000_000]) {
      const { value: config } = decodeConfig({ text: "x".repeat(size) }, peer.schema.block, place);
      const planned = await plan(peer, NOTHING, config);
      expect(String(planned.value?.["text"])).toHaveLength(size);
    }
  });
});

test("attributes with attributes of their own keep what the provider computed in them", async () => {
  const peer = target(await started(6), "peer_nested");
  const declared = {
    one: { value: "a" },
    many: [{ value: "b" }],
    some: [{ value: "c" }],
    named: { k: { value: "d" } },
  };
  const { value: config, problems } = decodeConfig(declared, peer.schema.block, place);
  expect(problems).toEqual([]);
  const made = (await plan(peer, NOTHING, config)).value as Members;
  expect(made).toMatchObject({ some: [{ value: "c", made: "made of c" }], one: { value: "a", made: null } });
  const computed: Members = {
    ...made,
    id: "1",
    one: { value: "a", made: "x" },
    many: [{ value: "b", made: "y" }],
    named: { k: { value: "d", made: "z" } },
  };
  const again = await plan(peer, { ...NOTHING, value: computed }, config);
  expect(again.value).toEqual(computed);
});

describe("what Terraform's newer providers send", () => {
  const type = "string";
  test.each([
    ["an unknown", [0xd4, 0, 0], undefined],
    ["not null", [0xc7, 3, 12, 0x81, 1, 0xc2], { isNull: false }],
    ["a prefix", [0xc7, 6, 12, 0x81, 2, 0xa3, 0x76, 0x6d, 0x2d], { prefix: "vm-" }],
    [
      "bounds",
      [0xc7, 9, 12, 0x82, 3, 0x92, 1, 0xc3, 4, 0x92, 9, 0xc2],
      { least: { value: 1, isInclusive: true }, most: { value: 9, isInclusive: false } },
    ],
    ["lengths", [0xc7, 5, 12, 0x82, 5, 1, 6, 4], { shortest: 1, longest: 4 }],
    ["what is not known here", [0xc7, 3, 12, 0x81, 9, 0xc3], {}],
  ] as const)("%s is unknown, with what is known about it", (_name, bytes, refinements) => {
    const value = decodeValue(Uint8Array.from(bytes), type);
    expect(value).toEqual(new Unknown(refinements));
    expect(decodeValue(encodeValue(value, type), type)).toEqual(value);
  });

  test.each([
    ["an integer of 64 bits", [0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "18446744073709551615"],
    ["the least integer of 64 bits", [0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], "-9223372036854775808"],
  ] as const)("%s loses no digit", (_name, bytes, text) => {
    expect(decodeValue(Uint8Array.from(bytes), "number")).toEqual(decimal(text));
  });

  test.each([
    ["text for a number", [0xa1, 0x78], "number"],
    ["a number for text", [1], "string"],
    ["an object that lacks an attribute", [0x80], ["object", { a: "string" }]],
    ["half a message", [0x92, 1], ["list", "number"]],
    ["nothing", [], "string"],
  ] as const)("%s is refused", (_name, bytes, wanted) => {
    expect(() => decodeValue(Uint8Array.from(bytes), wanted)).toThrow();
  });
});
