/** Alertmanager's own command line (Debian's amtool) as a client of the API. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ran, amtool, startOurs } from "./fixtures/servers.ts";

const configuration = `
global: { slack_api_url: "https://hooks.slack.com/services/T0/B0/hunter2" }
route:
  receiver: default
  group_wait: 1h
  routes:
    - { matchers: ['service="db"'], receiver: databases, group_by: [alertname] }
    - { matchers: ['severity=~"critical|page"'], receiver: pager, continue: true }
receivers:
  - { name: default, webhook_configs: [{ url: "https://example.org/hook?token=hunter2" }] }
  - { name: databases, slack_configs: [{ channel: "#db" }], command_configs: [{ command: [/bin/true] }] }
  - { name: pager, pagerduty_configs: [{ routing_key: hunter2 }] }
`;

let ours: Awaited<ReturnType<typeof startOurs>>;
let folder: string;

beforeAll(async () => {
  ours = await startOurs(configuration);
  folder = await mkdtemp(join(tmpdir(), "amtool-"));
});

afterAll(async () => {
  await ours.stop();
  await rm(folder, { recursive: true, force: true });
});

function tool(...args: readonly string[]): Promise<Ran> {
  return amtool(`--alertmanager.url=${ours.url}`, ...args);
}

async function succeeded(...args: readonly string[]): Promise<string> {
  const { code, output, errors } = await tool(...args);
  expect(code, errors).toBe(0);
  return output;
}

describe("alerts", () => {
  it("are added and queried, by matcher, receiver and state", async () => {
    await succeeded(
      "alert",
      "add",
      "alertname=Down",
      "service=db",
      "node=a",
      "--annotation=summary=It is down",
    );
    await succeeded("alert", "add", "alertname=Slow", "service=web");
    expect(await succeeded("alert", "query")).toMatch(/Down[^]*It is down[^]*Slow/);
    expect(await succeeded("alert", "query", "service=~d.")).not.toContain("Slow");
    expect(await succeeded("alert", "query", "--receiver=databases")).not.toContain("Slow");
    const found: unknown = JSON.parse(await succeeded("-o", "json", "alert", "query", "alertname=Down"));
    expect(found).toMatchObject([
      {
        labels: { alertname: "Down", service: "db", node: "a" },
        receivers: [{ name: "databases" }],
        status: { state: "active", silencedBy: [], inhibitedBy: [] },
      },
    ]);
  });

  it("that cannot be are refused with a reason", async () => {
    const { code, errors } = await tool("alert", "add", "x=");
    expect(code).not.toBe(0);
    expect(errors).toContain("An alert needs at least one label.");
  });
});

describe("silences", () => {
  it("are added, silence, are queried, updated and expired", async () => {
    await succeeded("alert", "add", "alertname=Loud");
    const add = ["silence", "add", "--author=a", "--comment=work", "--duration=2h", "alertname=Loud"];
    const id = (await succeeded(...add)).trim();
    expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(await succeeded("silence", "query", "alertname=Loud")).toContain(id);
    expect(await succeeded("alert", "query", "--active", "alertname=Loud")).not.toContain("Loud ");
    expect(await succeeded("alert", "query", "--silenced", "alertname=Loud")).toContain("Loud");
    await succeeded("silence", "update", "--duration=5h", id);
    expect(await succeeded("silence", "query", "-q", "alertname=Loud")).toContain(id);
    await succeeded("silence", "expire", id);
    expect(await succeeded("silence", "query", "-q")).not.toContain(id);
    expect(await succeeded("silence", "query", "-q", "--expired")).toContain(id);
  });

  it("are exported and imported again, as changes and as new ones", async () => {
    await succeeded(
      "silence",
      "add",
      "--author=a",
      "--comment=c",
      "alertname=Exported",
      'path=~"/a.*"',
      "x!=1",
    );
    const exported = await succeeded("-o", "json", "silence", "query", "alertname=Exported");
    const file = join(folder, "silences.json");
    await writeFile(file, exported);
    await succeeded("silence", "import", file);
    await succeeded("silence", "import", "--force", file);
    const found = JSON.parse(
      await succeeded("-o", "json", "silence", "query", "alertname=Exported"),
    ) as unknown[];
    expect(found).toHaveLength(2);
    expect(found[1]).toMatchObject({
      matchers: [
        { name: "alertname", value: "Exported", isRegex: false, isEqual: true },
        { name: "path", value: "/a.*", isRegex: true, isEqual: true },
        { name: "x", value: "1", isRegex: false, isEqual: false },
      ],
    });
  });

  it("that something declares cannot be expired, and say what declares them", async () => {
    const now = Date.now();
    ours.dispatcher.silences.setManaged([
      {
        owner: "change/42",
        matchers: [{ name: "alertname", value: "Planned", isRegex: false, isEqual: true }],
        startsAt: now - 1000,
        endsAt: now + 3_600_000,
        createdBy: "change/42",
        comment: "The change touches it.",
      },
    ]);
    const id = (await succeeded("silence", "query", "-q", "alertname=Planned")).trim();
    const { code, errors } = await tool("silence", "expire", id);
    expect(code).not.toBe(0);
    expect(errors).toContain("is declared by change/42");
  });

  it("that nobody knows are not found", async () => {
    const { code } = await tool("silence", "expire", "3a9b0c1e-0000-4000-8000-000000000000");
    expect(code).not.toBe(0);
  });
});

describe("configuration", () => {
  it("is shown without secrets", async () => {
    const shown = await succeeded("config", "show");
    expect(shown).toContain("receiver: databases");
    expect(shown).toContain("<secret>");
    expect(shown).not.toContain("hunter2");
  });

  it("is shown in a form that amtool accepts, and routes as the dispatcher does", async () => {
    const file = join(folder, "shown.yml");
    await writeFile(file, ours.dispatcher.configuration.shown);
    const { code, errors } = await amtool("check-config", file);
    expect(code, errors).toBe(0);
    for (const [labels, receivers] of [
      [["service=db", "severity=page"], "databases"],
      [["severity=page"], "pager"],
      [["x=y"], "default"],
    ] as const)
      expect((await succeeded("config", "routes", "test", ...labels)).trim()).toBe(receivers);
    expect(await succeeded("config", "routes")).toContain('{severity=~"critical|page"}');
  });

  it("comes with the version and the state of the cluster", async () => {
    expect(await succeeded("cluster", "show")).toContain("disabled");
  });
});

describe("probes", () => {
  it("say whether it runs and whether it notifies", async () => {
    expect((await fetch(`${ours.url}/-/healthy`)).status).toBe(200);
    expect((await fetch(`${ours.url}/-/ready`)).status).toBe(200);
  });
});
