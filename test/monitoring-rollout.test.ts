import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Silence, dispatched, silences } from "./support/monitoring.ts";
import type { TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { web } from "./support/systems.ts";
import { until } from "./support/until.ts";
import { alertRule, documents, openWebhook, tells } from "./support/webhook.ts";

function about(resource: string): Readonly<Record<string, string>> {
  return { tutti_namespace: "default", tutti_resource: resource };
}

function system(version: string, gate: string): string {
  const other = {
    kind: "Service",
    metadata: { name: "other" },
    spec: { command: ["node", "-e", "setInterval(() => undefined, 60_000)"] },
  };
  const probes = { readiness: { command: ["test", "-e", gate] } };
  return `${web({ replicas: 3, env: { VERSION: version }, probes })}\n---\n${documents(other)}`;
}

/** Of what changes, of what does not, and of how the change goes. */
const RULES = documents(
  { kind: "System", metadata: { name: "rules" } },
  alertRule("OfChanged", "vector(1)", { labels: about("service/api") }),
  alertRule("OfOther", "vector(1)", { labels: about("service/other") }),
  alertRule("RolloutStuck", "vector(1)", { labels: about("service/api") }),
);

async function active(home: TestHome): Promise<readonly Silence[]> {
  return (await silences(home)).filter(
    ({ status, comment }) => status.state === "active" && !comment.includes("of rules"),
  );
}

test(
  "a change silences what it touches, as long as it is under way, and nothing else",
  { timeout: 240_000 },
  async () => {
    const home = openHome();
    const webhook = await openWebhook();
    const wanted = 'alertname=~"OfChanged|OfOther|RolloutStuck"';
    const gates = home.folder("gates");
    const gate = join(gates, "two");
    await home.ok(["up", home.declare(tells(webhook.url, [wanted]), { folder: "pager" })]);
    await home.ok(["up", home.declare(system("one", gates))]);
    await until("no silence being left of the deployment", async () => (await active(home)).length === 0);

    const up = home.start(["up", home.declare(system("two", gate)), "-y"]);
    await until("the silence of the change", async () => (await active(home)).length > 0);
    await home.ok(["up", home.declare(RULES, { folder: "rules" })]);
    await webhook.told("OfOther", "firing");
    await webhook.told("RolloutStuck", "firing");
    await until("the alert of what changes being silenced", async () =>
      (await dispatched(home)).some(
        ({ labels, status }) => labels["alertname"] === "OfChanged" && status.state === "suppressed",
      ),
    );
    for (const { matchers, comment } of await active(home)) {
      expect(comment).toMatch(/^(Change \S+ \(apply of web\)|A rollout of service\/api) is under way\.$/);
      expect(matchers).toContainEqual({
        name: "tutti_resource",
        value: "service/api",
        isRegex: true,
        isEqual: true,
      });
      expect(matchers).toContainEqual({
        name: "tutti_namespace",
        value: "default",
        isRegex: false,
        isEqual: true,
      });
    }
    expect(webhook.alerts().map(({ labels }) => labels["alertname"])).not.toContain("OfChanged");
    writeFileSync(gate, "");
    expect((await up.done).code).toBe(0);
    await until("the end of the silence", async () => (await active(home)).length === 0);
    await webhook.told("OfChanged", "firing");
  },
);
