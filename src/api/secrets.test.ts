import { afterAll, beforeAll, expect, test } from "vitest";
import { SERVICES, type Serving, service, serving } from "./fixtures/serving.ts";

const SECRETS = "/api/v1/namespaces/default/secrets";
const VALUE = "correct horse battery staple";
const merge = { "content-type": "application/merge-patch+json" };
const base64 = (text: string): string => Buffer.from(text).toString("base64");

let api: Serving;
beforeAll(async () => {
  api = await serving();
  await api.request("POST", SECRETS, {
    metadata: { name: "stripe" },
    stringData: { key: VALUE },
    data: { pin: base64("1234"), bytes: Buffer.from([0, 255, 254]).toString("base64") },
  });
});
afterAll(() => api[Symbol.asyncDispose]());

test("the store holds sealed text only", () => {
  const stored = api.store.get({ kind: "Secret", namespace: "default", name: "stripe" }) as any;
  expect(Object.values(stored.data)).toEqual([0, 1, 2].map(() => expect.stringMatching(/^sealed:v1:/)));
  expect(stored.stringData).toBeUndefined();
});

test("a Secret opens to base64 for who has access", async () => {
  const { body } = await api.request("GET", `${SECRETS}/stripe`);
  expect(body.data).toEqual({
    key: base64(VALUE),
    pin: base64("1234"),
    bytes: Buffer.from([0, 255, 254]).toString("base64"),
  });
});

test("putting back what was got changes nothing", async () => {
  const { body } = await api.request("GET", `${SECRETS}/stripe`);
  const written = await api.request("PUT", `${SECRETS}/stripe`, body);
  expect(written.body.metadata.resourceVersion).toBe(body.metadata.resourceVersion);
});

test("a patch of one value keeps the others", async () => {
  const { body } = await api.request("PATCH", `${SECRETS}/stripe`, { stringData: { pin: "5678" } }, merge);
  expect(body.data).toMatchObject({ key: base64(VALUE), pin: base64("5678") });
});

test("values to be generated are made once and kept", async () => {
  const draft = { kind: "Secret", metadata: { name: "made" }, generate: { password: { length: 24 } } };
  const first = (await api.request("POST", SECRETS, draft)).body;
  expect(Buffer.from(first.data.password, "base64").toString()).toMatch(/^[A-Za-z0-9]{24}$/);
  const second = (
    await api.request("PUT", `${SECRETS}/made`, { ...draft, metadata: { name: "made", labels: { a: "b" } } })
  ).body;
  expect(second.data.password).toBe(first.data.password);
});

test("sealed values elsewhere are masked, opened by reveal, and survive being written back masked", async () => {
  const databases = "/apis/tutti.dev/v1/namespaces/default/databases";
  await api.request("POST", databases, { metadata: { name: "orders" } });
  const url = "postgres://orders:hunter2@localhost/orders";
  const key = { kind: "Database", namespace: "default", name: "orders" };
  await api.store.commit(
    [{ type: "status", key, status: { url: api.keyring.seal(url), host: "localhost" } }],
    { actor: "controller:test", action: "provision" },
  );
  const shown = (await api.request("GET", `${databases}/orders`)).body;
  expect(shown.status).toEqual({ url: "(secret)", host: "localhost" });
  expect((await api.request("GET", `${databases}/orders?reveal=true`)).body.status.url).toBe(url);
  const back = await api.request("PUT", `${databases}/orders/status`, {
    ...shown,
    status: { ...shown.status, host: "127.0.0.1" },
  });
  expect(back.body.status).toEqual({ url: "(secret)", host: "127.0.0.1" });
  expect((api.store.get(key)?.status as any)?.url).toBe(api.keyring.seal(url));
});

test("sealed text cannot be handed in", async () => {
  const sealed = api.keyring.seal("of another");
  expect((await api.request("POST", SERVICES, service("thief", { env: { A: sealed } }))).code).toBe(422);
  await api.request("POST", SERVICES, service("victim"));
  expect(
    (await api.request("PATCH", `${SERVICES}/victim`, { spec: { env: { A: sealed } } }, merge)).code,
  ).toBe(400);
  expect(
    (await api.request("PATCH", `${SERVICES}/victim/status`, { status: { selector: sealed } }, merge)).code,
  ).toBe(400);
});

test("no list of anything else, event, history, why, watch, refusal or log line holds a value", async () => {
  await api.request("POST", SECRETS, {
    kind: "Secret",
    metadata: { name: "stripe" },
    stringData: { key: VALUE, number: 5 },
  });
  await api.request("POST", SECRETS, {
    kind: "Secret",
    metadata: { name: "Bad Name" },
    stringData: { key: VALUE },
  });
  await api.request("POST", SECRETS, `{"kind": "Secret", "stringData": {"key": "${VALUE}"`);
  const paths = [
    SERVICES,
    `${SECRETS}/stripe/why`,
    "/apis/tutti.dev/v1/namespaces/default/databases",
    "/metrics",
  ];
  const texts = await Promise.all(paths.map(async (path) => (await api.request("GET", path)).text));
  const bad = await api.request("POST", SECRETS, {
    kind: "Secret",
    metadata: { name: "x" },
    data: { key: VALUE },
  });
  expect(bad.code).toBe(422);
  expect([...texts, bad.text, JSON.stringify(api.faults)].join("\n")).not.toMatch(/correct horse|sealed:v1/);
  const table = await api.request("GET", SECRETS, undefined, {
    accept: "application/json;as=Table;v=v1;g=meta.k8s.io",
  });
  expect(table.text).not.toContain(base64(VALUE));
});
