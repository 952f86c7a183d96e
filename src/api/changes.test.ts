/** Changes over the API: what waits, what is asked of one, saved plans. What becomes of them is their controller's. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Applied } from "../client/client.ts";
import type { Resource } from "../model/resource.ts";
import type { ChangeResource } from "../planner/change.ts";
import type { SavedPlan } from "../planner/saved.ts";
import { type Serving, serving } from "./fixtures/serving.ts";

let api: Serving;
beforeAll(async () => {
  api = await serving();
});
afterAll(() => api[Symbol.asyncDispose]());

const system = (name: string, changes: object = {}): object => ({
  kind: "System",
  metadata: { name },
  spec: { changes },
});
const map = (name: string, value: string): object => ({
  kind: "ConfigMap",
  metadata: { name },
  data: { value },
});
type Approval = Resource<unknown, { readonly state: string }>;
const APPROVED = { approval: { chain: [{ users: ["maria"] }] } };

async function apply(name: string, ...resources: readonly object[]): Promise<Applied> {
  const proposed = { resources, action: "apply" as const };
  const { hash } = await api.client.plan(name, proposed);
  return api.client.apply(name, { ...proposed, hash });
}

const change = (name: string) =>
  api.store.get({ kind: "Change", namespace: "default", name }) as ChangeResource;
const dataOf = (name: string) =>
  (api.store.get({ kind: "ConfigMap", namespace: "default", name }) as Resource & { readonly data?: unknown })
    .data;

test("what needs approval is accepted, and changes nothing that is declared", async () => {
  const proposed = { resources: [system("a", APPROVED), map("a", "1")], action: "apply" as const };
  const { hash } = await api.client.plan("a", proposed);
  const answer = await api.request("POST", "/apis/tutti.dev/v1/namespaces/default/systems/a/apply", {
    ...proposed,
    hash,
  });
  expect(answer).toMatchObject({ code: 202, body: { change: "a-1", state: "Pending", approval: "a-1" } });
  expect(api.store.get({ kind: "ConfigMap", namespace: "default", name: "a" })).toBeUndefined();
  expect(change("a-1").spec).toMatchObject({ actor: "user:admin", hash, approval: "a-1" });
});

test("who asks, and who is not asked, does not approve it; nor what is not what was seen", async () => {
  const decide = (as: string, hash?: string): Promise<Approval> =>
    api.client.workflows.decide("a-1", {
      decision: "approve",
      as: { user: as },
      ...(hash && { hash }),
    }) as Promise<Approval>;
  await expect(decide("admin")).rejects.toMatchObject({ code: 403 });
  await expect(decide("jo")).rejects.toMatchObject({ code: 403 });
  await expect(decide("maria", "sha256:other")).rejects.toMatchObject({ code: 409 });
  expect((await decide("maria")).status?.state).toBe("Approved");
});

test("groups decide by what the request says its user is in", async () => {
  await apply("g", system("g", { approval: { chain: [{ groups: ["owners"], quorum: 2 }] } }), map("g", "1"));
  const decide = (user: string, groups: readonly string[]): Promise<Approval> =>
    api.client.workflows.decide("g-1", { decision: "approve", as: { user, groups } }) as Promise<Approval>;
  await expect(decide("maria", ["readers"])).rejects.toMatchObject({ code: 403 });
  expect((await decide("maria", ["readers", "owners"])).status?.state).toBe("Pending");
  await expect(decide("maria", ["owners"])).rejects.toMatchObject({ code: 409 });
  expect((await decide("jo", ["owners"])).status?.state).toBe("Approved");
});

test("one that waits is withdrawn, one that has begun is held and goes on", async () => {
  await apply("b", system("b", APPROVED), map("b", "1"));
  await expect(api.client.changes.resume("b-1")).rejects.toMatchObject({ code: 409, reason: "Refused" });
  expect((await api.client.changes.cancel("b-1")).spec.withdrawn).toBe("admin");

  await apply("c", system("c"), map("c", "1"));
  expect(change("c-1").spec.revision).toBe(1);
  await expect(api.client.changes.cancel("c-1")).rejects.toMatchObject({
    code: 409,
    message: "The change 'c-1' has begun: hold it, or take it back (tutti undo c-1).",
  });
  expect((await api.client.changes.hold("c-1")).spec.hold).toBe(true);
  expect((await api.client.changes.resume("c-1")).spec).toMatchObject({ hold: false, resumes: 1 });
  expect(await api.client.changes.steps("c-1")).toMatchObject([
    { address: "system/c", action: "create", state: "Succeeded" },
    { address: "configMap/c", action: "create", state: "Succeeded" },
  ]);
});

test("a change is taken back by the very plan that was looked at", async () => {
  await apply("c", system("c"), map("c", "2"));
  const plan = await api.client.changes.inverse("c-2");
  expect(plan).toMatchObject({ action: "undo", undoes: "c-2", summary: { update: 1 } });
  await expect(api.client.changes.undo("c-2", { hash: "other" })).rejects.toMatchObject({ code: 409 });
  expect(await api.client.changes.undo("c-2", { hash: plan.hash })).toMatchObject({ change: "c-3" });
  expect(change("c-3").spec).toMatchObject({ action: "undo", undoes: "c-2" });
  expect(dataOf("c")).toEqual({
    value: "1",
  });
});

test("a saved plan holds no secret in the open, and is applied, or refused with what moved", async () => {
  const secret = { kind: "Secret", metadata: { name: "d" }, stringData: { value: "hunter2" } };
  const proposed = { resources: [system("d"), secret, map("d", "1")], action: "apply" as const };
  const { plan, saved } = await api.client.savedPlan("d", proposed);
  expect(JSON.stringify(saved)).not.toContain("hunter2");
  expect(JSON.stringify(saved.plan)).not.toContain("sealed:v1");
  const before = api.store.revision;
  expect(await api.client.apply("d", { saved }, { dryRun: true })).toMatchObject({
    plan: { hash: plan.hash },
  });
  expect(api.store.revision).toBe(before);
  expect(await api.client.apply("d", { saved })).toMatchObject({ revision: 1, plan: { hash: plan.hash } });
  await expect(api.client.apply("d", { saved })).rejects.toMatchObject({
    code: 409,
    status: {
      details: {
        causes: expect.arrayContaining([
          { reason: "Moved", field: "configMap/d", message: "It is there by now." },
        ]) as object,
      },
    },
  });
  const edited = { ...saved, hash: "other" } as SavedPlan;
  await expect(api.client.apply("d", { saved: edited })).rejects.toMatchObject({
    code: 422,
    diagnostics: [{ code: "PlanEdited" }],
  });
  for (const wrong of [null, [], "x", 5, {}, { format: "tutti.plan/1" }])
    await expect(api.client.apply("d", { saved: wrong as never })).rejects.toMatchObject({ code: 422 });
});

test("a large declaration is not sent twice; what is not remembered any more is asked for", async () => {
  const many = Array.from({ length: 250 }, (_, index) => map(`m${index}`, "1"));
  const proposed = { resources: [system("m"), ...many], action: "apply" as const };
  const { hash } = await api.client.plan("m", proposed);
  expect(
    await api.client.apply("m", { ...proposed, resources: [], hash, planned: true } as never),
  ).toMatchObject({
    revision: 1,
  });
  const path = "/apis/tutti.dev/v1/namespaces/default/systems/m/apply";
  expect(await api.request("POST", path, { hash: "another", planned: true })).toMatchObject({
    code: 409,
    body: { details: { causes: [{ reason: "PlanForgotten" }] } },
  });
  const changed = { ...proposed, resources: [system("m"), ...many.slice(1), map("m0", "2")] };
  const plan = await api.client.plan("m", changed);
  for (const other of ["x", "y", "z"])
    await api.client.plan(other, { resources: [system(other)], action: "apply" });
  expect(await api.client.apply("m", { ...changed, hash: plan.hash })).toMatchObject({ revision: 2 });
});
