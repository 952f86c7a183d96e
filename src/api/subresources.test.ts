import { afterAll, beforeAll, expect, test } from "vitest";
import { LABELS } from "../model/resource.ts";
import {
  type ExecSession,
  type InstanceProvider,
  type LogLine,
  type LogOptions,
  TerminalError,
} from "../provider/provider.ts";
import { SERVICES, type Serving, service, serving } from "./fixtures/serving.ts";

const merge = { "content-type": "application/merge-patch+json" };
const user = { actor: "user:ann", action: "test" };

/** Runs nothing: tells lines with the instance's name, and echoes input. */
const recorder = {
  class: "recorder",
  async *logs(
    identity: { readonly name: string },
    _spec: unknown,
    options: LogOptions,
  ): AsyncGenerator<LogLine> {
    const offset = identity.name.endsWith("b") ? 5 : 0;
    for (const count of [1, 2, 3].slice(-(options.tail ?? 3)))
      yield { time: count * 10 + offset, text: `${identity.name} ${count}` };
    if (options.follow === true)
      await new Promise((resolve) => options.signal?.addEventListener("abort", resolve));
  },
  exec: async (_identity: unknown, _spec: unknown, command: readonly string[]): Promise<ExecSession> => {
    const written: Uint8Array[] = [];
    const ended = Promise.withResolvers<void>();
    return {
      stdout: (async function* () {
        yield Buffer.from(`${command.join(" ")}\n`);
        await ended.promise;
        yield* written;
      })(),
      stderr: (async function* () {
        yield Buffer.from("to the error stream");
      })(),
      write: (bytes) => void written.push(bytes),
      endInput: () => ended.resolve(),
      resize: () => undefined,
      kill: () => ended.resolve(),
      exitCode: ended.promise.then(() => (command[0] === "fail" ? 3 : 0)),
    };
  },
} as unknown as InstanceProvider;

function instance(name: string, of = "logged"): any {
  return {
    apiVersion: "tutti.dev/v1",
    kind: "Instance",
    metadata: { name, namespace: "default", labels: { [LABELS.service]: of } },
    spec: {
      service: of,
      class: "recorder",
      location: "local",
      template: "1",
      run: { command: "true", folder: "/" },
      ports: {},
    },
    status: { state: "Running" },
  };
}

const engines = {
  instance: ({ class: name }: { readonly class: string }) => {
    if (name === "recorder") return recorder;
    throw new TerminalError({ code: "UnknownClass", message: `Nothing here runs the class '${name}'.` });
  },
};

let api: Serving;
beforeAll(async () => {
  api = await serving({ engines });
  await api.request("POST", SERVICES, service("logged"));
  for (const name of ["a", "b"]) await api.store.commit([{ type: "create", resource: instance(name) }], user);
});
afterAll(() => api[Symbol.asyncDispose]());

test("status changes by its own path only, and checks its shape", async () => {
  await api.request("POST", SERVICES, service("stated"));
  const { body } = await api.request(
    "PATCH",
    `${SERVICES}/stated/status`,
    { status: { readyReplicas: 2 }, spec: { replicas: 9 } },
    merge,
  );
  expect([body.status.readyReplicas, body.spec.replicas, body.metadata.generation]).toEqual([2, 1, 1]);
  const wrong = await api.request(
    "PATCH",
    `${SERVICES}/stated/status`,
    { status: { readyReplicas: "two" } },
    merge,
  );
  expect(wrong.body.details.diagnostics).toMatchObject([{ path: "status.readyReplicas" }]);
});

test("scale reads and writes the number of copies, and says so in the history", async () => {
  await api.request("POST", SERVICES, service("scaled", { replicas: 3 }));
  expect((await api.request("GET", `${SERVICES}/scaled/scale`)).body).toMatchObject({
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    spec: { replicas: 3 },
    status: { replicas: 0 },
  });
  expect(
    await api.client.scale(
      { kind: "Service", plural: "services", group: "tutti.dev", version: "v1", namespaced: true },
      "scaled",
      6,
    ),
  ).toEqual({ declared: 6, present: 0 });
  const scale = (await api.request("GET", `${SERVICES}/scaled/scale`)).body;
  expect(
    (await api.request("PUT", `${SERVICES}/scaled/scale`, { ...scale, spec: { replicas: 2 } })).body.spec
      .replicas,
  ).toBe(2);
  expect((await api.request("PUT", `${SERVICES}/scaled/scale`, scale)).code).toBe(409);
  expect(
    (await api.request("PATCH", `${SERVICES}/scaled/scale`, { spec: { replicas: -1 } }, merge)).code,
  ).toBe(422);
  const { items } = (await api.request("GET", `${SERVICES}/scaled/history`)).body;
  expect(items.map((item: any) => [item.cause.actor, item.cause.action])).toEqual([
    ["user:admin", "scale 6 -> 2"],
    ["user:admin", "scale 3 -> 6"],
    ["user:admin", "create"],
  ]);
});

test("kinds without copies have no scale", async () => {
  expect((await api.request("GET", "/api/v1/namespaces/default/scale")).code).toBe(404);
});

test("why leads from an instance back to the person who scaled", async () => {
  await api.request("POST", SERVICES, service("traced"));
  await api.request("PATCH", `${SERVICES}/traced?because=more%20visitors`, { spec: { replicas: 2 } }, merge);
  const key = { kind: "Service", namespace: "default", name: "traced" };
  const revision = Number(api.store.get(key)?.metadata.resourceVersion);
  const cause = { actor: "controller:rollout", action: "add an instance", because: { key, revision } };
  await api.store.commit([{ type: "create", resource: instance("traced-1", "traced") }], cause);
  await api.store.commit(
    [{ type: "status", key: { ...key, kind: "Instance", name: "traced-1" }, status: { state: "Exited" } }],
    user,
  );
  const { chain } = (await api.request("GET", "/apis/tutti.dev/v1/namespaces/default/instances/traced-1/why"))
    .body;
  expect(chain).toMatchObject([
    {
      actor: "controller:rollout",
      action: "add an instance",
      address: "instance/traced-1",
      summary: "instance/traced-1 was created.",
    },
    {
      actor: "user:admin",
      action: "more visitors",
      address: "service/traced",
      summary: "service/traced changed: spec.replicas 1 -> 2.",
    },
  ]);
});

test("why does not tell values that may be secret", async () => {
  await api.request("POST", SERVICES, service("quiet"));
  await api.request("PATCH", `${SERVICES}/quiet`, { spec: { env: { TOKEN: "hunter2" } } }, merge);
  const { text, body } = await api.request("GET", `${SERVICES}/quiet/why`);
  expect(body.chain[0].summary).toContain("spec.env.TOKEN (secret)");
  expect(text).not.toContain("hunter2");
});

test("an instance's log comes as lines, with times when asked", async () => {
  const path = "/apis/tutti.dev/v1/namespaces/default/instances/a/log";
  expect((await api.request("GET", `${path}?tailLines=2`)).text).toBe("a 2\na 3\n");
  expect((await api.request("GET", `${path}?timestamps=true&tailLines=1`)).text).toBe(
    "1970-01-01T00:00:00.030Z a 3\n",
  );
});

test("a service's log has the lines of all instances in the order of their times", async () => {
  const lines = [];
  for await (const line of api.client.serviceLog("logged")) lines.push(line.text);
  expect(lines).toEqual(["a 1", "b 1", "a 2", "b 2", "a 3", "b 3"]);
});

test("following a service's log takes in instances that come later", async () => {
  const ending = new AbortController();
  const seen = new Set<string>();
  for await (const line of api.client.serviceLog("logged", {
    follow: true,
    tail: 1,
    signal: ending.signal,
  })) {
    seen.add(line.instance);
    if (seen.size === 2 && line.instance !== "late")
      await api.store.commit([{ type: "create", resource: instance("late") }], user).catch(() => undefined);
    if (line.text === "late 3") ending.abort();
  }
  expect([...seen]).toEqual(["a", "b", "late"]);
});

test("a command's streams, input and exit code pass through the connection", async () => {
  const session = await api.client.exec("a", { command: ["cat", "-n"], stdin: true });
  session.write(Buffer.from("hello"));
  session.endInput();
  let [output, errors] = ["", ""];
  for await (const chunk of session.stdout) output += Buffer.from(chunk).toString();
  for await (const chunk of session.stderr) errors += Buffer.from(chunk).toString();
  expect([output, errors, await session.exitCode]).toEqual(["cat -n\nhello", "to the error stream", 0]);
  const failing = await api.client.exec("a", { command: ["fail"], stdin: true });
  failing.endInput();
  expect(await failing.exitCode).toBe(3);
});

test("a command in an instance that is not there, or of an unknown class, is refused with a Status", async () => {
  await expect(api.client.exec("nobody", { command: ["ls"] })).rejects.toMatchObject({
    code: 404,
    reason: "NotFound",
  });
  await expect(api.client.exec("a", { command: [] })).rejects.toMatchObject({ code: 400 });
  await api.store.commit(
    [
      {
        type: "create",
        resource: { ...instance("strange"), spec: { ...instance("strange").spec, class: "unknown" } },
      },
    ],
    user,
  );
  await expect(api.client.exec("strange", { command: ["ls"] })).rejects.toMatchObject({ code: 400 });
});

test("followed logs are bounded in number, and ended ones make room", async () => {
  await using small = await serving({
    limits: { streams: 1 },
    engines,
  });
  await small.store.commit([{ type: "create", resource: instance("a") }], user);
  const ending = new AbortController();
  const follow = small.client.log("a", { follow: true, signal: ending.signal });
  expect((await follow.next()).value).toBe("a 1");
  await expect(small.client.log("a").next()).rejects.toMatchObject({ code: 429, reason: "TooManyRequests" });
  ending.abort();
  await expect
    .poll(() =>
      small.client
        .log("a")
        .next()
        .then(
          (line) => line.value,
          () => "refused",
        ),
    )
    .toBe("a 1");
});

test("a service that is scaled by itself is scaled by hand only within its bounds", async () => {
  const declared = service("self-scaled", { replicas: 3, autoscale: { minReplicas: 2, maxReplicas: 5 } });
  await api.request("POST", SERVICES, declared);
  const path = `${SERVICES}/self-scaled/scale`;
  const patched = async (replicas: number) => api.request("PATCH", path, { spec: { replicas } }, merge);
  expect((await patched(5)).body.spec.replicas).toBe(5);
  const refused = await patched(6);
  expect(refused.code).toBe(422);
  expect(refused.body.message).toContain("scaled by itself between 2 and 5 instances");
});
