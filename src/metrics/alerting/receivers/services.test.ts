/** Slack, PagerDuty, commands and workflows: what they are sent. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../../clock/manual.ts";
import { TerminalError } from "../../../provider/provider.ts";
import { loaded } from "../fixtures/scene.ts";
import { integrationOf, notification, resolved } from "./fixtures/delivery.ts";
import { HttpReceiver } from "./fixtures/http-receiver.ts";
import { makeIntegrations } from "./integrations.ts";

let receiver: HttpReceiver;
let folder: string;

beforeEach(async () => {
  receiver = await HttpReceiver.start();
  folder = await mkdtemp(join(tmpdir(), "receivers-"));
});

afterEach(async () => {
  await receiver.stop();
  await rm(folder, { recursive: true, force: true });
});

describe("slack", () => {
  it("gets one attachment with a title, a text and a colour by default", async () => {
    const slack = await integrationOf(
      `slack_configs: [{ api_url: "${receiver.url}/services/T/B/X", channel: "#ops" }]`,
    );
    await slack.deliver(notification());
    expect(receiver.got[0]).toMatchObject({
      path: "/services/T/B/X",
      body: {
        channel: "#ops",
        username: "Tutti",
        attachments: [
          {
            title: "FIRING (1) Down (web)",
            title_link: "http://alerts.example.org/#/alerts?receiver=team%5C.one",
            text: "a is down & out\nb is down\n",
            fallback: "FIRING (1) Down (web)",
            color: "danger",
            mrkdwn_in: ["fallback", "pretext", "text"],
          },
        ],
      },
    });
    await slack.deliver(resolved());
    expect(receiver.got[1]?.body).toMatchObject({
      attachments: [{ title: expect.stringMatching(/^RESOLVED Down/), color: "good" }],
    });
  });

  it("gets fields, actions and texts as configured", async () => {
    const slack = await integrationOf(`
slack_configs:
  - api_url: ${receiver.url}
    title: '{{ range .Alerts.Firing }}{{ .Labels.instance }}{{ end }}'
    text: '{{ .CommonAnnotations.SortedPairs.Values | join "," }}'
    short_fields: true
    fields: [{ title: a, value: '{{ .Status }}' }, { title: b, value: c, short: false }]
    actions: [{ type: button, text: Open, url: '{{ .ExternalURL }}' }]
`);
    await slack.deliver(notification());
    expect(receiver.got[0]?.body).toMatchObject({
      attachments: [
        {
          title: "a<1>",
          text: "http://runbooks/down",
          fields: [
            { title: "a", value: "firing", short: true },
            { title: "b", value: "c", short: false },
          ],
          actions: [{ type: "button", text: "Open", url: "http://alerts.example.org" }],
        },
      ],
    });
  });

  it("is asked with a bot's token where there is one", async () => {
    const slack = await integrationOf(
      `slack_configs: [{ app_token: xoxb-1, app_url: "${receiver.url}/api", channel: c }]`,
    );
    receiver.answer = (response) => response.setHeader("content-type", "application/json").end('{"ok":true}');
    await slack.deliver(notification());
    expect(receiver.got).toMatchObject([{ path: "/api", headers: { authorization: "Bearer xoxb-1" } }]);
  });

  it.each([
    ["text/plain", "no_service"],
    ["application/json", '{"ok":false,"error":"no_service"}'],
  ])("that says no with 200 has refused (%s)", async (type, body) => {
    receiver.answer = (response) => response.setHeader("content-type", type).end(body);
    const slack = await integrationOf(`slack_configs: [{ api_url: "${receiver.url}" }]`);
    await expect(slack.deliver(notification())).rejects.toMatchObject({
      isTemporary: false,
      message: "Slack refused the message: no_service.",
    });
  });
});

describe("pagerduty", () => {
  it("gets a trigger and a resolve with the same key", async () => {
    const pagerduty = await integrationOf(`
pagerduty_configs:
  - { url: "${receiver.url}/v2/enqueue", routing_key: r0uting, severity: '{{ .CommonLabels.job }}', details: { team: a }, links: [{ href: '{{ .ExternalURL }}', text: open }] }
`);
    await pagerduty.deliver(notification());
    await pagerduty.deliver(resolved());
    const [fired, over] = receiver.got.map(({ body }) => body as Record<string, unknown>);
    expect(fired).toMatchObject({
      routing_key: "r0uting",
      event_action: "trigger",
      client: "Tutti",
      links: [{ href: "http://alerts.example.org", text: "open" }],
      payload: {
        summary: "FIRING (1) Down (web)",
        source: "Tutti",
        severity: "web",
        custom_details: {
          team: "a",
          num_firing: "1",
          num_resolved: "1",
          firing: expect.stringContaining("a is down & out"),
        },
      },
    });
    expect(fired?.["dedup_key"]).toMatch(/^[0-9a-f]{64}$/);
    expect(over).toMatchObject({ event_action: "resolve", dedup_key: fired?.["dedup_key"] });
  });

  it("gets the older form of event where there is a service key", async () => {
    const pagerduty = await integrationOf(`pagerduty_configs: [{ url: "${receiver.url}", service_key: s }]`);
    await pagerduty.deliver(notification());
    expect(receiver.got[0]?.body).toMatchObject({
      service_key: "s",
      event_type: "trigger",
      incident_key: expect.stringMatching(/^[0-9a-f]{64}$/),
      details: { num_firing: "1" },
    });
  });

  it("that is asked too often is asked again, what it does not understand it is not told again", async () => {
    const pagerduty = await integrationOf(`pagerduty_configs: [{ url: "${receiver.url}", routing_key: r }]`);
    receiver.answer = (response, count) => response.writeHead(count === 1 ? 429 : 400).end();
    await expect(pagerduty.deliver(notification())).rejects.toMatchObject({ isTemporary: true });
    await expect(pagerduty.deliver(notification())).rejects.toMatchObject({ isTemporary: false });
  });

  it("gets an event without details when they are too large", async () => {
    const pagerduty = await integrationOf(`pagerduty_configs: [{ url: "${receiver.url}", routing_key: r }]`);
    const { alerts } = notification();
    const [first] = alerts;
    if (first === undefined) throw new Error("no alert");
    const large = { ...first, annotations: { description: "x".repeat(600_000) } };
    await pagerduty.deliver(notification({ alerts: [large] }));
    expect(receiver.got[0]?.body).toMatchObject({
      event_action: "trigger",
      payload: { custom_details: { error: "The details were too large." } },
    });
  });
});

describe("a command", () => {
  const script = async (text: string): Promise<string> => {
    const file = join(folder, "script.sh");
    await writeFile(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return file;
  };

  it("gets the payload on its standard input, its arguments as they are, and nothing of our environment", async () => {
    process.env["TUTTI_TEST_SECRET"] = "s3cret";
    const out = join(folder, "out");
    const file = await script(
      `cat > ${out}; printf '\\n%s|%s|%s' "$1" "$ALERT_STATUS" "$MINE$TUTTI_TEST_SECRET" >> ${out}`,
    );
    const command = await integrationOf(
      `command_configs: [{ command: [${file}, "$(id); *"], environment: { MINE: m } }]`,
    );
    await command.deliver(notification());
    const [payload = "", rest] = (await readFile(out, "utf8")).split("\n");
    expect(JSON.parse(payload)).toMatchObject({ version: "4", alerts: [{ status: "firing" }, {}] });
    expect(rest).toBe("$(id); *|firing|m");
  });

  it.each([
    ["exit 75", true],
    ["exit 1", false],
    ["kill -9 $$", true],
  ])("that ends with `%s` failed for the time being: %s", async (text, isTemporary) => {
    const command = await integrationOf(
      `command_configs: [{ command: ["${await script(`echo why >&2; ${text}`)}"] }]`,
    );
    await expect(command.deliver(notification())).rejects.toMatchObject({
      isTemporary,
      message: expect.stringMatching(/: why\.$/),
    });
  });

  it("that does not end is killed with what it started", async () => {
    const clock = new ManualClock();
    const started = join(folder, "started");
    const file = await script(`sleep 1000 & echo $! > ${started}.new; mv ${started}.new ${started}; wait`);
    const command = await integrationOf(`command_configs: [{ command: [${file}], timeout: 10s }]`, { clock });
    const delivery = command.deliver(notification());
    const failed = expect(delivery).rejects.toMatchObject({ isTemporary: true, reason: "timeout" });
    let pid = "";
    while (pid === "") pid = await readFile(started, "utf8").catch(() => "");
    let isOver = false;
    void failed.finally(() => (isOver = true));
    // The first for its time, the later ones for its last words.
    while (!isOver) await clock.advance(10_000);
    await failed;
    while (await isAlive(Number(pid))) await new Promise((resolve) => setImmediate(resolve));
  });

  it("that is not there is said so", async () => {
    const command = await integrationOf("command_configs: [{ command: [/nonexistent/program] }]");
    await expect(command.deliver(notification())).rejects.toMatchObject({
      isTemporary: false,
      message: "/nonexistent/program cannot be started: ENOENT.",
    });
  });
});

/** A process that has ended and that nobody has waited for is not alive. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/\) [ZX]/.test(stat);
}

describe("a workflow", () => {
  it("is run with the payload", async () => {
    const runs: unknown[] = [];
    const workflow = await integrationOf("workflow_configs: [{ workflow: heal }]", {
      runWorkflow: (name, payload) => {
        runs.push([name, payload.status]);
        return Promise.resolve();
      },
    });
    await workflow.deliver(notification());
    expect(runs).toEqual([["heal", "firing"]]);
  });

  it("that cannot be started is tried again unless it never can", async () => {
    for (const [error, isTemporary] of [
      [new Error("Not now."), true],
      [new TerminalError({ code: "X", message: "There is none." }), false],
    ] as const) {
      const workflow = await integrationOf("workflow_configs: [{ workflow: heal }]", {
        runWorkflow: () => Promise.reject(error),
      });
      await expect(workflow.deliver(notification())).rejects.toMatchObject({ isTemporary });
    }
  });

  it("is warned of where nothing runs workflows", async () => {
    const configuration = loaded(
      "route: { receiver: a }\nreceivers: [{ name: a, workflow_configs: [{ workflow: heal }] }]",
    );
    const { integrations, diagnostics } = await makeIntegrations(configuration, {
      clock: new ManualClock(),
      directory: "/",
    });
    expect(integrations.get("a")).toEqual([]);
    expect(diagnostics).toMatchObject([{ severity: "warning", code: "WorkflowsUnavailable" }]);
  });
});

describe("templates", () => {
  it("in files are found by pattern, and define what notifications say", async () => {
    await writeFile(
      join(folder, "one.tmpl"),
      '{{ define "slack.default.title" }}{{ template "two" . }}!{{ end }}',
    );
    await writeFile(join(folder, "two.tmpl"), '{{ define "two" }}{{ .Alerts | len }} alerts{{ end }}');
    const slack = await integrationOf(`slack_configs: [{ api_url: "${receiver.url}" }]`, {
      before: 'templates: ["*.tmpl"]',
      directory: folder,
    });
    await slack.deliver(notification());
    expect(receiver.got[0]?.body).toMatchObject({ attachments: [{ title: "2 alerts!" }] });
  });

  it("that are none are refused, without a word of a secret", async () => {
    const configuration = loaded(`
route: { receiver: a }
receivers:
  - { name: a, slack_configs: [{ api_url: "http://x/", title: "{{ nothing }}" }], webhook_configs: [{ url: "http://x/s3cret{{" }] }
`);
    const { diagnostics } = await makeIntegrations(configuration, {
      clock: new ManualClock(),
      directory: folder,
    });
    expect(diagnostics).toMatchObject([
      { severity: "error", code: "InvalidTemplate", path: "receivers.a.webhook_configs[0].url" },
      { severity: "error", code: "InvalidTemplate", path: "receivers.a.slack_configs[0].title" },
    ]);
    expect(JSON.stringify(diagnostics)).not.toContain("s3cret");
  });

  it("know a route's labels, which may refer to one another", async () => {
    const webhook = await integrationOf(`
webhook_configs: [{ url: "${receiver.url}", payload: { text: '{{ routeLabels "description" }}' } }]
`);
    const reason = "{{ .GroupLabels.alertname }}";
    const description = 'because {{ routeLabels "reason" }}';
    await webhook.deliver(notification({ routeLabels: { reason, description } }));
    expect(receiver.got[0]?.body).toEqual({ text: "because Down" });
    const circle = { description: '{{ routeLabels "description" }}' };
    await expect(webhook.deliver(notification({ routeLabels: circle }))).rejects.toMatchObject({
      isTemporary: false,
    });
  });

  it("have Alertmanager's functions", async () => {
    const webhook = await integrationOf(`
webhook_configs:
  - url: ${receiver.url}
    payload:
      title: '{{ "web server" | title }} {{ " x " | trimSpace }} {{ reReplaceAll "(w)eb" "$1" .CommonLabels.job }}'
      match: '{{ match "^w" .CommonLabels.job }} {{ stringSlice "a" "b" | join "+" }}'
      time: '{{ (index .Alerts 0).StartsAt | tz "Europe/Berlin" | date "15:04" }}'
      since: '{{ since (index .Alerts 0).StartsAt | humanizeDuration }} {{ since (index .Alerts 0).StartsAt }}'
      json: '{{ .GroupLabels | toJson }}'
      first: '{{ (index .Alerts.Resolved 0) | toJson }}'
      base: '{{ base64encode "a?b>" }} {{ urlUnescape "a%20b+c" }}'
      removed: '{{ range (.CommonLabels.Remove (stringSlice "job")).SortedPairs }}{{ .Name }}={{ .Value }}{{ end }}'
      reason: '{{ .NotificationReason }}'
`);
    await webhook.deliver(notification());
    expect(receiver.got[0]?.body).toEqual({
      title: "Web Server x w",
      match: "true a+b",
      time: "12:58",
      since: "1m 30s 1m30s",
      json: { alertname: "Down" },
      first: expect.objectContaining({
        status: "resolved",
        endsAt: "2026-01-31T11:59:00Z",
        labels: expect.anything(),
      }),
      base: "YT9iPg== a b c",
      removed: "alertname=Down",
      reason: "first notification",
    });
  });
});
