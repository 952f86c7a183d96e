/** What a network of class bridge says before it is made, keeps to itself, and finishes after a crash. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { network } from "../../kinds/network.ts";
import { conformanceContext } from "../../provider/conformance.ts";
import { type Desired, type Observation, TerminalError } from "../../provider/provider.ts";
import { Lab } from "./fixtures/lab.ts";
import { BridgeNetworks } from "./index.ts";
import { bridgeName, switchName } from "./marks.ts";

let lab: Lab;
let provider: BridgeNetworks;
beforeAll(async () => {
  lab = new Lab();
  await lab.startOpenVSwitch();
  lab.addHost("port1", "10.96.1.11/24");
});
beforeEach(() => {
  const { namespace, database } = lab;
  provider = new BridgeNetworks({ home: "home", namespace, openVSwitch: { database } });
});
afterEach(async () => {
  for (const one of made.splice(0).toReversed()) await provider.remove(one, removing);
  provider.close();
});
afterAll(() => lab.close());

const removing = { ...conformanceContext, keepData: false };
const made: Desired[] = [];

function wanted(name: string, spec: object): Desired {
  return {
    identity: { kind: "Network", namespace: "default", name, uid: `uid-${name}` },
    spec: network.body.shape.spec.parse({ class: "bridge", ...spec }),
    status: undefined,
  };
}

function ensure(name: string, spec: object): Promise<Observation> {
  const desired = wanted(name, spec);
  made.push(desired);
  return provider.ensure(desired, conformanceContext);
}

async function obstacles(
  spec: object,
  settings: { readonly database?: string } = {},
): Promise<readonly object[]> {
  const { namespace, database } = lab;
  const asked = new BridgeNetworks({ home: "home", namespace, openVSwitch: { database, ...settings } });
  return asked.obstacles(
    { namespace: "default", name: "new", folder: "/", spec: { ...spec } },
    conformanceContext,
  );
}

/** As whoever asks does it: a program that the one who was killed had begun may still change something. */
async function triedAgain<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TerminalError) throw error;
    await sleep(50);
    return triedAgain(work);
  }
}

const nameOf = (name: string): string => bridgeName("home", { uid: `uid-${name}` });
const tagOf = (port: string): string => lab.ovs("get", "port", port, "tag").trim();

describe("before it is made", () => {
  it("nothing stands against what is free", async () => {
    expect(await obstacles({ cidr: "10.96.1.0/24", vlan: 10, interfaces: ["port1"] })).toEqual([]);
  });

  it("a range that overlaps with an interface's, a route's, or is none, is told with whose it is", async () => {
    await ensure("lan", { cidr: "10.96.1.0/24" });
    lab.ip("route", "add", "10.96.8.0/22", "via", "10.96.1.9");
    expect(await obstacles({ cidr: "10.96.0.0/16" })).toMatchObject([
      { code: "RangeTaken", path: "spec.cidr", message: expect.stringContaining(nameOf("lan")) as string },
    ]);
    expect(await obstacles({ cidr: "10.96.9.0/24" })).toMatchObject([
      { code: "RangeTaken", message: expect.stringContaining("the route over") as string },
    ]);
    expect(await obstacles({ cidr: "10.96.9/24" })).toMatchObject([{ code: "InvalidRange" }]);
  });

  it("a tag that another network has is told", async () => {
    await ensure("green", { vlan: 10 });
    expect(await obstacles({ vlan: 10 })).toMatchObject([{ code: "TagTaken", path: "spec.vlan" }]);
    await expect(ensure("other", { vlan: 10 })).rejects.toThrow(TerminalError);
  });

  it("an interface that is not there, or on another bridge, is told", async () => {
    await ensure("lan", { interfaces: ["port1"] });
    expect(await obstacles({ interfaces: ["port1", "port9"] })).toMatchObject([
      { code: "InterfaceTaken", path: "spec.interfaces[0]" },
      { code: "NoInterface", path: "spec.interfaces[1]" },
    ]);
    await expect(ensure("other", { interfaces: ["port1"] })).rejects.toThrow(/as soon as it is free/);
  });

  it("that Open vSwitch does not run is told with how to start it, and stands only against tags", async () => {
    const nowhere = { database: "unix:/nowhere/db.sock" };
    expect(await obstacles({ vlan: 10 }, nowhere)).toMatchObject([
      {
        code: "NoOpenVSwitch",
        path: "spec.vlan",
        hint: expect.stringContaining("systemctl start") as string,
      },
    ]);
    expect(await obstacles({}, nowhere)).toEqual([]);
  });

  it("a namespace that is not there is told", async () => {
    const asked = new BridgeNetworks({ home: "home", namespace: "nosuch" });
    const prospect = { namespace: "default", name: "new", folder: "/", spec: {} };
    expect(await asked.obstacles(prospect, conformanceContext)).toMatchObject([
      { code: "NetworkUnavailable", message: expect.stringContaining('namespace "nosuch"') as string },
    ]);
  });
});

describe("once it is made", () => {
  it("another tag that is declared takes along who is on it; one set by hand is set back without them", async () => {
    await ensure("green", { vlan: 10, interfaces: ["port1"] });
    lab.ovs("add-port", nameOf("green"), "guest", "--", "set", "interface", "guest", "type=internal");
    await ensure("green", { vlan: 11, interfaces: ["port1"] });
    expect([tagOf("port1"), tagOf("guest")]).toEqual(["11", "11"]);
    lab.ovs("set", "port", nameOf("green"), "tag=12");
    await ensure("green", { vlan: 11, interfaces: ["port1"] });
    expect([tagOf(nameOf("green")), tagOf("port1"), tagOf("guest")]).toEqual(["11", "11", "11"]);
    lab.ovs("del-port", "guest");
  });

  it("it gets a tag, and loses it again, while nobody else is on it", async () => {
    await ensure("lan", { cidr: "10.96.1.0/24", interfaces: ["port1"] });
    await ensure("lan", { cidr: "10.96.1.0/24", interfaces: ["port1"], vlan: 10 });
    expect(tagOf("port1")).toBe("10");
    expect(lab.ip("-d", "link", "show", nameOf("lan"))).not.toContain("bridge_id");
    await ensure("lan", { cidr: "10.96.1.0/24", interfaces: ["port1"] });
    expect(lab.ip("link", "show", "port1")).toContain(`master ${nameOf("lan")}`);
    expect(lab.ovs("list-br")).toBe("");
  });

  it("an interface that is declared no more is let go, one that somebody put there stays", async () => {
    lab.addHost("port2", "10.96.1.12/24");
    await ensure("lan", { interfaces: ["port1"] });
    lab.ip("link", "set", "port2", "master", nameOf("lan"));
    await ensure("lan", {});
    expect(lab.ip("link", "show", "port1")).not.toMatch(/master|alias/);
    expect(lab.ip("link", "show", "port2")).toContain("master");
    await expect(provider.remove(wanted("lan", {}), removing)).rejects.toThrow(/in use by port2/);
    lab.ip("link", "set", "port2", "nomaster");
  });

  it("the switch is shared, and goes with the last network", async () => {
    await ensure("green", { vlan: 10 });
    await ensure("blue", { vlan: 20 });
    const shared = switchName("home");
    expect(lab.ovs("list-br").trim().split("\n").toSorted()).toEqual(
      [shared, nameOf("green"), nameOf("blue")].toSorted(),
    );
    await provider.remove(wanted("green", { vlan: 10 }), removing);
    expect(lab.ovs("list-br")).toContain(shared);
    await provider.remove(wanted("blue", { vlan: 20 }), removing);
    expect(lab.ovs("list-br")).toBe("");
  });

  it.each([undefined, 10])(
    "with the tag %s, nothing is left of it when somebody has taken its bridge away before",
    async (vlan) => {
      const spec = { interfaces: ["port1"], vlan };
      await ensure("lan", spec);
      if (vlan === undefined) lab.ip("link", "delete", nameOf("lan"));
      else lab.ovs("del-br", nameOf("lan"));
      await provider.remove(wanted("lan", spec), removing);
      expect(lab.ovs("list-br") + lab.ip("link", "show", "port1")).not.toMatch(/master|alias|tt-/);
    },
  );

  it("a switch of somebody's is used where it is named, and stays", async () => {
    lab.ovs("add-br", "br-ex", "--", "set", "bridge", "br-ex", "datapath_type=netdev");
    const { namespace, database } = lab;
    const own = new BridgeNetworks({ home: "home", namespace, openVSwitch: { database, bridge: "br-ex" } });
    const desired = wanted("green", { vlan: 10 });
    await own.ensure(desired, conformanceContext);
    expect(lab.ovs("br-to-parent", nameOf("green")).trim()).toBe("br-ex");
    await own.remove(desired, removing);
    expect(lab.ovs("list-br").trim()).toBe("br-ex");
    lab.ovs("del-br", "br-ex");
  });
});

describe("after a crash", () => {
  it("a bridge that was made and not yet marked is finished", async () => {
    lab.ip("link", "add", "name", nameOf("lan"), "type", "bridge");
    await ensure("lan", { cidr: "10.96.1.0/24" });
    expect(lab.ip("link", "show", nameOf("lan"))).toContain("alias tutti/home/default/lan");
  });

  it.each([undefined, 10])(
    "at any moment of making and removing with the tag %s, there is one bridge in the end",
    async (vlan) => {
      const desired = wanted("lan", { cidr: "10.96.1.0/24", interfaces: ["port1"], vlan });
      const program = new URL("./fixtures/maker.ts", import.meta.url).pathname;
      const args = ["--disable-warning=ExperimentalWarning", program, lab.namespace, lab.database];
      for (let kill = 0; kill < 4; kill += 1) {
        const child = spawn(process.execPath, [...args, JSON.stringify(desired)], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        const ended = once(child, "exit");
        await once(child.stdout, "data");
        await sleep(Math.random() * 1_000);
        child.kill("SIGKILL");
        await ended;
        await lab.quiet();
        expect(await triedAgain(() => ensure("lan", desired.spec as object))).toMatchObject({
          ready: true,
          actual: { cidr: "10.96.1.0/24", interfaces: ["port1"] },
        });
        expect(JSON.parse(lab.ip("-j", "link", "show", "type", "bridge"))).toHaveLength(
          vlan === undefined ? 1 : 0,
        );
        expect(lab.ovs("list-br").trim().split("\n").filter(Boolean)).toHaveLength(
          vlan === undefined ? 0 : 2,
        );
        await provider.remove(desired, removing);
        expect(lab.ovs("list-br") + lab.ip("link", "show", "port1")).not.toMatch(/master|alias|tt-/);
      }
    },
  );

  it("what is somebody else's is not taken, nor removed", async () => {
    lab.ip("link", "add", "name", nameOf("lan"), "type", "bridge");
    lab.ip("link", "set", nameOf("lan"), "alias", "mine");
    await expect(ensure("lan", {})).rejects.toThrow(/not made by this control plane/);
    expect(await provider.remove(wanted("lan", {}), removing)).toEqual([]);
    lab.ip("link", "delete", nameOf("lan"));
  });
});

describe("a bridge that was adopted", () => {
  it("is not given another range, and stays as it was when the network goes", async () => {
    lab.ip("link", "add", "byhand", "type", "bridge");
    lab.ip("address", "add", "10.96.2.1/24", "dev", "byhand");
    lab.ip("link", "set", "byhand", "up");
    const desired = wanted("taken", { cidr: "10.96.2.0/24", interfaces: ["port1"] });
    await provider.adopt(desired, "byhand", conformanceContext);
    await provider.ensure(desired, conformanceContext);
    expect(lab.ip("link", "show", "port1")).toContain("master byhand");
    const other = wanted("taken", { cidr: "10.96.3.0/24" });
    await expect(provider.ensure(other, conformanceContext)).rejects.toThrow(/adopted with cidr 10.96.2.1/);
    expect(await provider.remove(desired, removing)).toEqual(["the bridge byhand, which was adopted"]);
    expect(lab.ip("address", "show", "byhand")).toContain("10.96.2.1/24");
    expect(lab.ip("link", "show", "byhand") + lab.ip("link", "show", "port1")).not.toMatch(/master|alias/);
    lab.ip("link", "delete", "byhand");
  });
});
