/** Declarations that several tests share. */
import { PROGRAMS } from "./home.ts";

export interface WebOptions {
  readonly replicas?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly rollout?: object;
  readonly probes?: object;
  readonly restart?: object;
  readonly balancer?: object;
}

/** A web service of `test/programs/server.ts` behind a balancer, as YAML (JSON is YAML). */
export function web({ replicas = 3, env = {}, rollout, probes, restart, balancer }: WebOptions = {}): string {
  const documents = [
    { kind: "System", metadata: { name: "web" } },
    {
      kind: "Service",
      metadata: { name: "api" },
      spec: {
        command: ["node", `${PROGRAMS}/server.ts`],
        replicas,
        ports: [{ name: "http" }],
        env,
        probes: probes ?? { readiness: { http: { path: "/health" } } },
        stop: { grace: "5s", drain: "5s" },
        ...(rollout === undefined ? {} : { rollout }),
        ...(restart === undefined ? {} : { restart }),
      },
    },
    {
      kind: "LoadBalancer",
      metadata: { name: "front" },
      spec: { routes: [{ service: "api" }], ...balancer },
    },
  ];
  return documents.map((document) => JSON.stringify(document, null, 1)).join("\n---\n");
}
