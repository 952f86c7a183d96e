import { loadBalancer, secret, service, system, volume } from "tutti";

/** Verdaccio, a package registry nobody here wrote: three instances on one volume behind a balancer. */
export default system("registry", () => {
  const packages = volume("packages", { retain: true });
  const signing = secret("signing", { generate: { key: { length: 32 } } });
  const verdaccio = service("verdaccio", {
    command: ["node", "start.ts"],
    replicas: 3,
    ports: [{ name: "http" }],
    env: { STORAGE: packages.path, SIGNING_KEY: "${secret.signing.key}" },
    volumes: [{ volume: packages, path: "/packages" }],
    probes: { readiness: { http: { path: "/-/ping" } } },
    stop: { grace: "5s" },
  });
  return [
    packages,
    signing,
    verdaccio,
    loadBalancer("registry", { routes: [{ service: verdaccio, timeout: "2m" }] }),
  ];
});
