/** The real kubectl against the API, over TLS: it sends a token over nothing else. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { selfSigned } from "../providers/local/balancer/certificate.ts";
import { type Serving, serving } from "./fixtures/serving.ts";

const KUBECTL = ["/usr/bin/kubectl", "/usr/local/bin/kubectl"].find((path) => existsSync(path));

const MANIFESTS = `
apiVersion: tutti.dev/v1
kind: Service
metadata: { name: api, labels: { tier: back } }
spec: { command: node server.js, replicas: 3 }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: limits }
data: { rate: "100" }
---
apiVersion: v1
kind: Secret
metadata: { name: stripe }
stringData: { key: correct horse battery staple }
`;

describe.skipIf(KUBECTL === undefined)("kubectl (skipped where it is not installed)", () => {
  let api: Serving;
  let folder: string;

  async function kubectl(...words: string[]): Promise<{ readonly code: number; readonly output: string }> {
    const env = { PATH: process.env["PATH"], HOME: folder, KUBECONFIG: join(folder, "config") };
    return new Promise((resolve) => {
      execFile(KUBECTL as string, words, { env, cwd: folder, timeout: 20_000 }, (error, out, err) =>
        resolve({ code: Number(error?.code ?? 0), output: out + err }),
      );
    });
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tutti-kubectl-"));
    api = await serving();
    const tls = await selfSigned(["127.0.0.1"]);
    const server = await api.api.listen({ host: "127.0.0.1", port: 0, tls });
    const authority = Buffer.from(tls.certificate).toString("base64");
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "t", cluster: { server, "certificate-authority-data": authority } }],
      users: [{ name: "t", user: { token: api.token } }],
      contexts: [{ name: "t", context: { cluster: "t", user: "t" } }],
      "current-context": "t",
    };
    await writeFile(join(folder, "config"), JSON.stringify(config));
    await writeFile(join(folder, "shop.yaml"), MANIFESTS);
    await writeFile(join(folder, "typo.yaml"), MANIFESTS.replace("replicas:", "replicaz:"));
  });

  afterAll(async () => {
    await api[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  test("apply creates, then finds nothing to change", async () => {
    expect((await kubectl("apply", "-f", "shop.yaml")).output).toContain("service.tutti.dev/api created");
    const { code, output } = await kubectl("apply", "-f", "shop.yaml");
    expect(code).toBe(0);
    expect(output).toContain("service.tutti.dev/api unchanged");
    expect(output).toContain("configmap/limits unchanged");
    const { cause } = (
      await api.store.history({ kind: "Service", namespace: "default", name: "api" })
    )[0] as { cause: object };
    expect(cause).toMatchObject({ actor: "user:admin" });
  });

  test("what kubectl notes of an applied Secret is sealed in the store", () => {
    const secret = api.store.get({ kind: "Secret", namespace: "default", name: "stripe" });
    expect(JSON.stringify(secret)).not.toContain("correct horse");
  });

  test("get prints the kind's columns, and finds by short name and category", async () => {
    expect((await kubectl("get", "svc")).output).toMatch(/^NAME +READY +UPDATED +AGE\napi +0\/3 +0 +\d+s\n$/);
    expect((await kubectl("get", "all")).output).toContain("service.tutti.dev/api");
    expect((await kubectl("get", "svc", "-l", "tier!=back")).output).toContain("No resources found");
  });

  test("scale, also under the condition of a present number", async () => {
    expect((await kubectl("scale", "svc/api", "--replicas=6")).code).toBe(0);
    expect((await kubectl("scale", "svc/api", "--replicas=7", "--current-replicas=6")).code).toBe(0);
    expect((await kubectl("scale", "svc/api", "--replicas=8", "--current-replicas=6")).code).not.toBe(0);
    expect((await kubectl("get", "svc", "api", "-o", "jsonpath={.spec.replicas}")).output).toBe("7");
  });

  test("patch, label and diff", async () => {
    const patch = '[{"op":"replace","path":"/spec/replicas","value":2}]';
    expect((await kubectl("patch", "svc", "api", "--type=json", "-p", patch)).code).toBe(0);
    expect((await kubectl("label", "svc", "api", "a=b")).code).toBe(0);
    const { code, output } = await kubectl("diff", "-f", "shop.yaml");
    expect(code).toBe(1);
    expect(output).toContain("-  replicas: 2\n+  replicas: 3");
  });

  test("describe and explain", async () => {
    expect((await kubectl("describe", "svc", "api")).output).toMatch(/Replicas: +2/);
    expect((await kubectl("explain", "services.tutti.dev.spec.replicas")).output).toContain(
      "How many instances.",
    );
  });

  test("a typo is refused with the remedy, and nothing is changed", async () => {
    const { code, output } = await kubectl("apply", "-f", "typo.yaml");
    expect(code).toBe(1);
    expect(output).toContain("Did you mean 'replicas'?");
  });

  test("delete waits until it is gone, and says what is not there", async () => {
    expect((await kubectl("delete", "-f", "shop.yaml")).code).toBe(0);
    const { code, output } = await kubectl("get", "svc", "api");
    expect([code, output]).toEqual([1, 'Error from server (NotFound): services.tutti.dev "api" not found\n']);
  });
});
