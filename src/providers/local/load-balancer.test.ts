/** What people see of the class `embedded` of LoadBalancer, beyond the provider contract. */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, type Server, connect, createServer } from "node:net";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../clock/clock.ts";
import { validate } from "../../kinds/validate.ts";
import { conformanceContext } from "../../provider/conformance.ts";
import { type Desired, type ProviderContext, TerminalError } from "../../provider/provider.ts";
import { selfSigned } from "./balancer/certificate.ts";
import { type LocalProviders, localProviders } from "./index.ts";

let folder: string;
let local: LocalProviders;
const made: Desired[] = [];
const servers: Server[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tutti-lb-"));
  local = await localProviders({ folder, clock: systemClock, keyring: conformanceContext.keyring });
});

afterEach(async () => {
  for (const desired of made.splice(0)) await local.balancers.remove(desired);
  for (const server of servers.splice(0)) server.close();
  local.close();
  rmSync(folder, { recursive: true, force: true });
});

function declared(spec: object): Desired {
  const { resource, diagnostics } = validate({ kind: "LoadBalancer", metadata: { name: "front" }, spec });
  if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
  const desired = {
    identity: { kind: "LoadBalancer", namespace: "default", name: "front", uid: "u" },
    spec: resource.spec,
    status: undefined,
  };
  made.push(desired);
  return desired;
}

async function backend(): Promise<number> {
  const server = createHttpServer((_request, response) => response.end("hello"));
  servers.push(server);
  return listening(server);
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)),
  );
}

function askSecurely(port: number, host: string): Promise<{ readonly body: string; readonly names: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: "127.0.0.1",
        port,
        servername: host,
        headers: { host },
        rejectUnauthorized: false,
        agent: false,
      },
      (response) => {
        const names =
          (
            response.socket as unknown as { getPeerCertificate: () => { subjectaltname?: string } }
          ).getPeerCertificate().subjectaltname ?? "";
        let body = "";
        response.on("data", (chunk: Buffer) => (body += chunk.toString()));
        response.on("end", () => resolve({ body, names }));
      },
    );
    asked.once("error", reject);
    asked.end();
  });
}

async function members(desired: Desired, port: number): Promise<void> {
  await local.balancers.setMembers(desired.identity, "web", [
    { id: "web-1", host: "127.0.0.1", port, state: "ready" },
  ]);
}

test("https without a certificate gets a self-made one for the routes' hosts", async () => {
  const desired = declared({
    listeners: [{ name: "https", protocol: "https" }],
    routes: [{ host: "shop.test", service: "web" }],
  });
  const { outputs } = await local.balancers.ensure(desired, conformanceContext);
  await members(desired, await backend());
  const answer = await askSecurely(Number(outputs["port"]), "shop.test");
  expect(answer.body).toBe("hello");
  expect(answer.names).toContain("DNS:shop.test");
});

test("https with a Secret uses the certificate in it", async () => {
  const given = await selfSigned(["given.test"]);
  const context: ProviderContext = {
    ...conformanceContext,
    readSecret: (_namespace, name) =>
      name === "certificate" ? { "tls.crt": given.certificate, "tls.key": given.key } : undefined,
  };
  const desired = declared({
    listeners: [{ name: "https", protocol: "https", tls: { secret: "certificate" } }],
    routes: [{ service: "web" }],
  });
  const { outputs } = await local.balancers.ensure(desired, context);
  await members(desired, await backend());
  expect(await askSecurely(Number(outputs["port"]), "given.test")).toEqual({
    body: "hello",
    names: "DNS:given.test",
  });
});

test("https without a named Secret uses the certificate that is kept for it, as soon as it is there and whenever it is new", async () => {
  const secrets = new Map<string, Readonly<Record<string, string>>>();
  const context: ProviderContext = {
    ...conformanceContext,
    readSecret: (_namespace, name) => secrets.get(name),
  };
  const desired = declared({
    listeners: [{ name: "https", protocol: "https", tls: { hosts: ["own.test"] } }],
    routes: [{ service: "web" }],
  });
  const keep = async (host: string): Promise<void> => {
    const made = await selfSigned([host]);
    secrets.set("front-https-tls", { "tls.crt": made.certificate, "tls.key": made.key });
  };
  const { outputs } = await local.balancers.ensure(desired, context);
  await members(desired, await backend());
  const names = async (): Promise<string> => (await askSecurely(Number(outputs["port"]), "own.test")).names;
  expect(await names()).toBe("DNS:localhost, IP Address:127.0.0.1, DNS:own.test");
  for (const host of ["first.test", "second.test"]) {
    await keep(host);
    await local.balancers.ensure(desired, context);
    expect(await names()).toBe(`DNS:${host}`);
  }
  const files = readdirSync(join(folder, "balancers", "default", "front"));
  expect(files.filter((name) => name.startsWith("tls-"))).toHaveLength(2);
  secrets.clear();
  await local.balancers.ensure(desired, context);
  expect(await names()).toContain("DNS:own.test");
});

test("keys of certificates are for their owner alone, whatever the listener is called", async () => {
  const desired = declared({
    listeners: [{ name: "../../outside", protocol: "https" }],
    routes: [{ service: "web" }],
  });
  await local.balancers.ensure(desired, conformanceContext);
  const home = join(folder, "balancers", "default", "front");
  const keys = readdirSync(home).filter((name) => name.endsWith(".key"));
  expect(keys).toHaveLength(2);
  for (const key of keys) expect(statSync(join(home, key)).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder).filter((name) => name.startsWith("outside"))).toEqual([]);
});

test("a header rule that would end its line stands against the plan", async () => {
  const obstacles = await local.balancers.obstacles({
    namespace: "default",
    name: "front",
    folder,
    spec: { routes: [{ service: "web" }, { headers: { response: { add: { "X-A": "1\r\nX-B: 2" } } } }] },
  });
  expect(obstacles).toMatchObject([
    { code: "HeaderRuleInvalid", path: "spec.routes[1].headers.response.add.X-A" },
  ]);
});

test("a Secret without a certificate is refused with what is missing", async () => {
  const desired = declared({ listeners: [{ name: "https", protocol: "https", tls: { secret: "empty" } }] });
  await expect(local.balancers.ensure(desired, conformanceContext)).rejects.toMatchObject({
    diagnostic: { code: "CertificateMissing" },
  });
});

test("a declared port that is taken is refused, naming who has it", async () => {
  const other = createServer();
  servers.push(other);
  const port = await listening(other);
  const refusal = await local.balancers
    .ensure(declared({ listeners: [{ name: "http", port }] }), conformanceContext)
    .catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(TerminalError);
  expect((refusal as TerminalError).message).toContain(`pid ${process.pid}`);
});

test("a change of the routes keeps the members", async () => {
  const before = declared({ routes: [{ path: "/a", service: "web" }] });
  const { outputs } = await local.balancers.ensure(before, conformanceContext);
  await members(before, await backend());
  await local.balancers.ensure(
    { ...before, spec: declared({ routes: [{ path: "/b", service: "web" }] }).spec },
    conformanceContext,
  );
  const answer = await fetch(`http://127.0.0.1:${String(outputs["port"])}/b`);
  expect(await answer.text()).toBe("hello");
});

test("tcp passes bytes through both ways", async () => {
  const echo = createServer((socket) => void socket.pipe(socket));
  servers.push(echo);
  const desired = declared({ listeners: [{ name: "raw", protocol: "tcp", service: "web" }] });
  const { outputs } = await local.balancers.ensure(desired, conformanceContext);
  await members(desired, await listening(echo));
  const said = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(outputs["port"]), "127.0.0.1", () => socket.end("ping"));
    let text = "";
    socket.on("data", (chunk) => (text += chunk.toString()));
    socket.on("end", () => resolve(text));
    socket.on("error", reject);
  });
  expect(said).toBe("ping");
});
