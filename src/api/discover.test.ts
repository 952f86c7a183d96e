/** `POST locations/NAME/discover`: what is asked, and what is refused. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import type { Discovery, DiscoveryQuery } from "../provider/discovery.ts";
import { type Serving, serving } from "./fixtures/serving.ts";

let api: Serving;
let asked: DiscoveryQuery | undefined;
const nothing: Discovery = { items: [], problems: [] };

beforeAll(async () => {
  api = await serving({
    discover: (query) => {
      asked = query;
      if (query.kind === "Nothing")
        throw new DiagnosticError([{ severity: "error", code: "CannotList", message: "Nobody can." }]);
      return Promise.resolve(nothing);
    },
  });
});
afterAll(() => api[Symbol.asyncDispose]());

const post = (body?: unknown): ReturnType<Serving["request"]> =>
  api.request("POST", "/apis/tutti.dev/v1/locations/local/discover", body);

test("the location comes from the path, the rest from the body", async () => {
  const where = { server: { host: "db1" } };
  expect(await api.client.discover({ location: "here", namespace: "shop", kind: "Database", where })).toEqual(
    nothing,
  );
  expect(asked).toEqual({ location: "here", namespace: "shop", kind: "Database", where });
  expect((await post()).code).toBe(200);
  expect(asked).toEqual({ location: "local", namespace: "default" });
});

test.each([[[]], [{ where: "db1" }], [{ kind: 7 }], [{ namespace: {} }], ['{"kind":']])(
  "%j is refused with what is wrong",
  async (body) => {
    const { code, body: status } = await post(body);
    expect(code).toBe(400);
    expect(status).toMatchObject({ kind: "Status", reason: "BadRequest" });
  },
);

test("what nobody can list is refused with diagnostics", async () => {
  await expect(
    api.client.discover({ location: "local", namespace: "default", kind: "Nothing" }),
  ).rejects.toMatchObject({
    code: 422,
    diagnostics: [{ code: "CannotList" }],
  });
  expect(api.faults).toEqual([]);
});
