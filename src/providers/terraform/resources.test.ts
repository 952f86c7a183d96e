/** What becomes of a Resource that a Terraform provider makes: made, changed, found otherwise, made anew, lost, taken, removed. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { REQUESTS } from "../../model/resource.ts";
import { UNKNOWN } from "../../provider/provider.ts";
import { BUILD } from "../../terraform/fixtures/go-peer.ts";
import { PeerHouse, Thing } from "./fixtures/peer-house.ts";

const house = new PeerHouse();
beforeAll(async () => {
  await house.add("1.2.0");
  await house.provider("peer", { source: "tutti/peer" });
}, BUILD);
afterAll(() => house.destroy());

function file(
  name: string,
  config: object = {},
): { readonly thing: Thing; readonly spec: Readonly<Record<string, unknown>> } {
  return {
    thing: new Thing(house, name),
    spec: { provider: "peer", type: "peer_file", config: { name, ...config } },
  };
}

describe("a thing", () => {
  it("is made once, and changed in place", async () => {
    const { thing, spec } = file("motd", { content: "hello" });
    const made = await thing.ensure(spec);
    expect(made).toMatchObject({
      ready: true,
      outputs: { id: "motd", output: { size: 5, content: "hello" } },
    });
    await thing.ensure(spec);
    house.restart();
    await thing.ensure(spec);
    expect(house.done.filter((line) => line.endsWith(" motd"))).toEqual(["create motd"]);
    await thing.ensure({ ...spec, config: { name: "motd", content: "good evening" } });
    expect(house.file("motd")).toBe("good evening");
    expect(house.done.at(-1)).toBe("update motd");
  });

  it("is removed, and what is not there is removed already", async () => {
    const { thing, spec } = file("gone", { content: "x" });
    await thing.ensure(spec);
    await thing.remove(spec);
    expect(house.file("gone")).toBeUndefined();
    await thing.remove(spec);
  });

  it("that others changed is found so, where it was declared, and set back", async () => {
    const { thing, spec } = file("drifting", { content: "mine" });
    await thing.ensure(spec);
    expect((await thing.observe(spec))?.actual).toEqual({ config: spec["config"] });
    writeFileSync(join(house.files, "drifting"), "theirs");
    expect((await thing.observe(spec))?.actual).toEqual({ config: { name: "drifting", content: "theirs" } });
    await thing.ensure(spec);
    expect(house.file("drifting")).toBe("mine");
  });

  it("that others removed is made again", async () => {
    const { thing, spec } = file("lost", { content: "x" });
    await thing.ensure(spec);
    rmSync(join(house.files, "lost"));
    expect(await thing.observe(spec)).toBeUndefined();
    await thing.ensure(spec);
    expect(house.file("lost")).toBe("x");
  });

  it("that would have to be made anew is left as it is", async () => {
    const { thing, spec } = file("fixed", { content: "x" });
    await thing.ensure(spec);
    await expect(thing.ensure({ ...spec, config: { name: "other" } })).rejects.toMatchObject({
      diagnostic: { code: "NeedsReplacement", path: "spec.config.name" },
    });
    expect(house.file("fixed")).toBe("x");
  });

  it("that is there already is taken, and not made", async () => {
    writeFileSync(join(house.files, "theirs"), "there before");
    const { thing, spec } = file("theirs", { content: "there before" });
    await house.of("Resource").adopt?.(thing.desired(spec), "theirs", house.context);
    thing.annotations = { [REQUESTS.adopt]: "theirs" };
    const taken = await thing.ensure(spec);
    expect(taken.outputs).toMatchObject({ adopted: "theirs", output: { content: "there before" } });
    // Nothing but what only the provider knew of it was added.
    expect(house.done.filter((line) => line.endsWith(" theirs"))).toEqual(["update theirs"]);
    const nothing = file("nowhere");
    await expect(
      house.of("Resource").adopt?.(nothing.thing.desired(nothing.spec), "nowhere", house.context),
    ).rejects.toThrow("Cannot import");
  });

  it("is brought to a newer schema by its provider", async () => {
    const { thing, spec } = file("older", { content: "x" });
    await thing.ensure(spec);
    const state = JSON.parse(house.keyring.open(String(thing.status?.["terraform"]))) as Record<
      string,
      unknown
    >;
    const { content, ...rest } = JSON.parse(String(state["value"])) as Record<string, unknown>;
    const older = {
      ...state,
      version: "0.9.0",
      schemaVersion: 1,
      value: JSON.stringify({ ...rest, text: content }),
    };
    thing.status = { ...thing.status, terraform: house.keyring.seal(JSON.stringify(older)) };
    expect((await thing.observe(spec))?.actual).toEqual({ config: { name: "older", content: "x" } });
  });
});

describe("a data source", () => {
  it("is read, with the provider's configuration", async () => {
    await house.provider("configured", { source: "tutti/peer", config: { prefix: "north" } });
    writeFileSync(join(house.files, "read"), "only");
    const thing = new Thing(house, "reader");
    const spec = { provider: "configured", type: "peer_file", data: true, config: { name: "read" } };
    expect(await thing.ensure(spec)).toMatchObject({
      outputs: { output: { content: "only", prefix: "north" } },
    });
    await expect(thing.ensure({ ...spec, config: { name: "missing" } })).rejects.toThrow(
      "There is no file missing.",
    );
  });
});

describe("a secret", () => {
  it("is sealed in what comes out, where the provider says that it is one and where it was declared", async () => {
    const { thing, spec } = file("secretive", {
      content: house.keyring.seal("sesame-open"),
      password: house.keyring.seal("hunter-22"),
    });
    const { outputs } = await thing.ensure(spec);
    expect(JSON.stringify(outputs)).not.toMatch(/sesame-open|hunter-22|token-of/);
    expect(thing.output).toMatchObject({
      content: "sesame-open",
      password: "hunter-22",
      token: "token-of-secretive",
    });
    expect(house.file("secretive")).toBe("sesame-open");
    expect((await thing.observe(spec))?.actual).toEqual({ config: spec["config"] });
  });
});

describe("what fails", () => {
  it("half-way is removed and made anew", async () => {
    const { thing, spec } = file("half", { fate: "partly" });
    await expect(thing.ensure(spec)).rejects.toThrow("It was made in part.");
    const whole = { ...spec, config: { name: "half", content: "whole" } };
    await thing.ensure(whole);
    expect(house.done.filter((line) => line.endsWith(" half"))).toEqual(["create half", "create half"]);
    expect(house.file("half")).toBe("whole");
  });

  it("before anything was made is tried again, and says where", async () => {
    const { thing, spec } = file("full", { fate: "fail", content: house.keyring.seal("in the vault") });
    await expect(thing.ensure(spec)).rejects.toThrow(
      "spec.config.content: The disk is full. There is no room for full.",
    );
    await thing.ensure({ ...spec, config: { name: "full", content: "x" } });
    expect(house.file("full")).toBe("x");
  });

  it("in the middle of a creation may have made it: that is said, and nothing is done before somebody has looked", async () => {
    const { thing, spec } = file("unsure", { fate: "crash" });
    await expect(thing.ensure(spec)).rejects.toThrow("ended while it was asked");
    house.restart();
    await expect(thing.ensure(spec)).rejects.toMatchObject({ diagnostic: { code: "PossiblyMade" } });
    await expect(thing.remove(spec)).rejects.toMatchObject({ diagnostic: { code: "PossiblyMade" } });
    // It is there: it is taken.
    const plain = { ...spec, config: { name: "unsure" } };
    await house.of("Resource").adopt?.(thing.desired(plain), "unsure", house.context);
    expect(await thing.ensure(plain)).toMatchObject({ outputs: { id: "unsure" } });
    expect(house.done.filter((line) => line.endsWith(" unsure"))).toEqual(["create unsure", "update unsure"]);
  });

  it("because its time is over is told to stop, and what there is of it by then is known", async () => {
    const { thing, spec } = file("slow", { fate: "slow" });
    const time = new AbortController();
    const made = thing.ensure(spec, time.signal);
    await expect.poll(() => house.file("slow"), { timeout: 20_000 }).toBe("");
    time.abort();
    await expect(made).rejects.toThrow("It was told to stop.");
    await thing.ensure({ ...spec, config: { name: "slow", content: "x" } });
    expect(house.done.filter((line) => line.endsWith(" slow"))).toEqual(["create slow", "create slow"]);
  });

  it("in the middle of a creation is tried again when somebody says so", async () => {
    const { thing, spec } = file("again", { fate: "crash" });
    await expect(thing.ensure(spec)).rejects.toThrow("ended while it was asked");
    const plain = { ...spec, config: { name: "again", content: "second" } };
    await expect(thing.ensure(plain)).rejects.toMatchObject({ diagnostic: { code: "PossiblyMade" } });
    thing.annotations = { [REQUESTS.retry]: "change/1" };
    await thing.ensure(plain);
    expect(house.file("again")).toBe("second");
  });

  it("after it was made, before that was recorded, is known all the same", async () => {
    const { thing, spec } = file("unrecorded", { content: "x" });
    await thing.ensure(spec);
    thing.status = undefined;
    house.restart();
    await thing.ensure(spec);
    expect(house.done.filter((line) => line.endsWith(" unrecorded"))).toEqual(["create unrecorded"]);
    thing.status = undefined;
    await thing.remove(spec);
    expect(house.file("unrecorded")).toBeUndefined();
  });
});

describe("what is declared wrongly", () => {
  const prospect = { namespace: "default", name: "wrong", folder: "/" };
  it.each([
    [
      "an attribute that there is not",
      { name: "x", contents: "y" },
      "UnknownAttribute",
      "spec.config.contents",
    ],
    ["an attribute that is missing", {}, "MissingAttribute", "spec.config.name"],
    ["an attribute that is the provider's", { name: "x", id: "y" }, "ComputedAttribute", "spec.config.id"],
    ["a list for text", { name: ["x"] }, "InvalidConfig", "spec.config.name"],
    ["what the provider itself refuses", { name: "a/b" }, "ProviderRefused", "spec.config.name"],
  ])("%s is told before anything is made, and where", async (_name, config, code, path) => {
    const spec = { provider: "peer", type: "peer_file", config };
    const found = await house.of("Resource").obstacles?.({ ...prospect, spec }, house.context);
    expect(found).toMatchObject([{ code, path }]);
  });

  it("an expression may come to anything", async () => {
    const spec = { provider: "peer", type: "peer_file", config: { name: "${resource.x.status.id}" } };
    expect(await house.of("Resource").obstacles?.({ ...prospect, spec }, house.context)).toEqual([]);
  });

  it.each([
    ["peer_fil", false, "Did you mean 'peer_file'?"],
    ["peer_noop", true, "It is a resource: leave out 'data'."],
  ])("the type %s is unknown, and what was meant is said", async (type, data, hint) => {
    const thing = new Thing(house, "typed");
    await expect(thing.ensure({ provider: "peer", type, data })).rejects.toMatchObject({
      diagnostic: { code: "UnknownType", hint },
    });
  });
});

describe("the plan", () => {
  const expected = { namespace: "default", folder: "/" };

  it("says what a new thing will show only when it is there", async () => {
    const spec = { provider: "peer", type: "peer_file", config: { name: UNKNOWN, content: "x" } };
    expect(await house.of("Resource").plan?.({ ...expected, name: "new", spec }, house.context)).toEqual({
      changes: [
        { path: "status.output.id", unknown: true },
        { path: "status.output.size", unknown: true },
        { path: "status.output.token", unknown: true, secret: true },
      ],
    });
  });

  it("says what changes with a change, and by what it has to be made anew", async () => {
    const { thing, spec } = file("planned", { content: "one" });
    await thing.ensure(spec);
    const plan = (config: object): Promise<unknown> | undefined =>
      house
        .of("Resource")
        .plan?.(
          { ...expected, name: "planned", spec: { ...spec, config }, current: thing.desired(spec) },
          house.context,
        );
    expect(await plan({ name: "planned", content: "two" })).toEqual({
      changes: [{ path: "status.output.size", before: 3, unknown: true }],
    });
    expect(await plan({ name: "planned2", content: "one" })).toMatchObject({
      replaceBecause: ["spec.config.name"],
      changes: [{ path: "status.output.id", before: "planned", unknown: true }, {}, { secret: true }],
    });
  });
});
