/**
 * Terraform's side of Tutti: `terraform-provider-tutti` asked by the real terraform where that is installed, and by our own client
 * of providers everywhere.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { NOTHING, apply, plan, read, take, validate } from "../src/providers/terraform/calls.ts";
import { Plugin } from "../src/providers/terraform/plugin.ts";
import { typeNameOf } from "../src/terraform-provider/kind-shape.ts";
import { valueSeen } from "../src/terraform-provider/content.ts";
import { placeOf } from "../src/terraform-provider/place.ts";
import type { AnyKind } from "../src/kinds/kind.ts";
import { kinds } from "../src/kinds/registry.ts";
import { bodySchema } from "../src/kinds/schema.ts";
import { pluginEnvironment } from "../src/terraform/handshake.ts";
import { valueOf } from "../src/terraform/convert.ts";
import { type Members, UNKNOWN } from "../src/terraform/value.ts";
import { isAlive } from "./support/processes.ts";
import { ROOT, type TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

const hasTerraform = spawnSync("terraform", ["version"]).status === 0;
const VOLUME = { kind: "Volume", plural: "volumes", group: "tutti.dev", version: "v1", namespaced: true };

async function served(): Promise<TestHome> {
  const home = openHome();
  await home.serve();
  return home;
}

describe("our own client of providers", () => {
  async function started(home: TestHome): Promise<Plugin> {
    const plugin = await Plugin.start(
      {
        source: "registry.terraform.io/tutti/tutti",
        version: "0",
        binary: join(ROOT, "terraform-provider-tutti"),
        checksums: [],
      },
      { folder: home.path, now: Date.now(), onLog: () => undefined },
    );
    onTestFinished(() => plugin.close());
    return plugin;
  }

  function target(plugin: Plugin, type: string): Parameters<typeof plan>[0] {
    const schema = plugin.schema("resource", type);
    if (schema === undefined) throw new Error(type);
    const place = { root: ["spec", "config"], secrets: [] };
    return { plugin, type, schema, place, signal: new AbortController().signal };
  }

  const config = ({ schema }: ReturnType<typeof target>, value: object): Members =>
    valueOf(value, schema.type) as Members;

  test("plans, makes, finds unchanged, sees drift and what is gone, imports and removes a volume", async () => {
    const home = await served();
    const plugin = await started(home);
    expect(await plugin.configure(valueOf({ home: home.path }, plugin.provider.type) as Members)).toEqual([]);
    const volume = target(plugin, "tutti_volume");
    const wanted = config(volume, { name: "data", labels: { team: "a" }, spec: { retain: false } });
    const planned = await plan(volume, NOTHING, wanted);
    expect(planned.value).toMatchObject({ id: "default/data", namespace: "default", path: UNKNOWN });
    const made = await apply(volume, NOTHING, planned, wanted);
    expect(made.diagnostics).toEqual([]);
    expect(made.value?.["path"]).toContain("volumes/default/data");

    const seen = await read(volume, made);
    expect(seen.value).toEqual(made.value);
    expect((await plan(volume, seen, wanted)).value).toEqual(made.value);

    await home.client().patch(VOLUME, "data", { spec: { retain: true } });
    const drifted = await read(volume, seen);
    expect(drifted.value).toMatchObject({ spec: { retain: true, class: null } });
    const back = await apply(volume, drifted, await plan(volume, drifted, wanted), wanted);
    expect(back.value).toEqual(made.value);

    const { taken } = await take(volume, "default/data");
    expect(taken?.value).toMatchObject({ name: "data", labels: { team: "a" }, path: made.value?.["path"] });
    expect((await take(volume, "default/other")).diagnostics[0]?.summary).toContain("no Volume 'other'");
    const twice = await apply(volume, NOTHING, planned, wanted);
    expect(twice.diagnostics[0]).toMatchObject({
      path: ["name"],
      detail: expect.stringContaining("terraform import") as string,
    });

    const url = home.registration()?.url;
    await plugin.configure(valueOf({ url, token: "wrong" }, plugin.provider.type) as Members);
    const refused = await apply(volume, back, planned, wanted);
    expect(refused).toMatchObject({
      value: back.value,
      diagnostics: [{ detail: expect.stringContaining("token") as string }],
    });

    await plugin.configure(valueOf({ url, token: home.token }, plugin.provider.type) as Members);
    await apply(volume, back, await plan(volume, back, null), null);
    expect((await read(volume, back)).value).toBeNull();
  });

  test("what is declared of a kind is read again as it was declared, whatever the control plane adds", async () => {
    const home = await served();
    const plugin = await started(home);
    await plugin.configure(valueOf({ home: home.path }, plugin.provider.type) as Members);
    const refused: string[] = [];
    const isType = (kind: AnyKind): boolean => plugin.resourceTypes.includes(typeNameOf(kind));
    for (const kind of kinds.filter((one) => isType(one) && one.kind !== "System")) {
      const of = target(plugin, typeNameOf(kind));
      const schema = bodySchema(kind);
      const body = valueSeen(null, kind.example, placeOf(schema), schema) as Members;
      const name = kind.exampleName === "example" ? "one" : kind.exampleName;
      const wanted = config(of, { ...body, name, wait: false });
      const made = await apply(of, NOTHING, await plan(of, NOTHING, wanted), wanted);
      if (made.diagnostics.length > 0) refused.push(`${of.type}: ${made.diagnostics[0]?.summary ?? ""}`);
      else {
        const seen = await read(of, made);
        const again = await plan(of, seen, wanted);
        expect(again, of.type).toMatchObject({ value: seen.value, replaceBecause: [] });
      }
    }
    // Its example is on a rack that nobody has declared.
    expect(refused).toEqual([expect.stringContaining("tutti_machine: spec.location")]);
  });

  test("ends with who started it, however that ended", async () => {
    const provider = join(ROOT, "terraform-provider-tutti");
    const env = { ...process.env, ...pluginEnvironment("") };
    const parent = spawn("sh", ["-c", `"${provider}" & echo $! >&2; wait`], { env });
    const pid = await new Promise<number>((resolve) =>
      parent.stderr.once("data", (text: Buffer) => resolve(Number(text.toString()))),
    );
    const line = await new Promise<string>((resolve) =>
      parent.stdout.once("data", (text: Buffer) => resolve(text.toString())),
    );
    expect(line).toMatch(/^1\|6\|unix\|.*\|grpc\|$/m);
    parent.kill("SIGKILL");
    await until("the provider to be gone", () => Promise.resolve(!isAlive(pid) || undefined));
    expect(existsSync(line.split("|")[3] ?? "")).toBe(false);
  });

  test("says what is wrong without a control plane; ends when who started it asks it to", async () => {
    const home = openHome();
    const plugin = await started(home);
    await plugin.configure(valueOf({ home: home.path }, plugin.provider.type) as Members);
    const volume = target(plugin, "tutti_volume");
    const wrong = config(volume, { name: "No", spec: { size: "much" } });
    expect((await validate(volume, wrong, false)).map(({ path }) => path)).toEqual([
      ["name"],
      ["spec", "size"],
    ]);
    const wanted = config(volume, { name: "data" });
    const { diagnostics } = await apply(volume, NOTHING, await plan(volume, NOTHING, wanted), wanted);
    expect(diagnostics[0]?.summary).toContain(`No control plane runs in ${home.path}`);
    await plugin.close();
    expect(plugin.isRunning).toBe(false);
  });
});

// It is in no package of Debian's and not on npm, so not every machine that runs the tests can have it.
describe.skipIf(!hasTerraform)("the real terraform (needs terraform on the PATH)", () => {
  class Root {
    readonly folder: string;
    readonly #env: NodeJS.ProcessEnv;

    constructor(home: TestHome) {
      this.folder = home.folder("root");
      const rc = join(this.folder, "cli.tfrc");
      writeFileSync(
        rc,
        `provider_installation {\n  dev_overrides { "tutti/tutti" = "${ROOT}" }\n  direct {}\n}\n`,
      );
      this.#env = { ...process.env, TF_CLI_CONFIG_FILE: rc, CHECKPOINT_DISABLE: "1", TUTTI_HOME: home.path };
    }

    declare(text: string): void {
      const head = `terraform {\n  required_providers {\n    tutti = { source = "tutti/tutti" }\n  }\n}\n`;
      writeFileSync(join(this.folder, "main.tf"), head + text);
    }

    /** Its exit code and what it said. */
    async run(...args: readonly string[]): Promise<{ readonly code: number | null; readonly said: string }> {
      const child = spawn("terraform", [...args, "-no-color"], { cwd: this.folder, env: this.#env });
      let said = "";
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text: string) => (said += text));
      const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
      return { code, said };
    }
  }

  const plans = ["plan", "-detailed-exitcode"] as const;
  const applies = ["apply", "-auto-approve"] as const;

  test("applies with what another provider gives, finds no changes, sees drift, imports and destroys", async () => {
    const home = await served();
    const root = new Root(home);
    root.declare(`
resource "terraform_data" "count" { input = 2 }
resource "tutti_secret" "key" {
  name        = "key"
  string_data = { token = "from-terraform" }
  generate    = { salt = {} }
}
resource "tutti_volume" "files" {
  name = "files"
  spec = { retain = terraform_data.count.output < 5 }
}
resource "tutti_service" "api" {
  name = "api"
  spec = {
    command  = ["sleep", "1000"]
    replicas = terraform_data.count.output
    env      = { TOKEN = "$\${secret.\${tutti_secret.key.name}.token}", FILES = tutti_volume.files.path }
    probes   = { readiness = { command = ["true"] } }
  }
}
data "tutti_service" "api" { name = tutti_service.api.name }
output "made" { value = [tutti_service.api.replicas, data.tutti_service.api.spec.replicas] }
`);
    const made = await root.run(...applies);
    expect(made).toMatchObject({ code: 0, said: expect.stringContaining("4 added") as string });
    expect(made.said).not.toContain("from-terraform");
    expect(await root.run("state", "rm", "tutti_volume.files")).toMatchObject({ code: 0 });
    expect(await root.run("import", "tutti_volume.files", "default/files")).toMatchObject({ code: 0 });
    expect(await root.run(...plans)).toMatchObject({ code: 0 });

    await home.client().remove(VOLUME, "files");
    await home.ok(["scale", "service/api", "1"]);
    await until("the volume to be gone", async () => (await home.get("Volume/files")) === undefined);
    expect(await root.run(...applies)).toMatchObject({
      code: 0,
      said: expect.stringContaining("1 added, 1 changed") as string,
    });
    expect(await root.run("destroy", "-auto-approve")).toMatchObject({ code: 0 });
    expect(await home.get("Service/api")).toBeUndefined();
  });

  test("brings a whole System up from its declaration, shows each step, follows changes, and takes it down", async () => {
    const home = await served();
    const root = new Root(home);
    const declaration = (more: string): string => `
resource "terraform_data" "name" { input = "files" }
resource "tutti_system" "shop" {
  name        = "shop"
  declaration = <<-EOT
    kind: System
    metadata: { name: shop }
    spec:
      parameters: { volume: {} }
      outputs: { folder: "$\${volume.main.status.path}" }
    ---
    kind: Volume
    metadata: { name: main, labels: { of: "$\${param.volume}" } }
    ${more}
  EOT
  values = { volume = terraform_data.name.output }
}
output "folder" { value = tutti_system.shop.outputs.folder }
`;
    root.declare(declaration(""));
    expect(await root.run(...applies)).toMatchObject({
      code: 0,
      said: expect.stringContaining("volumes/default/main") as string,
    });
    expect(await root.run(...plans)).toMatchObject({ code: 0 });
    root.declare(declaration("---\n    kind: Volume\n    metadata: { name: more }"));
    const grown = await root.run(...plans);
    expect(grown).toMatchObject({
      code: 2,
      said: expect.stringContaining("create volume/more") as string,
    });
    expect(await root.run("destroy", "-auto-approve")).toMatchObject({ code: 0 });
    expect(await home.get("Volume/main")).toBeUndefined();
  });

  test("says what is wrong where it stands, and that there is no control plane", async () => {
    const home = openHome();
    const root = new Root(home);
    root.declare(`resource "tutti_service" "api" {\n  name = "api"\n  spec = { replicas = -1 }\n}\n`);
    const wrong = await root.run("validate");
    expect(wrong).toMatchObject({
      code: 1,
      said: expect.stringContaining("spec.replicas: It") as string,
    });
    root.declare(`resource "tutti_volume" "v" { name = "v" }\n`);
    const away = await root.run(...applies);
    expect(away.said).toContain("No control plane runs");
    expect(away.said).toContain("tutti serve");
  });
});
