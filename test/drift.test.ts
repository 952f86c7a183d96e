/** Real things that people change by hand, and what becomes of it: networks, folders, databases, records, declarations. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from "vitest";
import type { DriftReport } from "../src/client/drift.ts";
import type { NetworkInspectInfo } from "dockerode";
import { StateFolder } from "../src/app/home.ts";
import { type Daemon, startDaemon } from "../src/providers/docker/fixtures/daemon.ts";
import { TestHome, conditionOf, kindOf } from "./support/home.ts";
import { until } from "./support/until.ts";

let daemon: Daemon;
let home: TestHome;
beforeAll(async () => {
  home = new TestHome();
  daemon = await startDaemon({ bare: true });
});
beforeEach(() => onTestFailed(async () => console.error(await home.diagnosis())));
afterAll(async () => {
  await home.destroy();
  await daemon.close();
});

const IN_ENGINE = `kind: Network
metadata: { name: inner }
spec:
  class: docker
  location: docker
  cidr: 10.77.1.0/24 # agreed with the network team
---
kind: Volume
metadata: { name: shelf }
spec: { class: docker, location: docker }
---
kind: Volume
metadata: { name: uploads }
`;

const DATABASE = `kind: Database
metadata: { name: orders }
spec:
  class: server
  extensions: [pg_trgm]
  lifecycle: { drift: { answer: report } }
`;

const NAMES = `# The shop, as the team keeps it.
kind: System
metadata: { name: shop }
---
kind: DNSZone
metadata: { name: names }
spec: { domain: shop.test }
---
kind: DNSRecord
metadata: { name: www }
spec:
  zone: names
  name: www
  values: [127.0.0.7] # the balancer
`;

/** As a system of this name. */
async function up(name: string, declaration: string): Promise<string> {
  const folder = home.declare(declaration, { folder: name });
  await home.ok(["up", folder, "--yes"], { env: { DOCKER_HOST: daemon.endpoint } });
  return folder;
}

async function drift(...args: readonly string[]): Promise<DriftReport> {
  return JSON.parse(await home.ok(["drift", ...args, "-o", "json"])) as DriftReport;
}

/** What was found of it without anybody asking. */
const recorded = (kind: string, name: string): Promise<DriftReport> =>
  home.client().drift.of(kindOf(kind), name, { refresh: false });

async function reasons(name: string): Promise<readonly string[]> {
  const events = await home.list("Event", `involvedObject.name=${name}`);
  return events.map((event) => String((event as { reason?: string }).reason));
}

const settled = (kind: string, name: string, reason: string): Promise<unknown> =>
  until(`${reason} of ${kind}/${name}`, async () => (await reasons(name)).includes(reason));

test("things that were changed by hand are shown with what they were, planned, and set back by themselves", async () => {
  const folder = await up("engine", IN_ENGINE);
  expect(await drift()).toMatchObject({ items: [], noise: [], warnings: [] });

  // docker network rm, and made again by somebody, with another range and closed to the outside; unless Tutti is faster.
  const networks = await daemon.docker.listNetworks({ filters: { driver: ["bridge"] } });
  const { Id, Name, Labels } = networks[0] as NetworkInspectInfo;
  await daemon.docker.getNetwork(Id).remove();
  await daemon.docker
    .createNetwork({
      Name,
      CheckDuplicate: true,
      ...(Labels === undefined ? {} : { Labels }),
      Internal: true,
      IPAM: { Driver: "default", Config: [{ Subnet: "10.77.2.0/24" }] },
    })
    .catch((error: unknown) => expect(error).toMatchObject({ statusCode: 409 }));
  // rm -r
  rmSync(join(home.path, "volumes/default/uploads"), { recursive: true });
  // docker volume rm
  const { Volumes } = await daemon.docker.listVolumes();
  await daemon.docker.getVolume(Volumes[0]?.Name ?? "").remove();

  const { code, stdout } = await home.tutti(["plan", folder, "--detailed-exitcode", "-o", "json"], {
    env: { DOCKER_HOST: daemon.endpoint },
  });
  const { steps } = JSON.parse(stdout) as {
    readonly steps: readonly { readonly address: string; readonly drift?: unknown }[];
  };
  const planned = Object.fromEntries(
    steps.flatMap((step) => (step.drift === undefined ? [] : [[step.address, step.drift]])),
  );
  // What has been set back meanwhile is not shown any more.
  expect(code === 10 || Object.keys(planned).length === 0).toBe(true);

  // Seen as gone, or as another one, whichever it was when it was looked at.
  await until("the network as it was", async () => {
    const found = await daemon.docker.listNetworks({ filters: { name: [Name] } });
    return found.length === 1 && found[0]?.Internal === false;
  });
  await settled("Volume", "uploads", "MadeAgain");
  await settled("Volume", "shelf", "MadeAgain");
  await until("no drift", async () => (await recorded("Network", "inner")).items.length === 0);
  const network = await daemon.docker.getNetwork(Name).inspect();
  expect(network).toMatchObject({ Internal: false, IPAM: { Config: [{ Subnet: "10.77.1.0/24" }] } });
  expect(existsSync(join(home.path, "volumes/default/uploads"))).toBe(true);
  expect(conditionOf(await home.get("Network/inner"), "Drifted")).toMatchObject({ status: "False" });
});

test("what is only reported stays, is told by path, and can be tolerated or set back by a person", async () => {
  await up("data", DATABASE);
  const { default: connect } = await import("postgres");
  const sql = connect({
    host: "127.0.0.1",
    port: Number((await home.get("Database/orders"))?.status?.["port"]),
    user: "postgres",
    password: new StateFolder(home.path).keyring().derive("database/default/orders/superuser"),
    database: "orders",
    max: 1,
  });
  await sql.unsafe("drop extension pg_trgm");
  await sql.end();

  const shown = await home.tutti(["drift", "--detailed-exitcode"]);
  expect(shown).toMatchObject({ code: 10 });
  expect(shown.stdout).toContain(`spec.extensions  ["pg_trgm"] -> []`);
  expect(shown.stdout).toContain("left as it is");

  await home.ok([
    "drift",
    "tolerate",
    "database/orders",
    "spec.extensions",
    "--until",
    "2h",
    "--reason",
    "incident 7",
  ]);
  expect((await drift("database/orders")).items).toMatchObject([
    { path: "spec.extensions", answer: "tolerate" },
  ]);

  await home.ok(["drift", "revert", "database/orders"]);
  await until("the extension", async () => (await recorded("Database", "orders")).items.length === 0);
});

test("what was written past the declaration is told with who did it, and goes into the file, or back", async () => {
  const folder = await up("shop", NAMES);
  const record = kindOf("DNSRecord");
  const edit = (values: readonly string[]): Promise<unknown> =>
    home.client().patch(record, "www", { spec: { values } }, { because: "edit" });
  await edit(["127.0.0.9"]);
  const report = await drift("dnsRecord/www");
  expect(report.items).toMatchObject([
    {
      of: "declaration",
      path: "spec.values",
      expected: ["127.0.0.7"],
      actual: ["127.0.0.9"],
      by: "user:admin",
      action: "edit",
      answer: "report",
    },
  ]);

  const file = join(folder, "tutti.yaml");
  const patch = await home.ok(["drift", "adopt", "dnsRecord/www"], { cwd: folder });
  expect(patch).toContain("-  values: [127.0.0.7] # the balancer\n+  values: [127.0.0.9] # the balancer\n");
  expect(readFileSync(file, "utf8")).toBe(NAMES);
  await home.ok(["drift", "revert", "dnsRecord/www", "spec.values"]);
  expect((await home.get("DNSRecord/www"))?.spec["values"]).toEqual(["127.0.0.7"]);

  await edit(["127.0.0.10"]);
  await home.ok(["drift", "adopt", "dnsRecord/www", "--write"], { cwd: folder });
  expect(readFileSync(file, "utf8")).toBe(NAMES.replace("[127.0.0.7]", "[127.0.0.10]"));
  await home.ok(["up", folder, "--yes"], { env: { DOCKER_HOST: daemon.endpoint } });
  expect((await drift("shop")).items).toEqual([]);
});

test("a wrong address, path or time is refused with what to do", async () => {
  const tolerate = ["tolerate", "volume/uploads", "spec.size", "--until"];
  const refusals = await Promise.all(
    [
      ["volume/upload"],
      ["revert", "volume/uploads"],
      [...tolerate, "tomorrow"],
      [...tolerate, "2020-01-01T00:00:00Z"],
    ].map(async (args) => home.tutti(["drift", ...args])),
  );
  expect(refusals.map(({ code }) => code)).not.toContain(0);
  expect(refusals.map(({ stderr }) => stderr)).toMatchObject(
    ["uploads", "It is as it should be.", "until: write for example 2h", "over already"].map(
      (text): unknown => expect.stringContaining(text),
    ),
  );
});
