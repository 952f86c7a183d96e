/** Certificates as clients see them: kept by the controller, served by a real balancer, provisioned as always. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type Server, createServer } from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../clock/clock.ts";
import { Runtime } from "../../controller/runtime.ts";
import { DependentsView, IndexView } from "../../controller/view.ts";
import { validate } from "../../kinds/validate.ts";
import { conditionOf } from "../../model/condition.ts";
import type { Draft, Resource } from "../../model/resource.ts";
import { Keyring } from "../../model/sealed.ts";
import { type LocalProviders, localProviders } from "../../providers/local/index.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { provisionController } from "../provision/index.ts";
import { signFor } from "./authority.ts";
import { type AcmeServerFixture, startAcmeServer } from "./fixtures/acme-server.ts";
import { certificateController } from "./index.ts";
import { certificateContent, secretOperation } from "./records.ts";

const DAY = 86_400_000;
const cause = { actor: "user:test", action: "test" };
const keyring = new Keyring(new Uint8Array(32).fill(3));
const key = { kind: "LoadBalancer", namespace: "default", name: "front" };

let folder: string;
let store: Store;
let local: LocalProviders;
let runtime: Runtime;
let upstream: Server;
let acme: AcmeServerFixture | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tutti-certificates-"));
  store = createMemoryStore({ clock: systemClock });
  local = await localProviders({ folder, clock: systemClock, keyring });
  runtime = new Runtime(store, { clock: systemClock });
  upstream = createServer((_request, response) => response.end("hello"));
  await once(upstream.listen(0, "127.0.0.1"), "listening");
});
afterEach(async () => {
  await runtime.stop();
  const front = store.get(key);
  if (front !== undefined)
    await local.balancers.remove({ identity: identityOf(front), spec: front.spec, status: {} });
  local.close();
  upstream.closeAllConnections();
  upstream.close();
  rmSync(folder, { recursive: true, force: true });
  await acme?.stop();
  acme = undefined;
});

function identityOf({ kind, metadata }: Resource): {
  kind: string;
  namespace: string;
  name: string;
  uid: string;
} {
  return { kind, namespace: "default", name: metadata.name, uid: metadata.uid };
}

async function declare(
  listeners: readonly object[],
  type: "create" | "update" = "create",
): Promise<Resource> {
  const spec = { listeners, routes: [{ service: "api" }] };
  const { resource } = validate({ kind: "LoadBalancer", metadata: { name: "front" }, spec });
  await store.commit([{ type, resource: resource as Draft }], cause);
  return store.get(key) as Resource;
}

function begin(): void {
  const balancers = new IndexView("LoadBalancer", () => "");
  const dependents = new DependentsView();
  runtime.addView(balancers);
  runtime.addView(dependents);
  const readSecret = (namespace: string, name: string): Readonly<Record<string, string>> | undefined => {
    const secret = store.get({ kind: "Secret", namespace, name }) as { readonly data?: object } | undefined;
    return secret === undefined ? undefined : (keyring.openAll(secret.data) as Record<string, string>);
  };
  const common = { store, clock: systemClock };
  runtime.addController(
    provisionController({
      ...common,
      resolver: { store, keyring },
      dependents,
      kinds: new Set(["LoadBalancer"]),
      providerOf: () => local.balancers,
      context: { clock: systemClock, keyring, readSecret },
    }),
  );
  runtime.addController(
    certificateController({
      ...common,
      keyring,
      balancers,
      providerOf: () => local.balancers,
      changed: (balancer) => runtime.trigger("provision", balancer),
    }),
  );
  runtime.start();
}

async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const secret = (name: string): Readonly<Record<string, string>> | undefined => {
  const found = store.get({ kind: "Secret", namespace: "default", name }) as
    | { readonly data?: object }
    | undefined;
  return found === undefined ? undefined : (keyring.openAll(found.data) as Record<string, string>);
};
const portOf = (listener: string): Promise<number> =>
  until(() => {
    const front = store.get(key);
    const { ports } = (front?.status ?? {}) as { readonly ports?: Readonly<Record<string, number>> };
    return front !== undefined && conditionOf(front, "Ready")?.status === "True"
      ? ports?.[listener]
      : undefined;
  });

/** The serial number of what a new client is shown; undefined when it does not trust it. */
async function served(port: number, ca: string, servername: string): Promise<string | undefined> {
  const socket = connect({ host: "127.0.0.1", port, ca, servername });
  try {
    await once(socket, "secureConnect");
    return socket.getPeerCertificate().serialNumber;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

describe("a certificate of the own authority", () => {
  it("is renewed while a connection stays open and no request fails", async () => {
    const front = await declare([{ name: "https", protocol: "https" }]);
    const hosts = ["127.0.0.1", "localhost"];
    const aged = await signFor(hosts, Date.now() - 40 * DAY, { store, keyring }, cause);
    const content = certificateContent(
      aged,
      { secret: "front-https-tls", issuer: "authority", hosts },
      front,
    );
    await store.commit([secretOperation(content, keyring, undefined)], cause);
    begin();
    const port = await portOf("https");
    const member = {
      id: "a",
      host: "127.0.0.1",
      port: (upstream.address() as AddressInfo).port,
      state: "ready" as const,
    };
    await local.balancers.setMembers(identityOf(front), "api", [member]);
    const ca = aged.authority ?? "";
    const first = await until(() => served(port, ca, "localhost"));

    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca });
    const sockets = new Set<object>();
    const ask = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const asking = request({ agent, host: "127.0.0.1", port, servername: "localhost" }, (response) => {
          sockets.add(response.socket);
          response.resume().on("end", () => resolve(response.statusCode ?? 0));
        });
        asking.on("error", reject).end();
      });
    const statuses = new Set([await ask()]);
    await declare([{ name: "https", protocol: "https", tls: { renewBefore: "60d" } }], "update");
    await until(async () => {
      statuses.add(await ask());
      const serial = await served(port, ca, "localhost");
      expect(serial).toBeDefined();
      return serial === first ? undefined : serial;
    });
    for (let more = 0; more < 20; more += 1) statuses.add(await ask());
    agent.destroy();
    expect([...statuses]).toEqual([200]);
    expect(sockets.size).toBe(1);
    expect(conditionOf(store.get(key) as Resource, "CertificateReady")?.status).toBe("True");
  });
});

describe("a certificate by ACME", () => {
  it("is proved and served by the same balancer", async () => {
    acme = await startAcmeServer();
    const content = {
      name: "acme-ca",
      namespace: "default",
      type: "Opaque",
      annotations: {},
      data: { "ca.crt": acme.authority },
    };
    await store.commit([secretOperation(content, keyring, undefined)], cause);
    const server = { directory: acme.directory, authority: "acme-ca" };
    await declare([
      { name: "http", port: acme.httpPort },
      {
        name: "https",
        protocol: "https",
        tls: { issuer: "acme", hosts: ["shop.example.test"], acme: server },
      },
    ]);
    begin();
    const chain = await until(() => secret("front-https-tls")?.["tls.crt"]);
    const issuer = /-----BEGIN[\s\S]*?END CERTIFICATE-----\s*(-----BEGIN[\s\S]*)/.exec(chain)?.[1] ?? "";
    const port = await portOf("https");
    await until(() => servedBy(port, issuer));
  });

  /** An intermediate authority is enough to trust here. */
  async function servedBy(port: number, ca: string): Promise<true | undefined> {
    const socket = connect({
      host: "127.0.0.1",
      port,
      ca,
      servername: "shop.example.test",
      allowPartialTrustChain: true,
    });
    try {
      await once(socket, "secureConnect");
      return socket.authorized ? true : undefined;
    } catch {
      return undefined;
    } finally {
      socket.destroy();
    }
  }
});
