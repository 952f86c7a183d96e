/**
 * What was there before Tutti: found, chosen, adopted as it is, declared in the user's own files, and left alone when its
 * declaration goes. With a real container engine and a real PostgreSQL server that somebody else runs.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Daemon, IMAGE, startDaemon } from "../src/providers/docker/fixtures/daemon.ts";
import { ROOT, type Seen, type TestHome, kindOf } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { type PostgresServer, startPostgres } from "./support/postgres.ts";

let daemon: Daemon;
let postgres: PostgresServer;
beforeAll(async () => {
  [daemon, postgres] = await Promise.all([startDaemon(), startPostgres()]);
});
afterAll(async () => {
  await Promise.all([daemon?.close(), postgres?.close()]);
});

const env = (): Readonly<Record<string, string>> => ({ DOCKER_HOST: daemon.endpoint });
const isThere = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

interface Item {
  readonly id: string;
  readonly ownedBy?: string;
  readonly declaration: { readonly spec: object };
}

async function discovered(home: TestHome, ...args: readonly string[]): Promise<readonly Item[]> {
  return JSON.parse(await home.ok(["discover", ...args, "-o", "json"], { env: env() })) as Item[];
}

async function planned(home: TestHome, folder: string): Promise<Record<string, number>> {
  const { summary } = JSON.parse(await home.ok(["plan", folder, "-o", "json"])) as {
    summary: Record<string, number>;
  };
  return summary;
}

const NOTHING = { create: 0, update: 0, replace: 0, delete: 0, adopt: 0, move: 0, unknown: 0, forget: 0 };

describe("a network and a volume of the engine", () => {
  test("are discovered, adopted and declared; then there is nothing to do, and they stay when all goes", async () => {
    const home = openHome();
    await daemon.docker.createNetwork({ Name: "shop_back" });
    await daemon.docker.createVolume({ Name: "shop_files" });
    const folder = home.folder("shop");

    const all = await discovered(home);
    expect(all.map(({ id }) => id)).toEqual(expect.arrayContaining(["shop_back", "shop_files"]));

    const select = ["--select", "network/shop_back,shop_files", "--folder", folder];
    const adopted = await home.ok(["discover", ...select], { env: env() });
    expect(adopted).toContain("adopted  network/shop-back  shop_back");
    expect(readFileSync(join(folder, "imported.yaml"), "utf8")).toMatch(
      /kind: Network\nmetadata:\n {2}name: shop-back\n {2}annotations:\n {4}tutti.dev\/adopt: shop_back\n/,
    );
    expect(await planned(home, folder)).toMatchObject(NOTHING);
    expect(await home.get("Network/shop-back")).toMatchObject({ status: { adopted: "shop_back" } });
    expect((await discovered(home)).find(({ id }) => id === "shop_back")?.ownedBy).toBe(
      "network/shop-back in default",
    );

    await home.ok(["down", "shop", "--yes"]);
    expect(await home.get("Network/shop-back")).toBeUndefined();
    expect(await isThere(daemon.docker.getNetwork("shop_back").inspect())).toBe(true);
    expect(await isThere(daemon.docker.getVolume("shop_files").inspect())).toBe(true);
  });

  test("are used by services as if they had been made here", async () => {
    const home = openHome();
    await daemon.docker.createNetwork({ Name: "used_net" });
    await daemon.docker.createVolume({ Name: "used_vol" });
    const folder = home.declare(`
kind: Service
metadata: { name: web }
spec:
  location: docker
  image: ${IMAGE}
  command: [sleep, "1000000"]
  networks: [used-net]
  volumes: [{ volume: used-vol, path: /files }]
---
kind: Network
metadata: { name: used-net, annotations: { tutti.dev/adopt: used_net } }
spec: { class: docker, location: docker, lifecycle: { onDelete: retain } }
---
kind: Volume
metadata: { name: used-vol, annotations: { tutti.dev/adopt: used_vol } }
spec: { class: docker, location: docker, lifecycle: { onDelete: retain } }
`);
    await home.ok(["up", folder, "--yes"], { env: env() });
    const [instance] = await home.instances("web");
    const id = String(instance?.status?.["identity"]?.["container"]);
    const { NetworkSettings, Mounts } = await daemon.docker.getContainer(id).inspect();
    expect(Object.keys(NetworkSettings.Networks)).toContain("used_net");
    expect(Mounts.map(({ Source }) => Source)).toContainEqual(expect.stringContaining("/used_vol/"));
    await home.ok(["down", "system", "--yes"]);
    expect(await isThere(daemon.docker.getVolume("used_vol").inspect())).toBe(true);
  });

  test("are adopted one by one, under another name, behind what is declared already", async () => {
    const home = openHome();
    await daemon.docker.createNetwork({ Name: "legacy" });
    const folder = home.declare("kind: ConfigMap\nmetadata: { name: settings }\ndata: { a: b }\n");
    await home.ok(["import", "network/front", "legacy", "--folder", folder], { env: env() });
    const text = readFileSync(join(folder, "tutti.yaml"), "utf8");
    expect(text).toMatch(/^kind: ConfigMap\n[\s\S]*\n---\nkind: Network\n/);
    // What else is declared was not applied by the way.
    expect(await planned(home, folder)).toMatchObject({ ...NOTHING, create: 1 });
    await home.ok(["down", "system", "--yes"]);
  });
});

describe("a container", () => {
  test("is declared as a service beside what it uses, without its secrets, and made when people say so", async () => {
    const home = openHome();
    await daemon.docker.createNetwork({ Name: "app_net" });
    await daemon.docker.createVolume({ Name: "app_data" });
    const running = await daemon.docker.createContainer({
      Image: IMAGE,
      name: "app",
      Env: ["GREETING=hello", "API_TOKEN=s3cret-token"],
      HostConfig: {
        NetworkMode: "app_net",
        Mounts: [{ Type: "volume", Source: "app_data", Target: "/data" }],
      },
    });
    await running.start();
    const folder = home.folder("app");
    const select = ["--location", "docker", "--select", "service/app", "--folder", folder];
    const { code, stdout, stderr } = await home.tutti(["discover", ...select], { env: env() });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toContain("adopted  network/app-net  app_net");
    expect(stdout).toContain("adopted  volume/app-data  app_data");
    expect(stderr).toContain("Put API_TOKEN into a Secret 'app-env'");
    expect((await running.inspect()).State.Running).toBe(true);
    const file = join(folder, "imported.yaml");
    expect(readFileSync(file, "utf8")).not.toContain("s3cret-token");

    const secret =
      "---\nkind: Secret\nmetadata: { name: app-env }\nstringData: { API_TOKEN: s3cret-token }\n";
    writeFileSync(file, readFileSync(file, "utf8") + secret);
    await home.ok(["up", folder, "--yes"], { env: env() });
    const [instance] = await home.instances("app");
    const id = String(instance?.status?.["identity"]?.["container"]);
    const { Config, NetworkSettings } = await daemon.docker.getContainer(id).inspect();
    expect(Config.Env).toEqual(expect.arrayContaining(["GREETING=hello", "API_TOKEN=s3cret-token"]));
    expect(Object.keys(NetworkSettings.Networks)).toContain("app_net");
    await home.ok(["down", "app", "--yes"]);
    expect((await running.inspect()).State.Running).toBe(true);
    await running.remove({ force: true });
  });
});

describe("a folder", () => {
  test("is adopted by its path, and has its files when it is forgotten", async () => {
    const home = openHome();
    const files = home.folder("srv");
    writeFileSync(join(files, "a"), "old");
    const folder = home.declare("kind: ConfigMap\nmetadata: { name: settings }\ndata: { a: b }\n");
    await home.ok(["import", "volume/files", files, "--class", "directory", "--folder", folder]);
    expect(await home.get("Volume/files")).toMatchObject({ status: { adopted: files } });

    const still = await home.tutti(["forget", "volume/files", "--folder", folder, "--yes"]);
    expect(still).toMatchObject({ code: 2, stderr: expect.stringContaining("Take it out") as string });
    writeFileSync(
      join(folder, "tutti.yaml"),
      "kind: ConfigMap\nmetadata: { name: settings }\ndata: { a: b }\n",
    );
    const forgotten = await home.ok(["forget", "volume/files", "--folder", folder, "--yes"]);
    expect(forgotten).toContain("forgotten  volume/files");
    expect(await home.get("Volume/files")).toBeUndefined();
    expect(readFileSync(join(files, "a"), "utf8")).toBe("old");
  });
});

describe("a database on a server that exists", () => {
  test("is discovered, adopted beside its users without its password in any file, and stays", async () => {
    const home = openHome();
    await postgres.query("create role legacy login password 'known'");
    await postgres.query("create database legacy owner legacy");
    await postgres.query("create table t (n int); insert into t values (7)", { database: "legacy" });
    await postgres.query("alter table t owner to legacy", { database: "legacy" });
    const { host, port, user, password } = postgres;
    const folder = home.declare(
      "kind: Secret\nmetadata: { name: pg }\nstringData: { admin: ${env.PG} }\n".replace(
        "${env.PG}",
        password,
      ),
    );
    await home.ok(["up", folder, "--yes"]);
    const where = [
      "--kind",
      "database",
      ...Object.entries({ host, port, user, password: "${secret.pg.admin}" }).flatMap(([name, value]) => [
        "--with",
        `server.${name}=${value}`,
      ]),
    ];
    const found = await discovered(home, ...where);
    expect(found.map(({ id }) => id)).toContain("legacy");
    expect(JSON.stringify(found)).not.toContain(password);

    await home.ok(["discover", ...where, "--select", "database/legacy", "--folder", folder]);
    expect(await planned(home, folder)).toMatchObject(NOTHING);
    const status = (await home.client().get<Seen>(kindOf("Database"), "legacy", { reveal: true })).status;
    expect(status).toMatchObject({ adopted: "legacy", database: "legacy" });
    expect(await postgres.query("select n from t", { url: String(status?.["url"]) })).toEqual([{ n: 7 }]);
    const written = readFileSync(join(folder, "tutti.yaml"), "utf8").replace(/^[\s\S]*?---/, "");
    expect(written).not.toContain(password);

    await home.ok(["down", "system", "--yes"]);
    const theirs = `postgres://legacy:known@${host}:${port}/legacy`;
    expect(await postgres.query("select n from t", { url: theirs })).toEqual([{ n: 7 }]);
    expect(await postgres.query("select rolname from pg_roles where rolname = 'legacy_b'")).toEqual([]);
  });
});

describe("what cannot be adopted", () => {
  test("is refused before anything is written or made", async () => {
    const home = openHome();
    await daemon.docker.createNetwork({ Name: "of-others", Labels: { "tutti.dev/home": "another" } });
    const folder = home.folder("shop");
    const refused = async (...args: readonly string[]): Promise<string> => {
      const { code, stderr } = await home.tutti([...args, "--folder", folder], { env: env() });
      expect([1, 2]).toContain(code);
      return stderr;
    };
    expect(await refused("import", "network/a", "nowhere")).toContain("There is no network 'nowhere'");
    expect(await refused("import", "network/a", "of-others")).toContain("another control plane");
    expect(await refused("import", "network/A_B", "of-others")).toContain("no name");
    expect(await refused("import", "loadBalancer/a", "x")).toContain("can list");
    expect(await refused("import", "volume/a", "/nowhere", "--class", "directory")).toContain("/nowhere");
    expect(await refused("discover", "--select", "network/nowhere")).toContain("There is no");
    expect(await refused("discover", "--location", "nowhere")).toContain("nowhere");
    expect(existsSync(join(folder, "imported.yaml"))).toBe(false);
    const { items } = await home.client().list(kindOf("Network"));
    expect(items).toEqual([]);
  });

  test("into a program is printed, to be put into it", async () => {
    const home = openHome();
    await daemon.docker.createNetwork({ Name: "for-programs" });
    const folder = home.declare(
      'import { system } from "tutti";\nexport default system("shop", () => []);\n',
      {
        file: "tutti.ts",
      },
    );
    const before = readFileSync(join(folder, "tutti.ts"), "utf8");
    const text = await home.ok(["import", "network/net", "for-programs", "--folder", folder], { env: env() });
    expect(text).toMatch(/^network\("net", \{/);
    expect(readFileSync(join(folder, "tutti.ts"), "utf8")).toBe(before);
  });
});

describe("what there is not enough of", () => {
  test("refuses the whole plan with the numbers and what does not fit, before anything is made", async () => {
    const home = openHome();
    // The engine of the test finds 64 ranges of addresses by itself.
    const networks = Array.from(
      { length: 70 },
      (_, n) => `kind: Network\nmetadata: { name: n${n} }\nspec: { class: docker }\n`,
    );
    const folder = home.declare(networks.join("---\n"));
    const before = (await daemon.docker.listNetworks()).length;
    const { code, stderr } = await home.tutti(["up", folder, "--yes"], { env: env() });
    expect(code).toBe(2);
    expect(stderr).toContain("QuotaExceeded");
    expect(stderr).toMatch(
      /fails: \d+ of 64 ranges of addresses left, 70 wanted\. What does not fit: network\/n\d+, /,
    );
    expect((await home.client().list(kindOf("Network"))).items).toEqual([]);
    expect((await daemon.docker.listNetworks()).length).toBe(before);
  });

  test("is no matter where a class adopts nothing: that is refused before anything is made as well", async () => {
    const home = openHome();
    const folder = home.declare(
      "kind: Network\nmetadata: { name: a, annotations: { tutti.dev/adopt: x } }\nspec: { class: loopback }\n",
    );
    const { code, stderr } = await home.tutti(["up", folder, "--yes"]);
    expect(code).toBe(2);
    expect(stderr).toContain("adopts nothing");
  });
});

/** The commands of the guide that stand in blocks of this language, in order. */
function commandsOf(language: string): readonly string[] {
  const text = readFileSync(join(ROOT, "docs/guides/adopt.md"), "utf8");
  return [...text.matchAll(/^```([\w ]+)\n([\s\S]*?)^```$/gm)]
    .filter(([, name]) => name === language)
    .flatMap(([, , block = ""]) => block.trim().split("\n"));
}

describe("docs/guides/adopt.md", () => {
  test("shows commands that do what they say", async () => {
    const home = openHome();
    for (const Name of ["shop_back", "legacy_front"])
      if (!(await isThere(daemon.docker.getNetwork(Name).inspect())))
        await daemon.docker.createNetwork({ Name });
    await daemon.docker.createVolume({ Name: "shop_files" });
    const uploads = home.folder("uploads");
    const cwd = home.folder("guide");
    for (const command of commandsOf("sh adopt")) {
      // By then it has been taken out of the declaration.
      if (command.startsWith("tutti forget")) writeFileSync(join(cwd, "imported.yaml"), withoutFront(cwd));
      const words = command.replace("/srv/uploads", uploads).split(" ").slice(1);
      await home.ok(words, { cwd, env: env() });
      if (command === "tutti plan") expect(await planned(home, cwd)).toMatchObject(NOTHING);
    }
    expect(await home.get("Network/front")).toBeUndefined();
    expect(await home.get("Network/shop-back")).toBeDefined();
    expect(await isThere(daemon.docker.getNetwork("legacy_front").inspect())).toBe(true);
  });

  test("shows how a database of a server is adopted", async () => {
    const home = openHome();
    await postgres.query("create role orders login");
    await postgres.query("create database orders owner orders");
    const cwd = home.declare(
      `kind: Secret\nmetadata: { name: pg }\nstringData: { admin: ${postgres.password} }\n`,
    );
    await home.ok(["up", "--yes"], { cwd });
    for (const command of commandsOf("sh adopt database"))
      await home.ok(command.replace("$PORT", String(postgres.port)).split(" ").slice(1), { cwd });
    expect(await home.get("Database/orders")).toMatchObject({ status: { adopted: "orders" } });
    expect(await planned(home, cwd)).toMatchObject(NOTHING);
  });
});

function withoutFront(folder: string): string {
  return readFileSync(join(folder, "imported.yaml"), "utf8")
    .split("---\n")
    .filter((document) => !document.includes("name: front"))
    .join("---\n");
}
