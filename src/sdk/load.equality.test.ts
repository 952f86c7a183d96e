import { describe, expect, it } from "vitest";
import { folderWith, load, removeFoldersAfterwards } from "./fixtures/loading.ts";

removeFoldersAfterwards();

const PROGRAM = `
import { configMap, database, dnsRecord, dnsZone, env, loadBalancer, network, secret, service, system, volume } from "tutti";

export default system(
  "shop",
  { description: "The shop.", parameters: { replicas: { type: "integer", default: 2 }, stage: { enum: ["test", "live"], default: "test" } } },
  (param) => {
    const orders = database("orders", { retain: true });
    const uploads = volume("uploads");
    const inner = network("inner");
    const limits = configMap("limits", { data: { rate: "100" } });
    const stripe = secret("stripe", { stringData: { "api-key": env("STRIPE_KEY") } });
    const api = service(
      "api",
      {
        command: ["node", "api.ts"],
        replicas: param.replicas * 2,
        ports: [{ name: "http" }],
        env: { DATABASE_URL: orders.url, STRIPE_KEY: stripe.data["api-key"], RATE: limits.data.rate, STAGE: param.stage, WHERE: \`db at \${orders.host}, \${param.stage}\` },
        volumes: [{ volume: uploads, path: "/uploads" }],
        networks: [inner],
        dependsOn: [orders],
      },
      { labels: { tier: "back" } },
    );
    const zone = dnsZone("zone", { domain: "shop.test" });
    const front = loadBalancer("front", { routes: [{ path: "/api", service: api, stripPrefix: true }] });
    return [orders, [uploads, inner], limits, stripe, api, front, zone, dnsRecord("www", { zone, name: "www", values: [front.host] }), param.stage === "live" && volume("archive")];
  },
);
`;

const YAML = `
kind: System
metadata:
  name: shop
spec:
  parameters:
    stage: { default: test, enum: [test, live] }
    replicas: { default: 2, type: integer }
  description: The shop.
---
kind: Database
metadata: { name: orders }
spec: { retain: true }
---
kind: Volume
metadata: { name: uploads }
---
apiVersion: tutti.dev/v1
kind: Network
metadata: { name: inner }
spec:
---
kind: ConfigMap
metadata: { name: limits }
data: { rate: "100" }
---
kind: Secret
metadata: { name: stripe }
stringData: { api-key: "\${env.STRIPE_KEY}" }
---
kind: Service
metadata:
  labels: { tier: back }
  name: api
spec:
  dependsOn: [database/orders]
  networks: [inner]
  volumes: [{ path: /uploads, volume: uploads }]
  command: [node, api.ts]
  ports: [{ name: http }]
  replicas: \${param.replicas * 2}
  env:
    WHERE: db at \${database.orders.status.host}, \${param.stage}
    STAGE: \${param.stage}
    RATE: \${configMap.limits.data.rate}
    STRIPE_KEY: \${secret.stripe.data["api-key"]}
    DATABASE_URL: \${database.orders.status.url}
---
kind: LoadBalancer
metadata: { name: front }
spec: { routes: [{ service: api, stripPrefix: true, path: /api }] }
---
kind: DNSZone
metadata: { name: zone }
spec: { domain: shop.test }
---
kind: DNSRecord
metadata: { name: www }
spec: { zone: zone, name: www, values: ["\${loadBalancer.front.status.host}"] }
`;

describe("a system", () => {
  const options = { env: { STRIPE_KEY: "sk-1", TUTTI_PARAM_REPLICAS: "3" } };

  it("gives the same bytes from TypeScript and from YAML", async () => {
    const program = await load(folderWith({ "tutti.ts": PROGRAM }), options);
    const manifests = await load(folderWith({ "tutti.yaml": YAML }), options);
    expect([program.diagnostics, manifests.diagnostics]).toEqual([[], []]);
    expect(JSON.stringify(program.resources)).toBe(JSON.stringify(manifests.resources));
    const withoutFolder = ({ system }: typeof program): string =>
      JSON.stringify({ ...system, spec: { ...(system.spec as object), folder: "" } });
    expect(withoutFolder(program)).toBe(withoutFolder(manifests));
    expect(program.resources).toHaveLength(9);
  });

  it("gives the same bytes each time", async () => {
    const folder = folderWith({ "tutti.ts": PROGRAM });
    const [first, second] = [await load(folder, options), await load(folder, options)];
    expect(JSON.stringify([first.system, first.resources])).toBe(
      JSON.stringify([second.system, second.resources]),
    );
  });

  it("is read again when a file that it imports has changed", async () => {
    const folder = folderWith({
      "tutti.ts": `import { size } from "./size.ts";\nimport { volume } from "tutti";\nexport default [volume("v", { size })];`,
      "size.ts": 'export const size = "1Gi";',
    });
    const sizeOf = async (): Promise<unknown> => (await load(folder, { env: {} })).resources[0]?.spec;
    expect(await sizeOf()).toEqual({ size: "1Gi" });
    const { writeFileSync } = await import("node:fs");
    writeFileSync(`${folder}/size.ts`, 'export const size = "250Mi";');
    expect(await sizeOf()).toEqual({ size: "250Mi" });
  });

  it("knows its folder by its real path, and the values of its parameters with the defaults", async () => {
    const folder = folderWith({ "tutti.yaml": YAML });
    const { system } = await load(folder, options);
    expect(system.spec).toMatchObject({ folder, values: { replicas: 3, stage: "test" } });
  });

  it("is named after the folder, or the file, when it gives itself no name", async () => {
    const volume = "kind: Volume\nmetadata: {name: v}\n";
    const named = folderWith(
      { "a.yaml": volume, "b.yml": volume.replace("v}", "w}"), "shop.yaml": "" },
      "My Shop",
    );
    expect((await load(named, { env: {} })).system.metadata.name).toBe("my-shop");
    expect((await load(`${named}/a.yaml`, { env: {} })).system.metadata.name).toBe("a");
    expect((await load(named, { env: {} })).resources.map(({ metadata }) => metadata.name)).toEqual([
      "v",
      "w",
    ]);
  });

  it("names the line of what stands in it, in YAML exactly and in TypeScript at the member", async () => {
    const manifests = await load(folderWith({ "tutti.yaml": YAML }), options);
    expect(manifests.sources.get("service/api")?.position("spec.volumes[0].path")).toMatchObject({
      line: 38,
      column: 15,
    });
    expect(manifests.sources.get("service/api")?.position("spec.env.NOTHING")).toMatchObject({ line: 42 });
    const program = await load(folderWith({ "tutti.ts": PROGRAM }), options);
    expect(program.sources.get("service/api")?.position("spec.ports[0].name")).toMatchObject({ line: 18 });
    expect(program.sources.get("database/orders")?.position()).toMatchObject({ line: 8 });
  });
});
