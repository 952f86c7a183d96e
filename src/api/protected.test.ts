import { afterAll, beforeAll, expect, test } from "vitest";
import { SERVICES, type Serving, service, serving } from "./fixtures/serving.ts";

let api: Serving;
beforeAll(async () => {
  api = await serving();
});
afterAll(() => api[Symbol.asyncDispose]());

const protectedService = (name: string) => service(name, { lifecycle: { protect: true } });

test("what is protected is not deleted, and the refusal is a diagnostic", async () => {
  await api.request("POST", SERVICES, protectedService("kept"));
  const { code, body } = await api.request("DELETE", `${SERVICES}/kept`);
  expect(code).toBe(403);
  expect(body).toMatchObject({
    kind: "Status",
    reason: "Forbidden",
    message:
      'services.tutti.dev "kept" is forbidden: It is protected and cannot be deleted; it belongs to no system.',
    details: { diagnostics: [{ code: "Protected", address: "service/kept" }] },
  });
  expect((await api.request("GET", `${SERVICES}/kept`)).code).toBe(200);
});

test("a System is not deleted while it holds something that is", async () => {
  const labels = { "tutti.dev/system": "shop" };
  const systems = "/apis/tutti.dev/v1/namespaces/default/systems";
  await api.request("POST", systems, { kind: "System", metadata: { name: "shop" }, spec: {} });
  const held = protectedService("held");
  held.metadata = { ...held.metadata, labels };
  await api.request("POST", SERVICES, held);
  const { code, body } = await api.request("DELETE", `${systems}/shop`);
  expect(code).toBe(403);
  expect(body.details.diagnostics).toMatchObject([{ code: "Protected", address: "service/held" }]);
});

test("of many nothing is deleted when one of them is protected", async () => {
  await api.request("POST", SERVICES, service("one"));
  await api.request("POST", SERVICES, protectedService("two"));
  expect((await api.request("DELETE", SERVICES)).code).toBe(403);
  expect((await api.request("GET", `${SERVICES}/one`)).code).toBe(200);
});

test("it goes when it is protected no more", async () => {
  await api.request("POST", SERVICES, protectedService("freed"));
  const patch = { spec: { lifecycle: { protect: false } } };
  const type = { "content-type": "application/merge-patch+json" };
  expect((await api.request("PATCH", `${SERVICES}/freed`, patch, type)).code).toBe(200);
  expect((await api.request("DELETE", `${SERVICES}/freed`)).code).toBe(200);
});

test("a configuration map is protected by an annotation", async () => {
  const maps = "/api/v1/namespaces/default/configmaps";
  const annotations = { "tutti.dev/protect": "true" };
  await api.request("POST", maps, { kind: "ConfigMap", metadata: { name: "limits", annotations }, data: {} });
  const { code, body } = await api.request("DELETE", `${maps}/limits`);
  expect(code).toBe(403);
  expect(body.details.diagnostics[0].hint).toBe(
    "Apply it once with the annotation tutti.dev/protect set to false, then do this.",
  );
});
