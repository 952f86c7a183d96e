import { afterAll, beforeAll, expect, test } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import { SERVICES, type Serving, service, serving } from "./fixtures/serving.ts";

const clock = new ManualClock();
let api: Serving;
beforeAll(async () => {
  api = await serving({ clock });
  for (const [name, labels, replicas] of [
    ["api", { tier: "back", app: "shop" }, 3],
    ["mail", { tier: "back" }, 1],
    ["web", { tier: "front", app: "shop" }, 2],
    ["zebra", undefined, 1],
  ] as const) {
    await api.request("POST", SERVICES, service(name, { replicas }, labels === undefined ? {} : { labels }));
    await clock.advance(60_000);
  }
});
afterAll(() => api[Symbol.asyncDispose]());

async function names(query: Record<string, string>): Promise<readonly string[]> {
  const { body } = await api.request("GET", `${SERVICES}?${new URLSearchParams(query).toString()}`);
  return body.items.map((one: any) => one.metadata.name);
}

test.each([
  ["tier=back", ["api", "mail"]],
  ["tier==back,app=shop", ["api"]],
  ["tier!=back", ["web", "zebra"]],
  ["tier in (front, none)", ["web"]],
  ["tier notin (front)", ["api", "mail", "zebra"]],
  ["app", ["api", "web"]],
  ["!app", ["mail", "zebra"]],
  ["app,tier in (back),tier!=front", ["api"]],
])("the label selector %s finds what Kubernetes would", async (labelSelector, expected) => {
  expect(await names({ labelSelector })).toEqual(expected);
});

test.each([
  ["metadata.name=web", ["web"]],
  ["metadata.name!=web", ["api", "mail", "zebra"]],
  ["spec.replicas=1", ["mail", "zebra"]],
  ["spec.replicas=1,metadata.namespace=default,metadata.name=zebra", ["zebra"]],
  ["spec.nothing=", ["api", "mail", "web", "zebra"]],
])("the field selector %s compares any path", async (fieldSelector, expected) => {
  expect(await names({ fieldSelector })).toEqual(expected);
});

test("pages are of one moment: what changes between them is not in later ones", async () => {
  const first = (await api.request("GET", `${SERVICES}?limit=2`)).body;
  expect(first.items).toHaveLength(2);
  expect(first.metadata.remainingItemCount).toBe(2);
  await api.request("POST", SERVICES, service("xylophone"));
  const second = (await api.request("GET", `${SERVICES}?limit=2&continue=${first.metadata.continue}`)).body;
  expect(second.items.map((one: any) => one.metadata.name)).toEqual(["web", "zebra"]);
  expect(second.metadata.continue).toBeUndefined();
  expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  await api.request("DELETE", `${SERVICES}/xylophone`);
});

test("a list over all namespaces holds those of each", async () => {
  await api.request("POST", "/api/v1/namespaces", { metadata: { name: "another" } });
  await api.request("POST", "/apis/tutti.dev/v1/namespaces/another/services", service("lone"));
  const { body } = await api.request("GET", "/apis/tutti.dev/v1/services");
  expect(body.items.map((one: any) => one.metadata.namespace)).toContain("another");
  expect(body.items).toHaveLength(5);
});

test("the table has the kind's columns, and age in words", async () => {
  const { body } = await api.request("GET", `${SERVICES}?fieldSelector=metadata.name%3Dapi`, undefined, {
    accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
  });
  expect(body.kind).toBe("Table");
  expect(body.columnDefinitions.map((column: any) => column.name)).toEqual([
    "Name",
    "Ready",
    "Updated",
    "Class",
    "Location",
    "Command",
    "Age",
  ]);
  expect(body.rows[0].cells.slice(0, 2)).toEqual(["api", "0/3"]);
  expect(body.rows[0].cells.at(-1)).toBe("4m");
  expect(body.rows[0].object).toMatchObject({ kind: "PartialObjectMetadata", metadata: { name: "api" } });
});

test("metadata alone can be had", async () => {
  const { body } = await api.request("GET", `${SERVICES}/api`, undefined, {
    accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
  });
  expect(body.kind).toBe("PartialObjectMetadata");
  expect(body.spec).toBeUndefined();
});

test("a resource and a list can be read as they were, by age, time and revision", async () => {
  const before = (await api.request("GET", `${SERVICES}/web`)).body;
  await clock.advance(60_000);
  await api.request(
    "PATCH",
    `${SERVICES}/web`,
    { spec: { replicas: 9 } },
    { "content-type": "application/merge-patch+json" },
  );
  await clock.advance(60_000);
  for (const at of ["90s", new Date(clock.now() - 90_000).toISOString(), before.metadata.resourceVersion]) {
    expect((await api.request("GET", `${SERVICES}/web?at=${at}`)).body.spec.replicas, at).toBe(2);
  }
  expect(
    (await api.request("GET", `${SERVICES}?at=90s`)).body.items.find(
      (one: any) => one.metadata.name === "web",
    ).spec.replicas,
  ).toBe(2);
  expect((await api.request("GET", `${SERVICES}/web?at=999999`)).code).toBe(404);
});

test("discovery names every kind with its verbs and short names, and scale where there is one", async () => {
  const groups = (await api.request("GET", "/apis")).body.groups.map((one: any) => one.name);
  expect(groups).toContain("tutti.dev");
  const { resources } = (await api.request("GET", "/apis/tutti.dev/v1")).body;
  expect(resources.find((one: any) => one.name === "services")).toMatchObject({
    kind: "Service",
    shortNames: ["svc"],
    categories: ["all"],
    namespaced: true,
  });
  expect(resources.find((one: any) => one.name === "services/scale")).toMatchObject({
    group: "autoscaling",
    version: "v1",
    kind: "Scale",
  });
  expect((await api.request("GET", "/api/v1")).body.resources.map((one: any) => one.name)).toContain(
    "configmaps",
  );
});

test("OpenAPI describes every field that has a description", async () => {
  const index = (await api.request("GET", "/openapi/v3")).body;
  const url = index.paths["apis/tutti.dev/v1"].serverRelativeURL;
  const { body } = await api.request("GET", url);
  const schema = body.components.schemas["dev.tutti.v1.Service"];
  expect(schema.properties.spec.properties.replicas.description).toBe("How many instances.");
  expect((await api.request("GET", "/openapi/v2")).headers.get("content-type")).not.toContain("@");
});
