import { afterAll, beforeAll, expect, test } from "vitest";
import { SERVICES, type Serving, service, serving } from "./fixtures/serving.ts";

let api: Serving;
beforeAll(async () => {
  api = await serving();
});
afterAll(() => api[Symbol.asyncDispose]());

async function declared(name: string): Promise<string> {
  const signals = [
    { name: "Busy", step: 2 },
    { name: "Sale", replicas: 8 },
  ];
  await api.request(
    "POST",
    SERVICES,
    service(name, { autoscale: { minReplicas: 3, maxReplicas: 9, signals } }),
  );
  return `${SERVICES}/${name}`;
}

const signalsOf = async (path: string): Promise<any> =>
  (await api.request("GET", path)).body.status?.autoscale?.signals;

test("a signal is kept in the status until it is over, and the history says who gave it", async () => {
  const path = await declared("said");
  const { code, body } = await api.request("POST", `${path}/signal`, { name: "Busy" });
  expect(code).toBe(200);
  expect(body).toMatchObject({ kind: "Signals", heard: ["Busy"], signals: [{ name: "Busy", replicas: 3 }] });
  expect(await signalsOf(path)).toMatchObject([{ name: "Busy", replicas: 3 }]);
  await api.request("POST", `${path}/signal`, { name: "Sale", value: 6 });
  expect(await signalsOf(path)).toMatchObject([{ name: "Busy" }, { name: "Sale", replicas: 6 }]);
  for (const name of ["Busy", "Sale"]) await api.request("POST", `${path}/signal`, { name, resolve: true });
  expect(await signalsOf(path)).toBeUndefined();
  const { items } = (await api.request("GET", `${path}/history`)).body;
  expect(items.map((item: any) => item.cause.action)).toEqual([
    "signal Sale is over",
    "signal Busy is over",
    "signal Sale",
    "signal Busy",
    "create",
  ]);
});

test("a signal that is not declared is refused with those that are", async () => {
  const path = await declared("unknown");
  const { code, body } = await api.request("POST", `${path}/signal`, { name: "Bussy" });
  expect(code).toBe(422);
  expect(body.message).toContain("It declares no signal 'Bussy'.");
  await api.request("POST", SERVICES, service("plain"));
  expect((await api.request("POST", `${SERVICES}/plain/signal`, { name: "Busy" })).code).toBe(422);
});

test.each([
  [{}],
  [{ name: 7 }],
  [{ name: "Busy", value: -1 }],
  [{ name: "Busy", step: 1.5 }],
  [{ name: "Busy", value: 1, step: 1 }],
  [{ name: "Busy", resolve: "yes" }],
  [[]],
])("%j is no signal", async (body) => {
  const path = `${SERVICES}/said`;
  const before = api.store.revision;
  expect((await api.request("POST", `${path}/signal`, body)).code).toBe(400);
  expect(api.store.revision).toBe(before);
});

/** What Alertmanager 0.25 sends. */
type Told = readonly [name: string, status: "firing" | "resolved"];

function webhook(...alerts: readonly Told[]): object {
  return {
    version: "4",
    groupKey: '{}:{alertname="Busy"}',
    truncatedAlerts: 0,
    status: alerts.some(([, status]) => status === "firing") ? "firing" : "resolved",
    receiver: "tutti",
    groupLabels: { alertname: "Busy" },
    commonLabels: {},
    commonAnnotations: {},
    externalURL: "http://alertmanager:9093",
    alerts: alerts.map(([alertname, status]) => ({
      status,
      labels: { alertname, severity: "page" },
      annotations: {},
      startsAt: "2026-06-01T10:00:00Z",
      endsAt: "0001-01-01T00:00:00Z",
      generatorURL: "",
      fingerprint: "c4f9a1",
    })),
  };
}

test("Alertmanager's webhook is a signal: firing more, resolved back", async () => {
  const path = await declared("alerted");
  const tell = (...alerts: readonly Told[]) =>
    api.request("POST", `${path}/signal/alertmanager`, webhook(...alerts));
  expect((await tell(["Busy", "firing"], ["Other", "firing"])).body.heard).toEqual(["Busy"]);
  expect(await signalsOf(path)).toMatchObject([{ name: "Busy" }]);
  await tell(["Busy", "firing"], ["Busy", "resolved"]);
  expect(await signalsOf(path)).toMatchObject([{ name: "Busy" }]);
  await tell(["Busy", "resolved"]);
  expect(await signalsOf(path)).toBeUndefined();
  expect((await tell(["Other", "firing"])).body).toMatchObject({ heard: [], signals: [] });
  expect((await api.request("POST", `${path}/signal/alertmanager`, { version: "4" })).code).toBe(400);
});

test("there is no other format, and nothing to be read", async () => {
  const path = await declared("other");
  expect((await api.request("POST", `${path}/signal/zabbix`, {})).code).toBe(404);
  expect((await api.request("GET", `${path}/signal`)).code).toBe(405);
  expect((await api.request("GET", `${path}/scale/now`)).code).toBe(404);
});
