import { afterAll, beforeAll, expect, test } from "vitest";
import { SERVICES, type Serving, service, serving } from "./fixtures/serving.ts";

let api: Serving;
beforeAll(async () => {
  api = await serving();
});
afterAll(() => api[Symbol.asyncDispose]());

test("a created resource comes back with identity, defaults and 201", async () => {
  const { code, body } = await api.request("POST", SERVICES, service("born"));
  expect(code).toBe(201);
  expect(body.metadata).toMatchObject({ name: "born", namespace: "default", generation: 1 });
  expect(body.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
  expect(body.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(body.spec.replicas).toBe(1);
});

test("a body in YAML is as good as one in JSON", async () => {
  const yaml = "kind: Service\nmetadata:\n  name: in-yaml\nspec:\n  command: 'true'\n";
  const { code, body } = await api.request("POST", SERVICES, yaml, { "content-type": "application/yaml" });
  expect(code).toBe(201);
  expect(body.metadata.name).toBe("in-yaml");
});

test("generateName makes a name", async () => {
  const made = service("");
  made.metadata = { generateName: "made-" };
  const { code, body } = await api.request("POST", SERVICES, made);
  expect(code).toBe(201);
  expect(body.metadata.name).toMatch(/^made-[a-z0-9]{5}$/);
});

test("creating what exists is refused with AlreadyExists", async () => {
  await api.request("POST", SERVICES, service("twice"));
  const { code, body } = await api.request("POST", SERVICES, service("twice"));
  expect(code).toBe(409);
  expect(body).toMatchObject({
    kind: "Status",
    status: "Failure",
    reason: "AlreadyExists",
    message: 'services.tutti.dev "twice" already exists',
    details: { name: "twice", group: "tutti.dev", kind: "services" },
  });
});

test("a resource in a namespace that is not there is refused, until the namespace is made", async () => {
  const path = "/apis/tutti.dev/v1/namespaces/elsewhere/services";
  const refused = await api.request("POST", path, service("far"));
  expect(refused.code).toBe(404);
  expect(refused.body.message).toBe('namespaces "elsewhere" not found');
  await api.request("POST", "/api/v1/namespaces", { kind: "Namespace", metadata: { name: "elsewhere" } });
  expect((await api.request("POST", path, service("far"))).code).toBe(201);
});

test("writing what is there already keeps the version", async () => {
  const created = (await api.request("POST", SERVICES, service("same"))).body;
  const written = (await api.request("PUT", `${SERVICES}/same`, service("same"))).body;
  expect(written.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
});

test("a replacement with an old version is refused with Conflict and changes nothing", async () => {
  const created = (await api.request("POST", SERVICES, service("stale"))).body;
  await api.request("PUT", `${SERVICES}/stale`, service("stale", { replicas: 2 }));
  const { code, body } = await api.request("PUT", `${SERVICES}/stale`, {
    ...created,
    spec: { ...created.spec, replicas: 3 },
  });
  expect([code, body.reason]).toEqual([409, "Conflict"]);
  expect((await api.request("GET", `${SERVICES}/stale`)).body.spec.replicas).toBe(2);
});

test("status sent along the main path is ignored, and counts as no change", async () => {
  const created = (await api.request("POST", SERVICES, { ...service("honest"), status: { replicas: 7 } }))
    .body;
  expect(created.status).toBeUndefined();
  const written = (await api.request("PUT", `${SERVICES}/honest`, { ...created, status: { replicas: 7 } }))
    .body;
  expect(written.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
});

test("the generation counts changes of the spec only", async () => {
  await api.request("POST", SERVICES, service("counted"));
  const labelled = await api.request(
    "PATCH",
    `${SERVICES}/counted`,
    { metadata: { labels: { a: "b" } } },
    { "content-type": "application/merge-patch+json" },
  );
  expect(labelled.body.metadata.generation).toBe(1);
  const changed = await api.request(
    "PATCH",
    `${SERVICES}/counted`,
    { spec: { replicas: 4 } },
    { "content-type": "application/merge-patch+json" },
  );
  expect(changed.body.metadata.generation).toBe(2);
});

test("a field that may not change is refused by name", async () => {
  const databases = "/apis/tutti.dev/v1/namespaces/default/databases";
  await api.request("POST", databases, {
    kind: "Database",
    metadata: { name: "fixed" },
    spec: { user: "one" },
  });
  const { code, body } = await api.request("PUT", `${databases}/fixed`, {
    kind: "Database",
    metadata: { name: "fixed" },
    spec: { user: "two" },
  });
  expect(code).toBe(422);
  expect(body.details.diagnostics).toMatchObject([
    { code: "Immutable", path: "spec.user", address: "database/fixed" },
  ]);
});

test("everything wrong with a resource is told at once, as causes and as diagnostics", async () => {
  const { code, body } = await api.request(
    "POST",
    SERVICES,
    service("wrong", { replicas: "three", replica: 3 }),
  );
  expect([code, body.reason]).toEqual([422, "Invalid"]);
  expect(body.details.causes.map((cause: any) => cause.field).toSorted()).toEqual([
    "spec.replica",
    "spec.replicas",
  ]);
  expect(body.details.diagnostics.find((one: any) => one.code === "UnknownField").hint).toContain("replicas");
});

test("unknown fields are dropped when the client asks not to check them", async () => {
  const { code, body } = await api.request(
    "POST",
    `${SERVICES}?fieldValidation=Ignore`,
    service("lenient", { replica: 3 }),
  );
  expect(code).toBe(201);
  expect(body.spec.replica).toBeUndefined();
});

test("a dry run answers as the write would and writes nothing", async () => {
  const before = api.store.revision;
  const { code, body } = await api.request("POST", `${SERVICES}?dryRun=All`, service("imagined"));
  expect([code, body.spec.replicas]).toEqual([201, 1]);
  expect(api.store.revision).toBe(before);
  expect((await api.request("GET", `${SERVICES}/imagined`)).code).toBe(404);
});

test("a resource that refers to itself or to no kind is refused", async () => {
  const itself = await api.request(
    "POST",
    SERVICES,
    service("ouroboros", { dependsOn: ["service/ouroboros"] }),
  );
  expect(itself.body.details.diagnostics).toMatchObject([{ code: "ReferenceCycle" }]);
  const unknown = await api.request(
    "POST",
    SERVICES,
    service("lost", { env: { A: "${datbase.x.status.url}" } }),
  );
  expect(unknown.body.details.diagnostics).toMatchObject([{ code: "UnknownReference" }]);
});

test("deleting answers with the uid, waits for finalizers, and honours preconditions", async () => {
  const made = (await api.request("POST", SERVICES, service("going"))).body;
  const wrong = await api.request("DELETE", `${SERVICES}/going`, { preconditions: { uid: "another" } });
  expect(wrong.code).toBe(409);
  const gone = await api.request("DELETE", `${SERVICES}/going`);
  expect(gone.body).toMatchObject({ kind: "Status", status: "Success", details: { uid: made.metadata.uid } });
  await api.request("POST", SERVICES, service("held", {}, { finalizers: ["example.com/hold"] }));
  expect((await api.request("DELETE", `${SERVICES}/held`)).body.metadata.deletionTimestamp).toBeDefined();
  const released = await api.request(
    "PATCH",
    `${SERVICES}/held`,
    { metadata: { finalizers: null } },
    { "content-type": "application/merge-patch+json" },
  );
  expect(released.code).toBe(200);
  expect((await api.request("GET", `${SERVICES}/held`)).code).toBe(404);
});

test("foreground deletion leaves the resource with its finalizer for the garbage controller", async () => {
  await api.request("POST", SERVICES, service("owner"));
  const { body } = await api.request("DELETE", `${SERVICES}/owner?propagationPolicy=Foreground`);
  expect(body.metadata.finalizers).toEqual(["foregroundDeletion"]);
  expect(body.metadata.deletionTimestamp).toBeDefined();
});

test("orphaning lets dependants live without the owner, in the same commit", async () => {
  const owner = (await api.request("POST", SERVICES, service("parent"))).body;
  const reference = { apiVersion: "tutti.dev/v1", kind: "Service", name: "parent", uid: owner.metadata.uid };
  await api.request("POST", SERVICES, service("child", {}, { ownerReferences: [reference] }));
  expect((await api.request("DELETE", `${SERVICES}/parent?propagationPolicy=Orphan`)).body.status).toBe(
    "Success",
  );
  expect((await api.request("GET", `${SERVICES}/child`)).body.metadata.ownerReferences).toBeUndefined();
});

test("a namespace that holds something is not deleted, and 'default' never is", async () => {
  await api.request("POST", "/api/v1/namespaces", { metadata: { name: "full" } });
  await api.request("POST", "/api/v1/namespaces/full/configmaps", { metadata: { name: "content" } });
  expect((await api.request("DELETE", "/api/v1/namespaces/full")).code).toBe(409);
  expect((await api.request("DELETE", "/api/v1/namespaces/default")).code).toBe(403);
  await api.request("DELETE", "/api/v1/namespaces/full/configmaps/content");
  expect((await api.request("DELETE", "/api/v1/namespaces/full")).code).toBe(200);
});

test("a collection is deleted by selector", async () => {
  for (const name of ["c1", "c2", "c3"])
    await api.request(
      "POST",
      SERVICES,
      service(name, {}, { labels: { batch: name === "c3" ? "no" : "yes" } }),
    );
  const { body } = await api.request("DELETE", `${SERVICES}?labelSelector=batch%3Dyes`);
  expect(body.items.map((one: any) => one.metadata.name)).toEqual(["c1", "c2"]);
  expect((await api.request("GET", `${SERVICES}?labelSelector=batch`)).body.items).toHaveLength(1);
});

test("writers that race with patches all succeed, none is lost", async () => {
  await api.request("POST", SERVICES, service("raced"));
  const patches = Array.from({ length: 12 }, (_, index) =>
    api.request(
      "PATCH",
      `${SERVICES}/raced`,
      { metadata: { labels: { [`l${index}`]: "x" } } },
      { "content-type": "application/merge-patch+json" },
    ),
  );
  expect((await Promise.all(patches)).map((answer) => answer.code)).toEqual(patches.map(() => 200));
  expect(Object.keys((await api.request("GET", `${SERVICES}/raced`)).body.metadata.labels)).toHaveLength(12);
});
