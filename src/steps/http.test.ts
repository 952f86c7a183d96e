import { mkdtempSync, rmSync } from "node:fs";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../clock/clock.ts";
import { type Here, everythingIn, openHere, readSecret } from "./fixtures/here.ts";
import { httpSteps } from "./http.ts";

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

let folder: string;
let here: Here;
let servers: Server[];
let asked: Asked[];
let runs = 0;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tutti-http-step-"));
  servers = [];
  asked = [];
  here = await openHere({
    folder,
    steps: () => ({ http: httpSteps({ readSecret, clock: systemClock, mostBytes: 10_000 }) }),
  });
});
afterEach(async () => {
  await here.close();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(folder, { recursive: true, force: true });
});

async function serve(answer: (asked: Asked, response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    void text(request).then((body) => {
      const one = { method, url, headers, body };
      asked.push(one);
      answer(one, response);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function ask(step: object): Promise<Record<string, unknown>> {
  const verdict = await here.run({ a: { type: "http", ...step } }, {}, `default/run-${++runs}`);
  return verdict as unknown as Record<string, unknown>;
}

it("sends JSON and gives status, headers and the body", async () => {
  const url = await serve((_, response) => {
    response.writeHead(201, { "content-type": "application/json; charset=utf-8", "x-id": "7" });
    response.end('{"id":7}');
  });
  expect(
    await ask({ url: `${url}/orders?x=1`, body: { n: 1 }, headers: { Accept: "application/json" } }),
  ).toMatchObject({
    output: { a: { status: 201, headers: { "x-id": "7" }, body: { id: 7 } } },
  });
  expect(asked).toMatchObject([
    {
      method: "POST",
      url: "/orders?x=1",
      body: '{"n":1}',
      headers: { "content-type": "application/json", accept: "application/json" },
    },
  ]);
});

it("sends the same Idempotency-Key in every attempt, and another in every step", async () => {
  const url = await serve((one, response) => {
    response.statusCode = one.url === "/a" && asked.length < 3 ? 503 : 200;
    response.end();
  });
  const retry = [{ errors: ["HttpStatus"], attempts: 5, interval: "1ms" }];
  await here.run({
    a: { type: "http", url: `${url}/a`, retry },
    b: { type: "http", url: `${url}/b`, needs: ["a"] },
  });
  const keys = asked.map(({ headers }) => headers["idempotency-key"]);
  expect(keys).toEqual(["default/run-1/a", "default/run-1/a", "default/run-1/a", "default/run-1/b"]);
});

it("tells what may be tried again from what may not", async () => {
  const url = await serve((one, response) => {
    response.writeHead(Number(one.url.slice(1)), { "retry-after": "7" });
    response.end("no such thing");
  });
  expect(await ask({ url: `${url}/503` })).toMatchObject({
    failure: { class: "Retryable", error: "HttpStatus", details: { status: 503, retryAfter: 7000 } },
  });
  expect(await ask({ url: `${url}/429` })).toMatchObject({ failure: { class: "Retryable" } });
  expect(await ask({ url: `${url}/404` })).toMatchObject({
    failure: {
      class: "Terminal",
      message: expect.stringContaining("answered 404 Not Found: no such thing") as string,
    },
  });
  expect(await ask({ url: `${url}/404`, expect: [404] })).toMatchObject({
    output: { a: { status: 404, body: "no such thing" } },
  });
  expect(await ask({ url: "http://127.0.0.1:1/" })).toMatchObject({
    failure: { class: "Retryable", error: "ConnectionFailed" },
  });
});

it("reads no more than it may", async () => {
  const url = await serve((_, response) => void response.end("x".repeat(20_000)));
  expect(await ask({ url })).toMatchObject({ failure: { class: "Terminal", error: "ResponseTooLarge" } });
});

it("follows redirects, tells secrets to nobody else, and not for ever", async () => {
  const other = await serve((_, response) => void response.end("other"));
  const url = await serve((one, response) => {
    const location = one.url === "/loop" ? "/loop" : one.url === "/away" ? `${other}/x` : "/end";
    if (one.url === "/end") response.end("end");
    else response.writeHead(one.url === "/away" ? 302 : 307, { location }).end();
  });
  const headers = { "X-Token": "${secret.stripe.key}" };
  expect(await ask({ url: `${url}/start`, method: "PUT", body: "text", headers })).toMatchObject({
    output: { a: { body: "end" } },
  });
  expect(asked.at(-1)).toMatchObject({
    method: "PUT",
    body: "text",
    headers: { "x-token": "sk_live_hunter2-hunter2" },
  });
  expect(await ask({ url: `${url}/away`, headers })).toMatchObject({ output: { a: { body: "other" } } });
  expect(asked.at(-1)?.headers).not.toHaveProperty("x-token");
  expect(await ask({ url: `${url}/loop`, redirects: 3 })).toMatchObject({
    failure: { error: "BadRedirect" },
  });
});

it("is aborted when it takes too long", async () => {
  const url = await serve(() => undefined);
  expect(await ask({ url, timeouts: { attempt: "50ms" } })).toMatchObject({ failure: { class: "Timeout" } });
});

it("keeps secrets out of journal, log, result and failure, though a server gives them back", async () => {
  const url = await serve((one, response) => {
    response.writeHead(one.url.includes("bad") ? 400 : 200, { "x-echo": String(one.headers.authorization) });
    response.end(`you sent ${one.body} and ${one.url}`);
  });
  const step = {
    headers: { Authorization: "Bearer ${secret.stripe.key}" },
    body: "key=${secret.stripe.key}",
  };
  expect(await ask({ ...step, url: `${url}/?token=\${secret.stripe.key}` })).toMatchObject({
    output: {
      a: { headers: { "x-echo": "Bearer (secret)" }, body: "you sent key=(secret) and /?token=(secret)" },
    },
  });
  expect(await ask({ ...step, url: `${url}/bad` })).toMatchObject({
    failure: { message: expect.stringContaining("you sent key=(secret)") as string },
  });
  expect(asked[0]?.body).toBe("key=sk_live_hunter2-hunter2");
  await here.logs.written();
  expect(everythingIn(folder)).not.toContain("hunter2");
});
