/**
 * Networks of class bridge from end to end: two tags over one Open vSwitch, hosts that are put on them, and what somebody
 * changes by hand. All but LXD's machines is in a network namespace of its own.
 */
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Lab } from "../src/providers/bridge/fixtures/lab.ts";
import { startLxd } from "../src/providers/lxd/fixtures/daemon.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

let lab: Lab;
beforeAll(async () => {
  lab = new Lab();
  await lab.startOpenVSwitch();
  for (const [index, name] of ["green1", "green2", "blue1", "plain1", "plain2"].entries())
    lab.addHost(name, `10.97.${name.startsWith("plain") ? 3 : 1}.${11 + index}/24`);
});
afterAll(() => lab.close());

const location = (): string => `
kind: Location
metadata: { name: lab }
spec: { bridge: { namespace: ${lab.namespace}, database: "${lab.database}" } }
`;

const networks = (greenTag = 10): string => `
kind: System
metadata: { name: lan }
---
kind: Network
metadata: { name: green }
spec: { location: lab, vlan: ${greenTag}, cidr: 10.97.1.0/24, interfaces: [green1, green2] }
---
kind: Network
metadata: { name: blue }
spec: { location: lab, vlan: 20, interfaces: [blue1] }
---
kind: Network
metadata: { name: plain }
spec: { location: lab, class: bridge, cidr: 10.97.3.0/24, interfaces: [plain1, plain2] }
`;

const reaches = (from: string, address: string): Promise<boolean> =>
  until(`an answer from ${address} to ${from}`, () => lab.reaches(from, address));

test("the same tag reaches, another does not, and what is changed by hand is set back", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(location(), { folder: "location" }), "--yes"]);
  const folder = home.declare(networks());
  await home.ok(["up", folder, "--yes"]);

  await reaches("green1", "10.97.1.12");
  await reaches("green1", "10.97.1.1");
  await reaches("plain1", "10.97.3.15");
  // It has an address of their range, and another tag.
  expect(lab.reaches("green1", "10.97.1.13")).toBe(false);
  expect(lab.reaches("blue1", "10.97.1.11")).toBe(false);

  // Also where the host forwards between its interfaces.
  lab.route("green1", "10.97.1.1");
  lab.route("plain1", "10.97.3.1");
  expect(lab.reaches("green1", "10.97.3.14")).toBe(false);

  lab.ovs("set", "port", "green2", "tag=20");
  await reaches("green1", "10.97.1.12");
  const bridge = String((await home.get("Network/plain"))?.status?.["bridge"]);
  lab.ip("link", "set", "plain2", "nomaster");
  await reaches("plain1", "10.97.3.15");
  lab.ip("link", "delete", bridge);
  await reaches("plain1", "10.97.3.15");

  const service = `---\nkind: Service\nmetadata: { name: api }\nspec: { location: lab, command: sleep 60, networks: [green] }\n`;
  const refused = await home.tutti(["up", home.declare(networks() + service), "--yes"]);
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stdout + refused.stderr).toContain("instances of services cannot be");

  home.declare(networks(30));
  await home.ok(["up", folder, "--yes"]);
  expect(lab.ovs("get", "port", "green1", "tag").trim()).toBe("30");
  await reaches("green1", "10.97.1.12");

  await home.ok(["down", folder, "--yes"]);
  expect(lab.ovs("list-br")).toBe("");
  expect(JSON.parse(lab.ip("-j", "link", "show", "type", "bridge"))).toEqual([]);
  expect(lab.ip("link", "show", "plain1")).not.toContain("tutti");
});

test("machines of LXD are put on bridges: those of one tag reach each other, another's do not", async () => {
  const switched = new Lab({ isApart: false });
  onTestFinished(() => switched.close());
  await switched.startOpenVSwitch();
  process.env["OVS_RUNDIR"] = switched.folder;
  const lxd = await startLxd();
  onTestFinished(() => lxd.close());
  delete process.env["OVS_RUNDIR"];
  const home = openHome();
  const place = `
kind: Location
metadata: { name: lab }
spec: { type: lxd, lxd: { endpoint: "${lxd.endpoint}" }, bridge: { database: "${switched.database}" } }
`;
  await home.ok(["up", home.declare(place, { folder: "location" }), "--yes"]);
  const machine = (name: string, network: string, last: number): string => `
---
kind: Machine
metadata: { name: ${name} }
spec:
  location: lab
  image: busybox
  networks: [{ network: ${network} }]
  command: ifconfig eth0 ${lxd.range}.${last} netmask 255.255.255.0
`;
  const folder = home.declare(`
kind: System
metadata: { name: lan }
---
kind: Network
metadata: { name: green }
spec: { location: lab, vlan: 10, cidr: ${lxd.range}.0/24 }
---
kind: Network
metadata: { name: blue }
spec: { location: lab, vlan: 20 }
${machine("web", "green", 11)}${machine("api", "green", 12)}${machine("spy", "blue", 13)}`);
  await home.ok(["up", folder, "--yes"]);
  const isReached = async (from: string, last: number): Promise<boolean> => {
    const ping = ["ping", "-c", "1", "-W", "1", `${lxd.range}.${last}`];
    return (await home.tutti(["exec", `machine/${from}`, "--", ...ping])).code === 0;
  };
  await until("an answer of the same tag", () => isReached("web", 12));
  expect(await isReached("web", 1)).toBe(true);
  expect(await isReached("spy", 11)).toBe(false);
  await home.ok(["down", folder, "--yes"]);
  expect(switched.ovs("list-br")).toBe("");
});
