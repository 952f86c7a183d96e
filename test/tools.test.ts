/** A root module of Terraform as one Resource of a System, with the real command line. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PROGRAMS, ROOT, conditionOf } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { processesOf } from "./support/processes.ts";
import { until } from "./support/until.ts";

// No package of Debian has it, so not every machine that runs the tests can: needs terraform on the PATH.
const isInstalled = spawnSync("terraform", ["version"]).status === 0;

const MODULE = `
variable "region" { type = string }
variable "password" { type = string }
variable "zones" { type = list(string) }
resource "terraform_data" "zone" {
  for_each = toset(var.zones)
  input    = "\${var.region}-\${each.key}"
}
output "zones" { value = [for zone in terraform_data.zone : zone.output] }
output "first" { value = terraform_data.zone[var.zones[0]].output }
output "url" {
  value     = "db://app:\${var.password}@\${var.region}"
  sensitive = true
}
`;

test.skipIf(!isInstalled)(
  "a module is planned in ours, gives a service its environment, is changed, goes on after a crash, and is destroyed",
  async () => {
    const home = openHome();
    const folder = home.folder("system");
    const module = join(home.folder("system/infra"), "main.tf");
    writeFileSync(module, MODULE);
    const declare = (zones: readonly string[]): string =>
      home.declare(
        [
          { kind: "Secret", metadata: { name: "db" }, generate: { password: {} } },
          {
            kind: "Resource",
            metadata: { name: "place" },
            spec: { class: "data", config: { region: "north" } },
          },
          {
            kind: "Resource",
            metadata: { name: "infra" },
            spec: {
              class: "terraform-module",
              config: {
                source: "infra",
                variables: {
                  region: "${resource.place.status.output.region}",
                  password: "${secret.db.password}",
                  zones,
                },
              },
            },
          },
          {
            kind: "Service",
            metadata: { name: "web" },
            spec: {
              command: [process.execPath, join(PROGRAMS, "server.ts")],
              env: {
                ZONE: "${resource.infra.status.output.first}",
                URL: "${resource.infra.status.output.url}",
              },
              ports: [{ name: "http" }],
            },
          },
        ]
          .map((one) => JSON.stringify(one))
          .join("\n---\n"),
      );
    declare(["a", "b"]);
    await home.ok(["up", folder, "--yes"]);
    const env = async (name: string): Promise<string> =>
      (await home.ok(["exec", "service/web", "--", "printenv", name])).trim();
    expect(await env("ZONE")).toBe("north-a");
    expect(await env("URL")).toMatch(/^db:\/\/app:.+@north$/);
    expect(JSON.stringify(await home.get("Resource/infra"))).not.toContain("db://app");

    declare(["b"]);
    const plan = await home.tutti(["plan", folder]);
    expect(plan.stdout).toMatch(/terraform_data\.zone\["a"\]\s+"there" -> "destroyed"/);
    expect(plan.stderr).toContain('In the module, terraform_data.zone["a"] is destroyed.');
    await home.ok(["up", folder, "--yes"]);
    expect(await env("ZONE")).toBe("north-b");

    const [begun, go] = [join(home.folder("marks"), "begun"), join(home.folder("marks"), "go")];
    const slow = `touch ${begun}; until [ -e ${go} ]; do sleep 0.05; done`;
    writeFileSync(
      module,
      `${MODULE}\nresource "terraform_data" "slow" {\n  provisioner "local-exec" { command = "${slow}" }\n}\n`,
    );
    // Another file is another plan.
    expect(await home.ok(["plan", folder])).toMatch(/terraform_data\.slow\s+"made"/);
    const running = home.start(["up", folder, "--yes"]);
    await until("the module is being applied", () => existsSync(begun));
    await home.killControlPlane();
    running.child.kill("SIGKILL");
    await until("terraform has stopped", () =>
      processesOf(home.path).every(({ command }) => !command.includes("terraform")),
    );
    writeFileSync(go, "");
    await home.serve();
    await until("it has gone on", async () => {
      const infra = await home.get("Resource/infra");
      const { observedGeneration } = infra?.status ?? {};
      return (
        conditionOf(infra, "Ready")?.status === "True" && observedGeneration === infra?.metadata.generation
      );
    });
    await home.ok(["down", "system", "--yes"]);
    expect(await home.ok(["events"])).toContain("Destruction complete");
  },
);

test.skipIf(!isInstalled)(
  "a module destroys what no plan has shown only when it is applied again",
  async () => {
    const home = openHome();
    writeFileSync(
      join(home.folder("system/infra"), "main.tf"),
      'resource "terraform_data" "only" {}\noutput "id" { value = terraform_data.only.id }\n',
    );
    const folder = home.declare(
      JSON.stringify({
        kind: "Resource",
        metadata: { name: "infra" },
        spec: {
          class: "terraform-module",
          config: { source: "infra" },
          lifecycle: { drift: { every: "1s" } },
        },
      }),
    );
    await home.ok(["up", folder, "--yes"]);
    const made = await home.get("Resource/infra");
    expect(made?.spec["digest"]).toMatch(/^sha256:/);
    const state = join(home.path, "tools/terraform/state", made?.metadata.uid ?? "", "terraform.tfstate");
    execFileSync("terraform", ["taint", `-state=${state}`, "terraform_data.only"], { stdio: "pipe" });
    const refused = await until("it is refused", async () => {
      const ready = conditionOf(await home.get("Resource/infra"), "Ready");
      return ready?.reason === "NotForeseen" ? ready : undefined;
    });
    expect(refused.message).toContain("replace terraform_data.only");
    const again = await home.tutti(["up", folder, "--yes"]);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stderr).toContain("In the module, terraform_data.only is destroyed and made anew.");
    const { output } = (await home.get("Resource/infra"))?.status ?? {};
    expect(output.id).not.toBe(made?.status?.["output"].id);
  },
);

test("the guide shows declarations that are planned without a complaint", async () => {
  const home = openHome();
  const folder = home.folder("system");
  writeFileSync(join(home.folder("system/infra"), "main.tf"), GUIDED);
  for (const name of ["site", "undo"])
    writeFileSync(join(home.folder("system/ansible"), `${name}.yaml`), "- { hosts: all, tasks: [] }");
  const guide = readFileSync(join(ROOT, "docs/guides/tools.md"), "utf8");
  const examples = [...guide.matchAll(/^```yaml (module|playbook)\n([\s\S]*?)^```$/gm)];
  expect(examples.map(([, name]) => name)).toEqual(["module", "playbook"]);
  for (const [, name, text = ""] of examples) {
    // Only the module needs what not every machine has.
    if (name === "module" && !isInstalled) continue;
    home.declare(text.replace("/srv/states", home.path));
    expect(await home.tutti(["plan", folder]), name).toMatchObject({ code: 0 });
  }
});

const GUIDED = `
terraform {
  backend "local" {}
}
variable "region" {}
variable "password" {}
output "url" { value = "db://\${var.region}" }
`;
