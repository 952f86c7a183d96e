import { database, dnsRecord, dnsZone, loadBalancer, network, secret, service, system, volume } from "tutti";

export default system(
  "storefront",
  {
    description: "A small web shop: database, API, front, worker, uploads, balancer, name.",
    parameters: {
      title: { default: "Storefront", description: "What the front page is headed with." },
      replicas: {
        type: "integer",
        default: 2,
        description: "How many instances of the API and of the front.",
      },
      version: { default: "dev", description: "Of the programs; they tell it in the header x-version." },
      canary: {
        type: "boolean",
        default: false,
        description: "Whether one instance of the API and of the front tries another version first.",
      },
    },
  },
  (param) => {
    const rollout = {
      strategy: param.canary ? "canary" : "rolling",
      canary: [{ share: 1, pause: "10s" }],
    } as const;
    const internal = network("internal");
    const orders = database("orders");
    const uploads = volume("uploads");
    const signing = secret("signing", { generate: { key: {} } });

    const api = service("api", {
      command: ["node", "api.ts"],
      replicas: param.replicas,
      ports: [{ name: "http" }],
      env: {
        DATABASE_URL: orders.url,
        UPLOADS: uploads.path,
        SIGNING_KEY: "${secret.signing.key}",
        VERSION: param.version,
      },
      networks: [internal],
      volumes: [{ volume: uploads, path: "/uploads" }],
      probes: { readiness: { http: { path: "/api/health" } } },
      dependsOn: [signing],
      rollout,
    });

    const web = service("web", {
      command: ["node", "web.ts"],
      replicas: param.replicas,
      ports: [{ name: "http" }],
      env: { TITLE: param.title, VERSION: param.version },
      networks: [internal],
      probes: { readiness: { http: { path: "/health" } } },
      rollout,
    });

    const worker = service("worker", {
      command: ["node", "worker.ts"],
      env: { DATABASE_URL: orders.url, UPLOADS: uploads.path, VERSION: param.version },
      volumes: [{ volume: uploads, path: "/uploads" }],
      networks: [internal],
    });

    const front = loadBalancer("front", { routes: [{ path: "/api", service: api }, { service: web }] });
    const zone = dnsZone("shop", { domain: "shop.test" });
    const name = dnsRecord("www", { zone, name: "www", values: [front.host] });

    return [internal, orders, uploads, signing, api, web, worker, front, zone, name];
  },
);
