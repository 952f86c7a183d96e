import { connect } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SERVICES, type Serving, service, serving } from "./fixtures/serving.ts";

let api: Serving;
beforeAll(async () => {
  api = await serving();
});
afterAll(() => api[Symbol.asyncDispose]());

test("without the token, or with another, nothing but health and version is told", async () => {
  for (const authorization of ["", "Bearer", "Bearer another", "Basic YWRtaW46eA=="]) {
    const { code, body, headers } = await api.request("GET", SERVICES, undefined, { authorization });
    expect([code, body.reason]).toEqual([401, "Unauthorized"]);
    expect(headers.get("www-authenticate")).toBe("Bearer");
  }
  for (const path of ["/healthz", "/readyz", "/livez", "/version"])
    expect((await api.request("GET", path, undefined, { authorization: "" })).code).toBe(200);
  expect((await api.request("GET", "/metrics", undefined, { authorization: "" })).code).toBe(401);
});

test("the token may be a password as well, of any user", async () => {
  const authorization = `Basic ${Buffer.from(`anybody:${api.token}`).toString("base64")}`;
  expect((await api.request("GET", SERVICES, undefined, { authorization })).code).toBe(200);
});

test("what is not there is NotFound in the words of Kubernetes", async () => {
  const { code, body } = await api.request("GET", `${SERVICES}/nobody`);
  expect(code).toBe(404);
  expect(body).toEqual({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: 'services.tutti.dev "nobody" not found',
    reason: "NotFound",
    details: { name: "nobody", group: "tutti.dev", kind: "services" },
    code: 404,
  });
  for (const path of [
    "/apis/tutti.dev/v1/namespaces/default/nothings",
    "/apis/nobody/v1",
    "/api/v2/namespaces",
    "/x",
    `${SERVICES}/a/scale/b`,
    `${SERVICES}/a/nothing`,
  ]) {
    expect((await api.request("GET", path)).body).toMatchObject({ kind: "Status", reason: "NotFound" });
  }
});

test("a method that a path does not have is refused", async () => {
  expect((await api.request("PATCH", SERVICES, {})).body.reason).toBe("MethodNotAllowed");
  expect((await api.request("POST", `${SERVICES}/one`, {})).body.reason).toBe("MethodNotAllowed");
  expect((await api.request("DELETE", "/apis/tutti.dev/v1/services")).body.reason).toBe("MethodNotAllowed");
});

test("broken JSON is refused with where it breaks, and without what it holds", async () => {
  const { code, body, text } = await api.request("POST", SERVICES, '{"kind": "Secret", "value": hunter2}');
  expect([code, body.reason]).toEqual([400, "BadRequest"]);
  expect(text).not.toContain("hunter2");
  const commaless = await api.request("POST", SERVICES, '{"kind": "Secret" "value": 1}');
  expect(commaless.body.message).toContain("position 18");
  expect(commaless.body.details.diagnostics).toMatchObject([{ code: "BrokenJson" }]);
});

test("broken YAML, other types of content, and bodies that are no object are refused", async () => {
  expect((await api.request("POST", SERVICES, "a: [b", { "content-type": "application/yaml" })).code).toBe(
    400,
  );
  expect(
    (await api.request("POST", SERVICES, "x", { "content-type": "application/vnd.kubernetes.protobuf" }))
      .code,
  ).toBe(415);
  for (const body of ["[]", "5", "null", '"text"'])
    expect((await api.request("POST", SERVICES, body)).code).toBe(400);
});

test("a body about another kind, name or namespace than the path is refused", async () => {
  expect((await api.request("POST", SERVICES, { ...service("a"), kind: "Volume" })).code).toBe(400);
  expect((await api.request("POST", SERVICES, service("a", {}, { namespace: "other" }))).code).toBe(400);
  await api.request("POST", SERVICES, service("named"));
  expect((await api.request("PUT", `${SERVICES}/named`, service("renamed"))).code).toBe(400);
});

test("nesting beyond a hundred levels is refused, in JSON and in YAML", async () => {
  const deep = (levels: number): string =>
    `{"kind":"Service","metadata":{"name":"deep"},"spec":${'{"a":'.repeat(levels)}1${"}".repeat(levels)}}`;
  expect((await api.request("POST", SERVICES, deep(1000))).body.details.diagnostics).toMatchObject([
    { code: "TooDeep" },
  ]);
  expect((await api.request("POST", SERVICES, "[".repeat(3_000_000))).code).toBe(400);
  expect(
    (await api.request("POST", SERVICES, `a: ${"[".repeat(50_000)}`, { "content-type": "application/yaml" }))
      .code,
  ).toBe(400);
  expect(
    (await api.request("POST", SERVICES, `${"- ".repeat(50_000)}a`, { "content-type": "application/yaml" }))
      .code,
  ).toBe(400);
});

test("a body of 10 MB is read, one of more than 16 MB is refused without being read", async () => {
  const padded = (bytes: number): string => JSON.stringify(service("large", { command: "x".repeat(bytes) }));
  expect((await api.request("POST", `${SERVICES}?dryRun=All`, padded(10 << 20))).code).toBe(201);
  // fetch may see the connection end while it still sends; then there is no answer to read.
  const answer = await api.request("POST", SERVICES, padded(17 << 20)).catch(() => undefined);
  if (answer !== undefined) expect(answer.body).toMatchObject({ code: 413, reason: "RequestEntityTooLarge" });
  expect((await api.request("GET", `${SERVICES}/large`)).code).toBe(404);
});

test("members named __proto__ are refused", async () => {
  const { code } = await api.request(
    "POST",
    SERVICES,
    '{"kind":"Service","metadata":{"name":"p","__proto__":{"x":1}},"spec":{"command":"a"}}',
  );
  expect(code).toBe(400);
  expect(({} as any).x).toBeUndefined();
});

test("malformed finalizers and owners are refused", async () => {
  for (const metadata of [
    { finalizers: 5 },
    { finalizers: [""] },
    { ownerReferences: {} },
    { ownerReferences: [{ kind: "Service" }] },
  ]) {
    expect((await api.request("POST", SERVICES, service("odd", {}, metadata))).code).toBe(422);
  }
});

test("broken parameters are refused", async () => {
  for (const query of [
    "limit=many",
    "continue=nonsense",
    "labelSelector=%3D%3D",
    "fieldSelector=%3D",
    "at=yesterday",
    "resourceVersion=-1&watch=1",
    "watch=1&resourceVersion=x",
  ]) {
    expect((await api.request("GET", `${SERVICES}?${query}`)).body, query).toMatchObject({
      kind: "Status",
      code: 400,
    });
  }
  expect((await api.request("GET", "/apis/tutti.dev/v1/namespaces/%zz/services")).code).toBe(400);
});

test("what is not HTTP gets an answer and does no harm", async () => {
  const { hostname, port } = new URL(api.url);
  const socket = connect(Number(port), hostname);
  let answer = "";
  socket.on("data", (bytes) => (answer += bytes.toString("latin1")));
  socket.end("\u0016\u0003\u0001 this is no request\r\n\r\n");
  await once(socket, "close");
  expect(answer).toContain("400");
  expect((await api.request("GET", "/healthz")).code).toBe(200);
});

test("a fault of ours is a 500 with an id, and what is behind it is in the log only", async () => {
  await using broken = await serving({
    metrics: () => {
      throw new Error("a detail for engineers");
    },
  });
  const { code, body, text } = await broken.request("GET", "/metrics");
  expect([code, body.reason]).toEqual([500, "InternalError"]);
  expect(text).not.toContain("engineers");
  const [fault] = broken.faults as { readonly id: string; readonly error: string }[];
  expect(text).toContain(fault?.id);
  expect(fault?.error).toContain("a detail for engineers");
});

test("requests are counted for Prometheus", async () => {
  await api.request("GET", SERVICES);
  const { text } = await api.request("GET", "/metrics");
  expect(text).toMatch(/tutti_api_requests_total\{verb="list",kind="Service",code="200"\} \d+/);
  expect(text).toMatch(/tutti_api_request_duration_seconds_count\{verb="list"\} \d+/);
});
