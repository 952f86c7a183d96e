/** What listeners get from the control plane's own authority, in virtual time, with certificates checked by Node's own TLS. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type TLSSocket, connect, createServer } from "node:tls";
import { X509Certificate } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isSealed } from "../../model/sealed.ts";
import { Plane } from "./fixtures/plane.ts";

const DAY = 86_400_000;
let plane: Plane;

beforeEach(() => {
  plane = new Plane();
});
afterEach(() => plane.stop());

const secure = (tls: object = {}, name = "https"): object => ({ name, protocol: "https", tls });
const front = (spec: object, name = "front"): object => ({ kind: "LoadBalancer", metadata: { name }, spec });
const daysLeft = (name: string): number =>
  Math.round((Date.parse(plane.certificate(name).validTo) - plane.clock.now()) / DAY);

/** Signing is real work: it takes as long as it takes. */
const issued = (name: string, other?: string): Promise<void> =>
  plane.until(() => plane.secret(name) !== undefined && plane.opened(name, "tls.crt") !== other);

describe("an https listener that names no Secret", () => {
  it("gets a certificate for the hosts of its routes, its own and this machine's names", async () => {
    await plane.declare(
      front({
        listeners: [{ name: "http" }, secure({ hosts: ["Shop.example"] })],
        routes: [{ host: "api.example", service: "api" }],
      }),
    );
    await issued("front-https-tls");
    expect(plane.certificate("front-https-tls").subjectAltName).toBe(
      "IP Address:127.0.0.1, DNS:api.example, DNS:localhost, DNS:shop.example",
    );
    expect(daysLeft("front-https-tls")).toBe(90);
    expect(plane.told).toContain("LoadBalancer/default/front");
    await plane.until(() => plane.condition()?.status === "True");
    expect(plane.condition()?.message).toBe("Every certificate is good until 2026-04-01T00:00:00Z.");
  });

  it("has it sealed in a Secret of the balancer's own, described without being opened", async () => {
    await plane.declare(front({ listeners: [secure()] }));
    await issued("front-https-tls");
    const secret = plane.secret("front-https-tls");
    expect(secret).toMatchObject({
      type: "kubernetes.io/tls",
      metadata: {
        ownerReferences: [{ kind: "LoadBalancer", uid: plane.balancer().metadata.uid }],
        annotations: {
          "tutti.dev/certificate-issuer": "authority",
          "tutti.dev/certificate-hosts": "127.0.0.1,localhost",
          "tutti.dev/certificate-not-after": "2026-04-01T00:00:00Z",
        },
      },
    });
    expect(Object.values(secret?.data ?? {}).every(isSealed)).toBe(true);
    expect(JSON.stringify(plane.store.list({ kind: "Event" }).items)).not.toContain("PRIVATE");
  });

  it("is trusted by a TLS client that trusts the authority, and by no other", async () => {
    await plane.stop();
    plane = new Plane(Date.now());
    await plane.declare(front({ listeners: [secure()] }));
    await issued("front-https-tls");
    const server = createServer({
      cert: plane.opened("front-https-tls", "tls.crt"),
      key: plane.opened("front-https-tls", "tls.key"),
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const ca = plane.opened("tutti-authority", "ca.crt");
    const dial = async (options: object): Promise<boolean> => {
      const socket: TLSSocket = connect({ host: "127.0.0.1", port, servername: "localhost", ...options });
      await once(socket, "secureConnect").catch(() => {});
      const isTrusted = socket.authorized;
      socket.destroy();
      return isTrusted;
    };
    expect(await dial({ ca })).toBe(true);
    expect(await dial({})).toBe(false);
    server.close();
  });

  it("is renewed when two thirds of its life are over, and keeps the old one until then", async () => {
    await plane.declare(front({ listeners: [secure()] }));
    await issued("front-https-tls");
    const first = plane.opened("front-https-tls", "tls.crt");
    await plane.clock.advance(59 * DAY);
    expect(plane.opened("front-https-tls", "tls.crt")).toBe(first);
    await plane.clock.advance(1.5 * DAY);
    await issued("front-https-tls", first);
    expect(daysLeft("front-https-tls")).toBeGreaterThanOrEqual(89);
  });

  it("is renewed as long before its end as is declared, but not at once again", async () => {
    await plane.declare(
      front({ listeners: [secure({ renewBefore: "10d" }), secure({ renewBefore: "52w" }, "b")] }),
    );
    await issued("front-b-tls");
    const [first, eager] = ["front-https-tls", "front-b-tls"].map((name) => plane.opened(name, "tls.crt"));
    await plane.clock.advance(29 * DAY);
    expect(plane.opened("front-b-tls", "tls.crt")).toBe(eager);
    await plane.clock.advance(50 * DAY);
    expect(plane.opened("front-https-tls", "tls.crt")).toBe(first);
    await plane.clock.advance(1.5 * DAY);
    await issued("front-https-tls", first);
  });

  it("gets another one when its hosts change, and when its Secret is emptied or gone", async () => {
    await plane.declare(front({ listeners: [secure()] }));
    await issued("front-https-tls");
    const first = plane.opened("front-https-tls", "tls.crt");
    await plane.redeclare("front", { listeners: [secure({ hosts: ["new.example"] })] });
    await issued("front-https-tls", first);
    expect(plane.certificate("front-https-tls").subjectAltName).toContain("new.example");
    const second = plane.opened("front-https-tls", "tls.crt");
    await plane.remove("Secret", "front-https-tls");
    await issued("front-https-tls", second);
  });

  it("is never served from a Secret that is not the balancer's own", async () => {
    await plane.putSecret("front-https-tls", { "tls.crt": "mine", "tls.key": "mine" });
    await plane.declare(front({ listeners: [secure()] }));
    await plane.until(() => plane.condition() !== undefined);
    expect(plane.opened("front-https-tls", "tls.crt")).toBe("mine");
    expect(plane.condition()).toMatchObject({ status: "False", reason: "NotOurs" });
  });

  it("says nothing of certificates any more when it is none any more", async () => {
    await plane.declare(front({ listeners: [secure()] }));
    await plane.until(() => plane.condition()?.status === "True");
    await plane.redeclare("front", { listeners: [{ name: "http" }] });
    await plane.until(() => plane.condition() === undefined);
  });
});

describe("the authority", () => {
  it("is made once, also when many balancers need it at the same moment and again after a restart", async () => {
    const names = Array.from({ length: 12 }, (_, index) => `front${index}`);
    await Promise.all(names.map((name) => plane.declare(front({ listeners: [secure()] }, name))));
    for (const name of names) await issued(`${name}-https-tls`);
    await plane.restart();
    await plane.declare(front({ listeners: [secure()] }, "late"));
    await issued("late-https-tls");
    const authority = new X509Certificate(plane.opened("tutti-authority", "ca.crt"));
    for (const name of [...names, "late"])
      expect(plane.certificate(`${name}-https-tls`).checkIssued(authority), name).toBe(true);
  });

  it("signs for servers only: it is an authority, what it signs is none", async () => {
    await plane.declare(front({ listeners: [secure()] }));
    await issued("front-https-tls");
    const authority = new X509Certificate(plane.opened("tutti-authority", "ca.crt"));
    expect(authority.ca).toBe(true);
    expect(plane.certificate("front-https-tls").ca).toBe(false);
    expect(plane.certificate("front-https-tls").keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(plane.secret("tutti-authority")?.metadata.annotations?.["tutti.dev/authority-certificate"]).toBe(
      plane.opened("tutti-authority", "ca.crt"),
    );
  });

  it("that is deleted is followed by another one, which signs for every listener anew", async () => {
    for (const name of ["one", "two"]) await plane.declare(front({ listeners: [secure()] }, name));
    for (const name of ["one", "two"]) await issued(`${name}-https-tls`);
    const first = plane.opened("tutti-authority", "ca.crt");
    await plane.remove("Secret", "tutti-authority");
    await plane.until(() => !["", first].includes(plane.opened("tutti-authority", "ca.crt")));
    const next = new X509Certificate(plane.opened("tutti-authority", "ca.crt"));
    for (const name of ["one", "two"])
      await plane.until(() => plane.certificate(`${name}-https-tls`).verify(next.publicKey));
  });

  it("renews its own certificate in its last year with the same key, so that all it signed stays good", async () => {
    await plane.declare(front({ listeners: [{ name: "http" }] }));
    await plane.declare(front({ listeners: [secure()] }, "old"));
    await issued("old-https-tls");
    const first = plane.opened("tutti-authority", "ca.crt");
    await plane.stop();
    await plane.clock.advance(9.5 * 365 * DAY);
    await plane.restart();
    await plane.until(() => plane.opened("tutti-authority", "ca.crt") !== first);
    await issued("old-https-tls");
    const next = new X509Certificate(plane.opened("tutti-authority", "ca.crt"));
    expect(next.publicKey.equals(new X509Certificate(first).publicKey)).toBe(true);
    await plane.until(() => plane.certificate("old-https-tls").verify(next.publicKey));
    expect(new X509Certificate(first).verify(next.publicKey)).toBe(true);
  });
});

describe("a certificate that people gave", () => {
  const given = async (): Promise<void> => {
    await plane.declare(front({ listeners: [secure()] }, "source"));
    await issued("source-https-tls");
    await plane.putSecret("mine", {
      "tls.crt": plane.opened("source-https-tls", "tls.crt"),
      "tls.key": plane.opened("source-https-tls", "tls.key"),
    });
    await plane.declare(front({ listeners: [secure({ secret: "mine" })] }));
    await plane.until(() => plane.condition()?.status === "True");
  };

  it("is not touched, and its end is told 14 days before and when it comes", async () => {
    await given();
    expect(plane.secret("front-https-tls")).toBeUndefined();
    await plane.clock.advance(75 * DAY);
    expect(plane.condition()?.reason).toBe("Issued");
    await plane.clock.advance(1.5 * DAY);
    const message =
      "The certificate in the Secret 'mine' of listener https ends on 2026-04-01T00:00:00Z: put a new one there before.";
    expect(plane.condition()).toMatchObject({ status: "True", reason: "Ending", message });
    expect(plane.events()).toContain(message);
    await plane.clock.advance(14 * DAY);
    expect(plane.condition()).toMatchObject({ status: "False", reason: "Expired" });
  });

  it("that cannot be read is said to be so", async () => {
    await plane.putSecret("mine", { "tls.crt": "nonsense" });
    await plane.declare(front({ listeners: [secure({ secret: "mine" })] }));
    await plane.until(() => plane.condition() !== undefined);
    expect(plane.condition()).toMatchObject({ status: "False", reason: "Unreadable" });
  });
});
