import { afterAll, beforeAll, expect, it } from "vitest";
import { type Bench, startBench, tutti } from "../fixtures/terminal.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
});
afterAll(() => bench.close());

async function put(name: string, annotations: Readonly<Record<string, string>>): Promise<void> {
  const resource = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: "default", annotations },
  };
  await bench.store.commit(
    [{ type: "create", resource: { ...resource, type: "Opaque", data: {} } as never }],
    {
      actor: "user:test",
      action: "test",
    },
  );
}

it("says where the authority comes from when there is none yet", async () => {
  const { code, err } = await tutti("certificate authority", bench.access);
  expect(code).toBe(1);
  expect(err).toContain("error: There is no authority yet.\n  It is made with the first https listener");
  expect((await tutti("certificate list", bench.access)).err).toContain("No certificate is kept");
});

it("prints the authority's certificate, which opens nothing", async () => {
  await put("tutti-authority", { "tutti.dev/authority-certificate": "-----BEGIN CERTIFICATE-----\n" });
  const { code, out } = await tutti("certificate authority", bench.access);
  expect({ code, out }).toEqual({ code: 0, out: "-----BEGIN CERTIFICATE-----\n" });
});

it("lists what is kept, the one that ends first on top", async () => {
  const kept = (hosts: string, notAfter: string): Record<string, string> => ({
    "tutti.dev/certificate-issuer": "authority",
    "tutti.dev/certificate-hosts": hosts,
    "tutti.dev/certificate-not-after": notAfter,
  });
  await put("a-https-tls", kept("a.test,localhost", "2100-02-01T00:00:00Z"));
  await put("b-https-tls", kept("b.test", "2100-01-01T00:00:00Z"));
  const { out } = await tutti("certificate list", bench.access);
  expect(out.split("\n").map((line) => line.split(/ {2,}/).toSpliced(3, 1))).toEqual([
    ["SECRET", "ISSUER", "NOT AFTER", "HOSTS"],
    ["b-https-tls", "authority", "2100-01-01T00:00:00Z", "b.test"],
    ["a-https-tls", "authority", "2100-02-01T00:00:00Z", "a.test localhost"],
    [""],
  ]);
  expect(JSON.parse((await tutti("certificate list -o json", bench.access)).out)).toMatchObject([
    { secret: "b-https-tls", hosts: ["b.test"] },
    { secret: "a-https-tls" },
  ]);
});
