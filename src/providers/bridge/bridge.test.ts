/** Networks of class bridge keep the contract: those of the kernel, and those with a tag on a real Open vSwitch. */
import { afterAll, afterEach, beforeAll } from "vitest";
import { network } from "../../kinds/network.ts";
import { providerConformance } from "../../provider/conformance.ts";
import type { Desired } from "../../provider/provider.ts";
import { Lab } from "./fixtures/lab.ts";
import { BridgeNetworks } from "./index.ts";
import { bridgeName } from "./marks.ts";

let lab: Lab;
const opened: BridgeNetworks[] = [];
beforeAll(async () => {
  lab = new Lab();
  await lab.startOpenVSwitch();
  lab.addHost("port1", "10.98.1.11/24");
  lab.addHost("port2", "10.98.1.12/24");
});
afterEach(() => {
  for (const provider of opened.splice(0)) provider.close();
});
afterAll(() => lab.close());

function make(): BridgeNetworks {
  const { namespace, database } = lab;
  const provider = new BridgeNetworks({ home: "home", namespace, openVSwitch: { database } });
  opened.push(provider);
  return provider;
}

function clean(): void {
  for (const name of lab.ovs("list-br").split("\n").filter(Boolean)) lab.ovs("--if-exists", "del-br", name);
  const bridges = JSON.parse(lab.ip("-j", "link", "show", "type", "bridge")) as { ifname: string }[];
  for (const { ifname } of bridges) lab.ip("link", "delete", ifname);
  for (const name of ["port1", "port2"]) lab.ip("link", "set", name, "alias", "");
}

function open() {
  const provider = make();
  return Promise.resolve({
    provider,
    reopen: () => Promise.resolve(make()),
    cleanup: () => Promise.resolve(clean()),
  });
}

function desired(spec: object): Desired {
  return {
    identity: {
      kind: "Network",
      namespace: "default",
      name: "lan",
      uid: "00000000-0000-4000-8000-000000000007",
    },
    spec: network.body.shape.spec.parse({ class: "bridge", ...spec }),
    status: undefined,
  };
}

const nameOf = ({ identity }: Desired): string => bridgeName("home", identity);

providerConformance("Bridges of the kernel", {
  open,
  desired: desired({ cidr: "10.98.1.0/24", interfaces: ["port1", "port2"] }),
  holdsNoData: "A network holds nothing.",
  spoil: (wanted) => {
    lab.ip("link", "set", "port1", "nomaster");
    lab.ip("address", "flush", "dev", nameOf(wanted));
    lab.inside("sh", "-c", `echo 1 > /proc/sys/net/ipv4/conf/${nameOf(wanted)}/forwarding`);
    return Promise.resolve();
  },
  takeAway: (wanted) => {
    lab.ip("link", "delete", nameOf(wanted));
    return Promise.resolve();
  },
  foreign: () => {
    lab.ip("link", "add", "byhand0", "type", "bridge");
    lab.ip("address", "add", "10.98.1.1/24", "dev", "byhand0");
    lab.ip("link", "set", "byhand0", "up");
    return Promise.resolve("byhand0");
  },
});

providerConformance("Networks with a tag", {
  open,
  desired: desired({ cidr: "fd98:2::/64", vlan: 10, interfaces: ["port1", "port2"] }),
  holdsNoData: "A network holds nothing.",
  spoil: (wanted) => {
    lab.ovs("set", "port", "port1", "tag=20");
    lab.ovs("set", "port", nameOf(wanted), "tag=30");
    return Promise.resolve();
  },
  takeAway: (wanted) => {
    lab.ovs("del-br", nameOf(wanted));
    return Promise.resolve();
  },
  foreign: () => {
    lab.ovs("add-br", "byhand0", "--", "set", "bridge", "byhand0", "datapath_type=netdev");
    lab.ovs("add-br", "byhand10", "byhand0", "10");
    lab.ip("address", "add", "fd98:2::1/64", "dev", "byhand10", "nodad");
    lab.ip("link", "set", "byhand10", "up");
    return Promise.resolve("byhand10");
  },
});
