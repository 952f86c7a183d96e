/** Containers that somebody else runs, as the Services that they could become; on a real engine. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conformanceContext } from "../../provider/conformance.ts";
import { validate } from "../../kinds/validate.ts";
import type { Found } from "../../provider/provider.ts";
import { Engine } from "./engine.ts";
import { type Daemon, IMAGE, startDaemon } from "./fixtures/daemon.ts";
import { presentContainers } from "./present-containers.ts";

const PASSWORD = "correct-horse-battery";
let daemon: Daemon;
let engine: Engine;
let found: Found | undefined;
let plain: Found | undefined;
let all: readonly Found[];

beforeAll(async () => {
  daemon = await startDaemon();
  engine = new Engine({ endpoint: daemon.endpoint });
  await daemon.docker.createNetwork({ Name: "shop_back" });
  await daemon.docker.createVolume({ Name: "shop_files" });
  const run = async (name: string, options: object): Promise<void> => {
    const container = await daemon.docker.createContainer({ Image: IMAGE, name, ...options });
    await container.start();
  };
  await run("shop_web_1", {
    Entrypoint: ["sleep"],
    Cmd: ["900000"],
    User: "1000:1000",
    Env: [
      "MODE=production",
      "TEMPLATE=${not-an-expression}",
      `DB_PASSWORD=${PASSWORD}`,
      `DATABASE_URL=postgres://shop:${PASSWORD}@db/shop`,
    ],
    Labels: { "com.docker.compose.project": "shop", "com.docker.compose.service": "web" },
    ExposedPorts: { "8080/tcp": {} },
    HostConfig: {
      NetworkMode: "shop_back",
      Memory: 64 * 2 ** 20,
      NanoCpus: 500_000_000,
      PortBindings: { "8080/tcp": [{ HostIp: "127.0.0.1", HostPort: "0" }] },
      RestartPolicy: { Name: "on-failure" },
      Mounts: [
        { Type: "volume", Source: "shop_files", Target: "/files" },
        { Type: "bind", Source: daemon.folder, Target: "/host" },
      ],
    },
  });
  await run("plain", { HostConfig: { NetworkMode: "none" } });
  await run("ours", { Labels: { "tutti.dev/home": "some-home" }, HostConfig: { NetworkMode: "none" } });
  all = await presentContainers(engine, conformanceContext);
  found = all.find(({ id }) => id === "shop_web_1");
  plain = all.find(({ id }) => id === "plain");
});
afterAll(async () => {
  engine?.close();
  await daemon?.close();
});

describe("a container that somebody else runs", () => {
  it("could become a service with all that it says beyond its image", () => {
    expect(found).toMatchObject({
      name: "web",
      description: `container of ${IMAGE}, running, of the Compose project shop`,
      spec: {
        class: "docker",
        image: IMAGE,
        command: ["sleep", "900000"],
        user: "1000:1000",
        ports: [{ name: "port-8080", port: 8080 }],
        networks: ["shop_back"],
        volumes: [{ volume: "shop_files", path: "/files" }],
        resources: { memory: "64Mi", cpu: "500m" },
        restart: { policy: "on-failure" },
      },
    });
  });

  it("says nothing that its image says by itself", () => {
    expect(plain?.spec).toEqual({
      class: "docker",
      image: IMAGE,
      env: {},
      ports: [],
      volumes: [],
      networks: [],
      resources: {},
      restart: { policy: "never" },
    });
  });

  it("has references where its secrets were, which are nowhere", () => {
    expect(found?.spec["env"]).toEqual({
      MODE: "production",
      TEMPLATE: "$${not-an-expression}",
      DB_PASSWORD: "${secret.shop-web-1-env.DB_PASSWORD}",
      DATABASE_URL: "${secret.shop-web-1-env.DATABASE_URL}",
    });
    expect(JSON.stringify(all)).not.toContain(PASSWORD);
  });

  it("tells what is to be done by people", () => {
    expect(found?.remarks).toEqual([
      expect.stringContaining("goes on as it is"),
      expect.stringContaining("Put DB_PASSWORD, DATABASE_URL into a Secret 'shop-web-1-env'"),
      expect.stringContaining("was published as"),
      expect.stringContaining(`${daemon.folder}, which it sees at /host, is left out`),
    ]);
  });

  it("is a declaration that validates", () => {
    const manifest = { kind: "Service", metadata: { name: "web" }, spec: found?.spec };
    expect(validate(manifest).diagnostics).toEqual([]);
  });

  it("is none of those that a control plane runs", () => {
    expect(all.map(({ id }) => id).toSorted()).toEqual(["plain", "shop_web_1"]);
  });
});
