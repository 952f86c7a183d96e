/** Writes of single resources are admitted by what classes can do, as plans are. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { TerminalError } from "../provider/provider.ts";
import { SERVICES, type Serving, service, serving } from "./fixtures/serving.ts";

let api: Serving;
let able: ReadonlySet<string>;

beforeEach(async () => {
  able = new Set(["image"]);
  api = await serving({
    checkPlacement: (kind, spec) => {
      const missing = Object.keys(spec).find(
        (field) => ["image", "user"].includes(field) && !able.has(field),
      );
      if (missing === undefined) return;
      throw new TerminalError({
        code: "Unsupported",
        path: `spec.${missing}`,
        message: `The class 'process' of ${kind} has no ${missing}s.`,
        hint: "Classes that can, here: docker.",
      });
    },
  });
});
afterEach(() => api[Symbol.asyncDispose]());

const refusal = {
  code: 422,
  body: {
    reason: "Invalid",
    details: {
      diagnostics: [{ code: "Unsupported", path: "spec.user", hint: "Classes that can, here: docker." }],
    },
  },
};

test("what no class can do is refused when it is created, with the classes that could", async () => {
  expect(await api.request("POST", SERVICES, service("api", { user: "nobody" }))).toMatchObject(refusal);
  expect((await api.request("GET", `${SERVICES}/api`)).code).toBe(404);
});

test("it is refused when it is patched or put in, and what is there stays as it was", async () => {
  expect((await api.request("POST", SERVICES, service("api", { image: "shop/api:1" }))).code).toBe(201);
  const before = (await api.request("GET", `${SERVICES}/api`)).body;
  const patch = { spec: { user: "nobody" } };
  const merge = { "content-type": "application/merge-patch+json" };
  expect(await api.request("PATCH", `${SERVICES}/api`, patch, merge)).toMatchObject(refusal);
  const put = { ...before, spec: { ...before.spec, ...patch.spec } };
  expect(await api.request("PUT", `${SERVICES}/api`, put)).toMatchObject(refusal);
  expect((await api.request("GET", `${SERVICES}/api`)).body).toEqual(before);
});

test("what is there can be labelled and deleted although its class is not there any more", async () => {
  await api.request("POST", SERVICES, service("api", { image: "shop/api:1" }));
  able = new Set();
  const merge = { "content-type": "application/merge-patch+json" };
  const labelled = { metadata: { labels: { team: "shop" } } };
  expect((await api.request("PATCH", `${SERVICES}/api`, labelled, merge)).code).toBe(200);
  expect((await api.request("DELETE", `${SERVICES}/api`)).code).toBe(200);
});
