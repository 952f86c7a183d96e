/** What amtool does not ask: bad questions, and all flags of the good ones. */
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { Scene } from "../../metrics/alerting/fixtures/scene.ts";
import { type AlertmanagerApi, alertmanagerApi } from "./alertmanager-api.ts";

let scene: Scene;
let api: AlertmanagerApi;

beforeEach(() => {
  scene = new Scene(`
route: { receiver: team, group_by: [alertname], routes: [{ matchers: [kind=db], receiver: databases }] }
inhibit_rules: [{ source_matchers: [severity=critical], target_matchers: [severity=warning] }]
receivers: [{ name: team, labels: { owner: a } }, { name: databases, labels: { owner: b } }]
`);
  api = alertmanagerApi(scene.dispatcher);
});

async function ask(method: string, path: string, body?: string): Promise<{ status: number; body: unknown }> {
  const [pathname = "", query] = path.split("?");
  const question = { method, path: pathname, query: new URLSearchParams(query) };
  const reply = await api(body === undefined ? question : { ...question, body });
  return {
    status: reply.status,
    body: reply.type === "application/json" ? (JSON.parse(reply.body) as unknown) : reply.body,
  };
}

async function names(path: string): Promise<readonly string[]> {
  const { status, body } = await ask("GET", path);
  expect(status).toBe(200);
  return (body as readonly { labels: { alertname: string } }[])
    .map(({ labels }) => labels.alertname)
    .toSorted();
}

describe("GET /alerts", () => {
  beforeEach(() => {
    scene.fire("Critical", { severity: "critical" });
    scene.fire("Warning", { severity: "warning" });
    scene.fire("Quiet");
    scene.fire("Database", { kind: "db" });
    const now = scene.clock.now();
    scene.dispatcher.silences.set({
      matchers: [{ name: "alertname", value: "Quiet", isRegex: false, isEqual: true }],
      startsAt: now,
      endsAt: now + 1000,
      createdBy: "",
      comment: "",
      annotations: {},
    });
  });

  it.each([
    ["", ["Critical", "Database", "Quiet", "Warning"]],
    ["?active=false", ["Quiet", "Warning"]],
    ["?silenced=false", ["Critical", "Database", "Warning"]],
    ["?inhibited=false&silenced=false", ["Critical", "Database"]],
    ["?receiver=data.*", ["Database"]],
    ["?receiver_matchers=owner=a", ["Critical", "Quiet", "Warning"]],
    ["?filter=severity!=%22%22", ["Critical", "Warning"]],
    ["?filter=severity=~%22c.*%22&filter=alertname=Critical", ["Critical"]],
    ["?filter=nothing=x", []],
  ])("%s", async (query, expected) => {
    expect(await names(`/api/v2/alerts${query}`)).toEqual(expected);
  });

  it("shows no alert that has resolved, nor its group", async () => {
    scene.resolve("Database", { kind: "db" });
    expect(await names("/api/v2/alerts")).not.toContain("Database");
    const { body } = await ask("GET", "/api/v2/alerts/groups?receiver=databases");
    expect(body).toEqual([]);
  });
});

describe("what cannot be understood is refused with a reason, and changes nothing", () => {
  it.each([
    ["GET", "/api/v2/alerts?filter=%7B", 400],
    ["GET", "/api/v2/alerts?filter=a=~(", 400],
    ["GET", "/api/v2/alerts?receiver=(", 400],
    ["GET", "/api/v2/alerts?active=perhaps", 400],
    ["GET", "/api/v2/silences?filter=", 400],
    ["GET", "/api/v2/silence/1", 404],
    ["DELETE", "/api/v2/silence/1", 404],
    ["GET", "/api/v1/alerts", 404],
    ["PUT", "/api/v2/alerts", 405],
  ])("%s %s", async (method, path, status) => {
    const reply = await ask(method, path);
    expect(reply.status).toBe(status);
    expect(String(reply.body).length).toBeGreaterThan(10);
  });

  it.each([
    ["alerts", ""],
    ["alerts", "{}"],
    ["alerts", '[{"labels":{"a":1}}]'],
    ["alerts", '[{"labels":{"a":"1"},"startsAt":"yesterday"}]'],
    ["alerts", '[{"labels":{"a":""}}]'],
    ["silences", "[]"],
    [
      "silences",
      '{"matchers":[],"startsAt":"2026-01-01T00:00:00Z","endsAt":"2030-01-01T00:00:00Z","createdBy":"","comment":""}',
    ],
    [
      "silences",
      '{"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2030-01-01T00:00:00Z","endsAt":"2026-01-01T00:00:00Z","createdBy":"","comment":""}',
    ],
  ])("POST /%s of %s", async (path, body) => {
    expect((await ask("POST", `/api/v2/${path}`, body)).status).toBe(400);
    expect(scene.dispatcher.alerts()).toEqual([]);
    expect(scene.dispatcher.silences.list()).toEqual([]);
  });

  it("anything at all", async () => {
    const path = fc.constantFrom("alerts", "silences", "silence/x", "alerts/groups", "receivers", "status");
    const method = fc.constantFrom("GET", "POST", "DELETE");
    const body = fc.oneof(fc.json(), fc.string());
    const query = fc.dictionary(
      fc.constantFrom("filter", "receiver", "active", "receiver_matchers"),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(method, path, query, body, async (verb, where, parameters, text) => {
        const search = new URLSearchParams(parameters);
        const reply = await api({ method: verb, path: `/api/v2/${where}`, query: search, body: text });
        expect([200, 400, 404, 405]).toContain(reply.status);
      }),
      { numRuns: 300 },
    );
  });
});

it("of several alerts the good ones are taken, and the others named", async () => {
  const body = JSON.stringify([{ labels: { a: "1" } }, { labels: {} }]);
  expect(await ask("POST", "/api/v2/alerts", body)).toEqual({
    status: 400,
    body: "[1]: An alert needs at least one label.",
  });
  expect(scene.dispatcher.alerts()).toHaveLength(1);
});

it("it is healthy before it notifies, and ready when it does", async () => {
  await scene.dispatcher.stop();
  expect((await ask("GET", "/-/healthy")).status).toBe(200);
  expect((await ask("GET", "/-/ready")).status).toBe(503);
});

it("receivers are listed with their labels", async () => {
  expect(await ask("GET", "/api/v2/receivers?receiver_matchers=owner=b")).toEqual({
    status: 200,
    body: [{ name: "databases", labels: { owner: "b" } }],
  });
});
