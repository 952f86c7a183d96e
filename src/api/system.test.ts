import { afterAll, beforeAll, expect, test } from "vitest";
import { type Serving, service, serving } from "./fixtures/serving.ts";

let api: Serving;
beforeAll(async () => {
  api = await serving();
});
afterAll(() => api[Symbol.asyncDispose]());

const shop = (replicas: number): readonly unknown[] => [
  { kind: "System", metadata: { name: "shop" }, spec: {} },
  { kind: "Secret", metadata: { name: "token" }, stringData: { value: "hunter2 is not shown" } },
  service("api", { replicas, env: { TOKEN: "${secret.token.data.value}" } }),
];

test("a plan changes nothing and shows no secret", async () => {
  const before = api.store.revision;
  const plan = await api.client.plan("shop", { resources: shop(1), action: "apply" });
  expect(plan.summary.create).toBe(3);
  expect(JSON.stringify(plan)).not.toMatch(/hunter2|sealed:v1/);
  expect(api.store.revision).toBe(before);
});

test("an agreed plan is carried out in one commit, namespace, Revision and Change with it", async () => {
  const place = { namespace: "shops" };
  const { hash } = await api.client.plan("shop", { resources: shop(1), action: "apply" }, place);
  const commits: number[] = [];
  const stop = api.store.watch(api.store.revision, (changes) => commits.push(changes.length));
  const applied = await api.client.apply("shop", { resources: shop(1), action: "apply", hash }, place);
  stop();
  expect(applied).toMatchObject({
    revision: 1,
    change: "shop-1",
    resourceVersion: String(api.store.revision),
  });
  expect(commits).toHaveLength(1);
  for (const [kind, namespace, name] of [
    ["Namespace", "", "shops"],
    ["Service", "shops", "api"],
    ["Revision", "shops", "shop-1"],
    ["Change", "shops", "shop-1"],
    ["System", "shops", "shop"],
  ] as const) {
    expect(api.store.get({ kind, namespace, name }), kind).toBeDefined();
  }
  const change = (await api.request("GET", "/apis/tutti.dev/v1/namespaces/shops/changes/shop-1")).body;
  expect(change.spec.actor).toBe("user:admin");
});

test("applying what is there already does nothing", async () => {
  const { hash } = await api.client.plan(
    "shop",
    { resources: shop(1), action: "apply" },
    { namespace: "shops" },
  );
  const before = api.store.revision;
  const applied = await api.client.apply(
    "shop",
    { resources: shop(1), action: "apply", hash },
    { namespace: "shops" },
  );
  expect([applied.revision, applied.change, api.store.revision]).toEqual([1, undefined, before]);
});

test("a plan whose base has moved is refused with Conflict and changes nothing", async () => {
  const place = { namespace: "shops" };
  const { hash } = await api.client.plan("shop", { resources: shop(4), action: "apply" }, place);
  await api.request(
    "PATCH",
    "/apis/tutti.dev/v1/namespaces/shops/services/api",
    { spec: { replicas: 2 } },
    { "content-type": "application/merge-patch+json" },
  );
  const before = api.store.revision;
  await expect(
    api.client.apply("shop", { resources: shop(4), action: "apply", hash }, place),
  ).rejects.toMatchObject({
    code: 409,
    reason: "Conflict",
    diagnostics: [{ code: "BaseMoved" }],
    status: {
      details: {
        causes: expect.arrayContaining([
          {
            reason: "Moved",
            field: "service/api",
            message: "It was changed: generation 1 is 2 now.",
          },
        ]) as object,
      },
    },
  });
  expect(api.store.revision).toBe(before);
});

test("a status written meanwhile does not move the base", async () => {
  const place = { namespace: "shops" };
  const { hash } = await api.client.plan("shop", { resources: shop(5), action: "apply" }, place);
  await api.request(
    "PATCH",
    "/apis/tutti.dev/v1/namespaces/shops/services/api/status",
    { status: { replicas: 2 } },
    { "content-type": "application/merge-patch+json" },
  );
  expect(
    (await api.client.apply("shop", { resources: shop(5), action: "apply", hash }, place)).revision,
  ).toBe(2);
});

test("a revision is brought back, and a system taken down, by plans of their own", async () => {
  const place = { namespace: "shops" };
  const back = await api.client.plan("shop", { resources: [], action: "rollback", toRevision: 1 }, place);
  await api.client.apply(
    "shop",
    { resources: [], action: "rollback", toRevision: 1, hash: back.hash },
    place,
  );
  expect((api.store.get({ kind: "Service", namespace: "shops", name: "api" })?.spec as any)?.replicas).toBe(
    1,
  );
  const down = await api.client.plan("shop", { resources: [], action: "down" }, place);
  await api.client.apply("shop", { resources: [], action: "down", hash: down.hash }, place);
  expect(api.store.get({ kind: "Service", namespace: "shops", name: "api" })).toBeUndefined();
});

test("what is wrong with a declaration comes as diagnostics, all at once", async () => {
  const resources = [
    service("a", { dependsOn: ["service/b"] }),
    service("b", { dependsOn: ["service/a"] }),
    { kind: "Servise" },
    5,
  ];
  await expect(api.client.plan("bad", { resources, action: "apply" })).rejects.toMatchObject({
    code: 422,
    reason: "Invalid",
  });
  const error: any = await api.client
    .plan("bad", { resources, action: "apply" })
    .catch((reason: unknown) => reason);
  expect(error.diagnostics.map((one: any) => one.code)).toEqual(
    expect.arrayContaining(["UnknownKind", "NotAResource"]),
  );
});

test.each([
  {},
  { resources: 5 },
  { resources: [], action: "dance" },
  { resources: [], toRevision: "x" },
  { resources: [], folder: 1 },
  { resources: [] },
])("the request %j to apply is refused", async (body) => {
  const { code } = await api.request("POST", "/apis/tutti.dev/v1/namespaces/default/systems/x/apply", body);
  expect(code).toBe(400);
});
