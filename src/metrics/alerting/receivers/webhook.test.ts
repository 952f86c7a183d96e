import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../../clock/manual.ts";
import { DeliveryError } from "../integration.ts";
import { integrationOf, notification } from "./fixtures/delivery.ts";
import { HttpReceiver } from "./fixtures/http-receiver.ts";

let receiver: HttpReceiver;
let folder: string;

beforeEach(async () => {
  receiver = await HttpReceiver.start();
  folder = await mkdtemp(join(tmpdir(), "webhook-"));
});

afterEach(async () => {
  await receiver.stop();
  await rm(folder, { recursive: true, force: true });
});

async function failure(delivery: Promise<void>): Promise<DeliveryError> {
  const error: unknown = await delivery.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DeliveryError);
  return error as DeliveryError;
}

describe("a webhook", () => {
  it("gets Alertmanager's payload, version 4", async () => {
    const webhook = await integrationOf(`webhook_configs: [{ url: "${receiver.url}/hook?x=1" }]`);
    await webhook.deliver(notification());
    expect(receiver.got).toHaveLength(1);
    expect(receiver.got[0]?.path).toBe("/hook?x=1");
    expect(receiver.got[0]?.headers["content-type"]).toBe("application/json");
    expect(receiver.got[0]?.body).toEqual({
      version: "4",
      groupKey: '{}:{alertname="Down"}',
      truncatedAlerts: 0,
      status: "firing",
      receiver: "team\\.one",
      groupLabels: { alertname: "Down" },
      commonLabels: { alertname: "Down", job: "web" },
      commonAnnotations: { runbook_url: "http://runbooks/down" },
      externalURL: "http://alerts.example.org",
      alerts: [
        {
          status: "firing",
          labels: { alertname: "Down", instance: "a<1>", job: "web" },
          annotations: { summary: "a is down & out", runbook_url: "http://runbooks/down" },
          startsAt: "2026-01-31T11:58:30.25Z",
          endsAt: "0001-01-01T00:00:00Z",
          generatorURL: "http://prometheus/graph?g0.expr=up",
          fingerprint: "0123456789abcdef",
        },
        {
          status: "resolved",
          labels: { alertname: "Down", instance: "b", job: "web" },
          annotations: { summary: "b is down", runbook_url: "http://runbooks/down" },
          startsAt: "2026-01-31T11:57:00Z",
          endsAt: "2026-01-31T11:59:00Z",
          generatorURL: "",
          fingerprint: "fedcba9876543210",
        },
      ],
    });
  });

  it("gets no more alerts than max_alerts, and how many were left out", async () => {
    const webhook = await integrationOf(`webhook_configs: [{ url: "${receiver.url}", max_alerts: 1 }]`);
    await webhook.deliver(notification());
    expect(receiver.got[0]?.body).toMatchObject({ truncatedAlerts: 1, alerts: [{ status: "firing" }] });
  });

  it("gets what the configuration makes of it, and at an address made of the alert", async () => {
    const webhook = await integrationOf(`
webhook_configs:
  - url: "${receiver.url}/{{ .GroupLabels.alertname }}"
    payload: { text: "{{ .Status | toUpper }} {{ len .Alerts }}", list: ["{{ .CommonLabels.job }}"], count: 3 }
`);
    await webhook.deliver(notification());
    expect(receiver.got).toMatchObject([
      { path: "/Down", body: { text: "FIRING 2", list: ["web"], count: 3 } },
    ]);
  });

  it("is called with the credentials and headers that the configuration names, read from files at the last moment", async () => {
    const file = join(folder, "url");
    await writeFile(file, `${receiver.url}/first\n`);
    await writeFile(join(folder, "token"), "s3cret\n");
    const webhook = await integrationOf(`
webhook_configs:
  - url_file: ${file}
    http_config:
      authorization: { type: Token, credentials_file: ${join(folder, "token")} }
      http_headers: { X-Team: { values: [one] } }
`);
    await webhook.deliver(notification());
    await writeFile(file, `${receiver.url}/second\n`);
    await webhook.deliver(notification());
    expect(receiver.got).toMatchObject([
      { path: "/first", headers: { authorization: "Token s3cret", "x-team": "one" } },
      { path: "/second" },
    ]);
  });
});

describe("an answer", () => {
  it.each([
    [500, true, "serverError"],
    [503, true, "serverError"],
    [400, false, "clientError"],
    [404, false, "clientError"],
    [429, false, "clientError"],
  ] as const)("of %i is temporary: %s", async (status, isTemporary, reason) => {
    receiver.answer = (response) => response.writeHead(status).end("because");
    const webhook = await integrationOf(`webhook_configs: [{ url: "${receiver.url}/s3cret" }]`);
    const error = await failure(webhook.deliver(notification()));
    expect(error).toMatchObject({
      isTemporary,
      reason,
      message: `The receiver answered ${status}: because.`,
    });
  });

  it("that does not come in time is temporary", async () => {
    receiver.answer = () => {};
    const clock = new ManualClock();
    const webhook = await integrationOf(`webhook_configs: [{ url: "${receiver.url}", timeout: 5s }]`, {
      clock,
    });
    const failed = failure(webhook.deliver(notification()));
    while (receiver.got.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(5000);
    expect(await failed).toMatchObject({ isTemporary: true, reason: "timeout" });
  });

  it("that does not end is read only so far", async () => {
    receiver.answer = (response) => {
      const more = (): void => {
        while (!response.destroyed && response.write("x".repeat(16_384)));
        response.once("drain", more);
      };
      more();
    };
    const webhook = await integrationOf(`webhook_configs: [{ url: "${receiver.url}" }]`);
    await webhook.deliver(notification());
    expect(receiver.got).toHaveLength(1);
  });

  it("that sends elsewhere is followed, without the credentials when that is another host", async () => {
    const other = await HttpReceiver.start();
    receiver.answer = (response) => response.writeHead(307, { location: `${other.url}/there` }).end();
    const webhook = await integrationOf(`
webhook_configs: [{ url: "${receiver.url}", http_config: { basic_auth: { username: u, password: p } } }]
`);
    await webhook.deliver(notification());
    await other.stop();
    expect(receiver.got[0]?.headers.authorization).toBe(`Basic ${Buffer.from("u:p").toString("base64")}`);
    expect(other.got).toMatchObject([{ path: "/there", body: { version: "4" } }]);
    expect(other.got[0]?.headers.authorization).toBeUndefined();
  });
});

it("no error holds the address", async () => {
  const webhook = await integrationOf(`webhook_configs: [{ url: "http://127.0.0.1:9/s3cret" }]`);
  const refused = await failure(webhook.deliver(notification()));
  expect(refused).toMatchObject({
    isTemporary: true,
    message: "The receiver cannot be reached: ECONNREFUSED.",
  });
  const broken = await integrationOf(
    `webhook_configs: [{ url: "http://127.0.0.1:9/s3cret{{ .Nothing.At.All }}" }]`,
  );
  expect((await failure(broken.deliver(notification()))).message).toBe("The template of the address failed.");
});
