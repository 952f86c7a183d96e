/**
 * Machines, networks and volumes in two data centres: two LXDs, each a Location. One system is brought up in the first, then,
 * by one command, in the second; what is taken away by hand comes back, limits hold, and one goes without the other.
 */
import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LxdDaemon, startLxd } from "../src/providers/lxd/fixtures/daemon.ts";
import { Instances, type LxdInstance } from "../src/providers/lxd/instances.ts";
import { TestHome } from "./support/home.ts";
import { until } from "./support/until.ts";

let berlin: LxdDaemon;
let paris: LxdDaemon;
let home: TestHome;
beforeAll(async () => {
  [berlin, paris] = await Promise.all([startLxd(), startLxd()]);
  home = new TestHome();
  const locations = home.declare(
    [berlin, paris]
      .map(
        ({ endpoint }, index) => `
kind: Location
metadata: { name: ${["berlin", "paris"][index]} }
spec: { type: lxd, lxd: { endpoint: "${endpoint}" } }
`,
      )
      .join("---"),
    { folder: "locations" },
  );
  await home.ok(["up", locations, "--yes"]);
});
afterAll(async () => {
  await home?.destroy();
  await Promise.all([berlin?.close(), paris?.close()]);
});

const MACHINES = ["web-1", "web-2", "web-3"];

function site(memory: string, more = ""): string {
  const machines = MACHINES.map(
    (name, index) => `
kind: Machine
metadata: { name: ${name} }
spec:
  image: busybox
  cpu: 500m
  memory: ${memory}
  networks: [{ network: lan, address: "\${param.range}.${11 + index}" }]
  volumes: [${index === 0 ? "{ volume: pages, path: /srv/pages }" : ""}]
  files: [{ path: /srv/www/index.html, content: "${name} in \${param.city}\\n" }]
  command: httpd -p 8080 -h /srv/www
`,
  );
  return [
    `
kind: System
metadata: { name: site }
spec: { parameters: { range: {}, city: {} } }
`,
    `
kind: Network
metadata: { name: lan }
spec: { cidr: "\${param.range}.0/24" }
`,
    `
kind: Volume
metadata: { name: pages }
spec: { size: 20Mi }
`,
    ...machines,
    `
kind: LoadBalancer
metadata: { name: front }
spec:
  algorithm: round-robin
  routes: [{ machines: [${MACHINES.join(", ")}], machinePort: 8080 }]
`,
    more,
  ]
    .filter((part) => part !== "")
    .join("---");
}

function declaredIn(city: string, { range }: LxdDaemon): readonly string[] {
  return ["-n", city, "--location", city, "--set", `range=${range}`, "--set", `city=${city}`];
}

function up(folder: string, city: string, daemon: LxdDaemon): Promise<string> {
  return home.ok(["up", folder, ...declaredIn(city, daemon), "--yes"]);
}

/** How many of each action a plan would take. */
async function planned(folder: string, city: string, daemon: LxdDaemon): Promise<Record<string, number>> {
  const text = await home.ok(["plan", folder, ...declaredIn(city, daemon), "-o", "json"]);
  const { summary } = JSON.parse(text) as { readonly summary: Record<string, number> };
  return Object.fromEntries(Object.entries(summary).filter(([, count]) => count > 0));
}

const signal = AbortSignal.timeout(600_000);

async function named(daemon: LxdDaemon, name: string): Promise<LxdInstance | undefined> {
  return (await daemon.instances()).find(
    ({ config }) => config["user.tutti.name"] === name && config["user.tutti.kind"] === "Machine",
  );
}

/** Runs a command in a machine, beside Tutti. */
async function inside(daemon: LxdDaemon, name: string, command: string): Promise<string> {
  const instance = (await named(daemon, name))?.name ?? "";
  const { output } = await new Instances(daemon.lxd).run(
    instance,
    ["/bin/sh", "-c", `${command} 2>&1`],
    signal,
  );
  return output;
}

async function memoryLimit(daemon: LxdDaemon, name: string): Promise<number> {
  const payload = `lxc.payload.${(await named(daemon, name))?.name ?? ""}`;
  const [path = ""] = [
    `/sys/fs/cgroup/memory/${payload}/memory.limit_in_bytes`,
    `/sys/fs/cgroup/${payload}/memory.max`,
  ].filter((one) => existsSync(one));
  return Number(readFileSync(path, "utf8"));
}

async function address(city: string): Promise<string> {
  const found = JSON.parse(await home.ok(["get", "loadbalancer/front", "-n", city, "-o", "json"])) as {
    readonly status: { readonly url: string };
  };
  return found.status.url;
}

/** What all that are behind the balancer of a city answer. */
async function answers(city: string): Promise<readonly string[]> {
  const url = await address(city);
  const seen = new Set<string>();
  await until(`answers of all machines in ${city}`, async () => {
    const answer = await fetch(url);
    if (answer.ok) seen.add((await answer.text()).trim());
    return seen.size === MACHINES.length;
  });
  return [...seen].toSorted();
}

describe("a system of machines, in two data centres", () => {
  let folder: string;
  let pids: readonly (number | undefined)[];
  const runningIn = async (daemon: LxdDaemon): Promise<readonly (number | undefined)[]> =>
    Promise.all(
      MACHINES.map(async (name) => {
        const found = await named(daemon, name);
        return found === undefined
          ? undefined
          : (await new Instances(daemon.lxd).state(found.name, signal)).pid;
      }),
    );

  test("is brought up in the first: its balancer asks machines that have addresses, files and a volume", async () => {
    folder = home.declare(site("64Mi"), { folder: "declared" });
    await up(folder, "berlin", berlin);
    expect(await answers("berlin")).toEqual(MACHINES.map((name) => `${name} in berlin`));
    const listed = await home.ok(["get", "machines", "-n", "berlin"]);
    expect(listed).toMatch(new RegExp(`web-1\\s.*lxd\\s+Running\\s+${berlin.range}.11`));
    pids = await runningIn(berlin);
  });

  test("has limits that hold: memory in its cgroup, a volume that is full", async () => {
    expect(await memoryLimit(berlin, "web-2")).toBe(64 * 2 ** 20);
    const said = await inside(berlin, "web-1", "dd if=/dev/zero of=/srv/pages/big bs=1M count=30");
    expect(said).toContain("Disk quota exceeded");
  });

  test("runs commands in its machines, and shows their consoles", async () => {
    const run = ["exec", "machine/web-3", "-n", "berlin", "--", "sh", "-c", "cat; echo it >&2; exit 7"];
    expect(await home.tutti(run, { input: "said\n" })).toMatchObject({
      code: 7,
      stdout: "said\n",
      stderr: "it\n",
    });
    const id = (await named(berlin, "web-3"))?.name ?? "";
    expect(await home.ok(["logs", "machine/web-3", "-n", "berlin"])).toContain(`hello from ${id}`);
  });

  test("is given other limits while it runs", async () => {
    home.declare(site("96Mi"), { folder: "declared" });
    await up(folder, "berlin", berlin);
    expect(await memoryLimit(berlin, "web-2")).toBe(96 * 2 ** 20);
    expect(await runningIn(berlin)).toEqual(pids);
  });

  test("is made in the second by one command, and then there is nothing to do in either", async () => {
    await up(folder, "paris", paris);
    expect(await answers("paris")).toEqual(MACHINES.map((name) => `${name} in paris`));
    for (const [city, daemon] of [["berlin", berlin] as const, ["paris", paris] as const])
      expect(await planned(folder, city, daemon)).toEqual({ none: 7 });
    expect(await runningIn(berlin)).toEqual(pids);
  });

  test("has a machine back that was deleted by hand, with its address and its files", async () => {
    const lost = await named(berlin, "web-2");
    await new Instances(berlin.lxd).remove(lost?.name ?? "", signal);
    const back = await until("web-2", async () => {
      const found = await named(berlin, "web-2");
      return found?.status === "Running" && found.created_at !== lost?.created_at ? found : undefined;
    });
    expect(back.name).toBe(lost?.name);
    await until("web-2 to answer again", async () => {
      const answer = await fetch(`http://${berlin.range}.12:8080/`, { signal: AbortSignal.timeout(1_000) });
      return (await answer.text()) === "web-2 in berlin\n";
    });
  });

  test("is begun from a snapshot of a machine as it was", async () => {
    await inside(berlin, "web-3", "echo precious > /root/kept");
    const snapshot = `
kind: MachineSnapshot
metadata: { name: before }
spec: { machine: web-3 }
`;
    home.declare(site("96Mi", snapshot), { folder: "declared" });
    await up(folder, "berlin", berlin);
    await inside(berlin, "web-3", "rm /root/kept");
    const again = `${snapshot}---
kind: Machine
metadata: { name: again }
spec: { from: { snapshot: before }, networks: [{ network: lan }] }
`;
    home.declare(site("96Mi", again), { folder: "declared" });
    await up(folder, "berlin", berlin);
    expect(await inside(berlin, "again", "cat /root/kept")).toBe("precious");
    expect(await inside(berlin, "again", "ip -4 addr show eth0")).toContain(`inet ${berlin.range}.`);
  });

  test("goes from one without the other", async () => {
    const before = await runningIn(berlin);
    await home.ok(["down", "site", "-n", "paris", "--yes"]);
    expect(await paris.instances()).toEqual([]);
    const networks = await paris.lxd.get<readonly { readonly managed: boolean; readonly config: object }[]>(
      "/1.0/networks",
      signal,
      { recursion: "1" },
    );
    expect(JSON.stringify(networks)).not.toContain(paris.range);
    expect(await runningIn(berlin)).toEqual(before);
    expect(await answers("berlin")).toHaveLength(3);
    await home.ok(["down", "site", "-n", "berlin", "--yes"]);
    expect(await berlin.instances()).toEqual([]);
  });
});
