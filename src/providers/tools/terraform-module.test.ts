/** What becomes of a root module of Terraform that is one Resource: planned, made, changed, found otherwise, refused, removed. */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it as always } from "vitest";
import { REQUESTS } from "../../model/resource.ts";
import { UNKNOWN } from "../../provider/provider.ts";
import { ToolHouse } from "./fixtures/tool-house.ts";

// No package of Debian has it, so not every machine that runs the tests can: needs terraform on the PATH.
const isInstalled = spawnSync("terraform", ["version"]).status === 0;
const it = always.skipIf(!isInstalled);

const MODULE = `
variable "size" { type = number }
variable "names" {
  type    = list(string)
  default = ["a"]
}
variable "password" {
  type    = string
  default = "none"
}
resource "terraform_data" "host" {
  for_each         = toset(var.names)
  input            = var.size
  triggers_replace = [length(var.password)]
}
output "sizes" { value = { for name, host in terraform_data.host : name => host.output } }
output "workspace" { value = terraform.workspace }
output "url" { value = "postgres://app:\${var.password}@db/app" }
output "token" {
  value     = "token-of-\${var.password}"
  sensitive = true
}
`;

let house: ToolHouse;
let module: string;
beforeEach(() => {
  house = new ToolHouse(mkdtempSync(join(tmpdir(), "tutti-module-")), "terraform-module");
  module = join(house.folder, "infra");
  mkdirSync(module);
  writeFileSync(join(module, "main.tf"), MODULE);
});
afterEach(() => rmSync(house.folder, { recursive: true, force: true }));

const config = (more: object = {}): Readonly<Record<string, unknown>> => ({ source: "infra", ...more });

it("is planned, made exactly so, and puts out what it yields", async () => {
  const declared = config({ variables: { size: 2, names: ["a", "b"] } });
  expect(await house.plan(declared)).toEqual({
    changes: [
      { path: 'terraform_data.host["a"]', after: "made" },
      { path: 'terraform_data.host["b"]', after: "made" },
      { path: "status.output.sizes", unknown: true },
      { path: "status.output.token", after: expect.any(String) as string, secret: true },
      { path: "status.output.url", after: "postgres://app:none@db/app" },
      { path: "status.output.workspace", after: "default" },
    ],
  });
  expect(await house.ensure(declared)).toMatchObject({ ready: true });
  expect(house.output).toMatchObject({ sizes: { a: 2, b: 2 }, workspace: "default", token: "token-of-none" });
  expect(house.told.join("\n")).toContain('terraform_data.host["a"]: Creation complete');
  // Nothing of it stands in the module's folder, and what it holds is its owner's alone.
  expect(readdirSync(module)).toEqual(["main.tf"]);
  expect(statSync(join(house.state, "terraform", "state", house.uid)).mode & 0o777).toBe(0o700);
});

it("is changed as it was shown, attribute by attribute, and what is lost is said", async () => {
  await house.ensure(config({ variables: { size: 1, names: ["a", "b"] } }));
  const smaller = config({ variables: { size: 2 } });
  expect(await house.plan(smaller)).toMatchObject({
    changes: [
      { path: 'terraform_data.host["a"].input', before: 1, after: 2 },
      { path: 'terraform_data.host["a"].output', before: 1, unknown: true },
      { path: 'terraform_data.host["b"]', before: "there", after: "destroyed" },
      { path: "status.output.sizes", unknown: true },
    ],
    remarks: ['In the module, terraform_data.host["b"] is destroyed.'],
  });
  await house.ensure(smaller);
  expect(house.output).toMatchObject({ sizes: { a: 2 } });
});

it("destroys nothing that was not shown, until it is asked to once more", async () => {
  await house.ensure(config({ variables: { size: 1, names: ["a", "b"] } }));
  const smaller = config({ variables: { size: 1 } });
  const refusal = {
    diagnostic: {
      code: "NotForeseen",
      message: expect.stringContaining('delete terraform_data.host["b"]') as string,
    },
  };
  await expect(house.ensure(smaller)).rejects.toMatchObject(refusal);
  await expect(house.ensure(smaller)).rejects.toMatchObject(refusal);
  house.annotations = { [REQUESTS.retry]: "1" };
  await house.ensure(smaller);
  expect(house.output).toMatchObject({ sizes: { a: 1 } });
});

it("whose state has moved since the plan is planned again, and does no more than was shown", async () => {
  await house.ensure(config({ variables: { size: 1, names: ["a", "b"] } }));
  const smaller = config({ variables: { size: 1 } });
  await house.plan(smaller);
  house.terraform("taint", 'terraform_data.host["a"]');
  await expect(house.ensure(smaller)).rejects.toMatchObject({
    diagnostic: {
      code: "NotForeseen",
      message: expect.stringContaining('replace terraform_data.host["a"]') as string,
    },
  });
  await house.plan(smaller);
  await house.ensure(smaller);
  expect(house.output).toMatchObject({ sizes: { a: 1 } });
});

it("is not applied from other files than were planned", async () => {
  const declared = config({ variables: { size: 1 } });
  const digest = await house.pin(declared);
  writeFileSync(join(module, "main.tf"), MODULE.replace("var.size", "10 * var.size"));
  await expect(house.ensure(declared, digest)).rejects.toMatchObject({
    diagnostic: { code: "FilesChanged" },
  });
  const other = await house.pin(declared);
  expect(other).not.toBe(digest);
  await house.ensure(declared, other);
  expect(house.output).toMatchObject({ sizes: { a: 10 } });
  expect(await house.pin(declared)).toBe(other);
});

it("of which others took something away has drifted, and gets it back", async () => {
  const declared = config({ variables: { size: 1, names: ["a", "b"] } });
  expect(await house.observe(declared)).toBeUndefined();
  await house.ensure(declared);
  expect((await house.observe(declared))?.actual).toEqual({ config: declared });
  house.terraform("state", "rm", 'terraform_data.host["b"]');
  expect((await house.observe(declared))?.actual).toEqual({
    config: declared,
    'terraform_data.host["b"]': "gone",
  });
  await house.ensure(declared);
  expect((await house.observe(declared))?.actual).toEqual({ config: declared });
});

it("shows no secret: they are sealed in outputs and plans, and in no command line, event or error", async () => {
  const password = house.keyring.seal("hunter2-hunter2");
  const declared = config({ variables: { size: 1, password } });
  const shown = JSON.stringify(await house.plan(declared));
  await house.ensure(declared);
  const { url, token } = house.output;
  expect([url, token]).toEqual(["postgres://app:hunter2-hunter2@db/app", "token-of-hunter2-hunter2"]);
  const wrong = config({ variables: { size: 1, names: { first: password }, password } });
  const error = await house.plan(wrong).catch(String);
  expect([shown, JSON.stringify(house.status), house.told.join(), String(error)].join()).not.toContain(
    "hunter2",
  );
  expect(String(error)).toContain("Invalid value for input variable");
});

it("keeps its state where its backend does, in its workspace, and is made anew in another", async () => {
  writeFileSync(join(module, "backend.tf"), 'terraform {\n  backend "local" {}\n}\n');
  const backend = { path: join(house.folder, "one.tfstate"), workspace_dir: join(house.folder, "states") };
  const declared = config({ variables: { size: 1 }, backend, workspace: "blue" });
  await house.ensure(declared);
  expect(house.output).toMatchObject({ workspace: "blue" });
  expect(existsSync(join(house.folder, "states", "blue", "terraform.tfstate"))).toBe(true);
  const other = config({ variables: { size: 1 }, backend, workspace: "green" });
  expect(await house.plan(other)).toMatchObject({ replaceBecause: ["spec.config.workspace"] });
  await expect(house.ensure(other)).rejects.toMatchObject({ diagnostic: { code: "NeedsReplacement" } });
});

it("goes on with a state file that is there, and does not overlook one", async () => {
  writeFileSync(join(house.folder, "vars.json"), '{"size": 1}');
  const here = { cwd: module, env: { ...process.env, TF_DATA_DIR: join(house.folder, "own") } };
  const flags = ["-input=false", "-auto-approve", `-var-file=${join(house.folder, "vars.json")}`];
  expect(spawnSync("terraform", ["init", "-input=false"], here).status).toBe(0);
  expect(spawnSync("terraform", ["apply", ...flags], here).status).toBe(0);
  expect(await house.obstacles(config({ variables: { size: 1 } }))).toMatchObject([
    { code: "StateElsewhere" },
  ]);
  const declared = config({ variables: { size: 1 }, state: "infra/terraform.tfstate" });
  expect(await house.obstacles(declared)).toEqual([]);
  expect(await house.plan(declared)).toEqual({});
  await house.ensure(declared);
  expect(house.told).toEqual([]);
});

it("waits with its plan for variables that are not known, and refuses what it does not understand", async () => {
  expect(await house.plan(config({ variables: { size: UNKNOWN } }))).toMatchObject({
    remarks: [expect.stringContaining("when all its variables are known")],
  });
  expect(await house.obstacles(config({ sorce: "x" }))).toMatchObject([{ code: "InvalidConfig" }]);
  expect(await house.obstacles(config({ source: "nowhere" }))).toMatchObject([{ code: "ModuleMissing" }]);
  writeFileSync(join(module, "broken.tf"), "resource {");
  await expect(house.plan(config({ variables: { size: 1 } }))).rejects.toMatchObject({
    diagnostic: { code: "TerraformFailed", message: expect.stringContaining("broken.tf") as string },
  });
});

it("that is told to stop writes down what it has made, and goes on from there", async () => {
  writeFileSync(
    join(module, "slow.tf"),
    `resource "terraform_data" "slow" {
  depends_on = [terraform_data.host]
  provisioner "local-exec" { command = "touch ${house.folder}/begun; until [ -e ${house.folder}/go ]; do sleep 0.05; done" }
}`,
  );
  const declared = config({ variables: { size: 1 } });
  const stop = new AbortController();
  const making = house.ensure(declared, undefined, stop.signal);
  await house.until(() => existsSync(join(house.folder, "begun")));
  stop.abort(new Error("stopped"));
  writeFileSync(join(house.folder, "go"), "");
  await expect(making).rejects.toThrow("stopped");
  expect(readFileSync(house.stateFile, "utf8")).toContain('"name": "host"');
  await house.ensure(declared);
  expect(house.terraform("state", "list").trim().split("\n")).toEqual([
    'terraform_data.host["a"]',
    "terraform_data.slow",
  ]);
});

it("is destroyed, and what is not there is removed already", async () => {
  const declared = config({ variables: { size: 1 } });
  await house.ensure(declared);
  await house.remove(declared);
  expect(house.told.at(-1)).toContain("Destruction complete");
  expect(readdirSync(join(house.state, "terraform", "state"))).toEqual([]);
  await house.remove(declared);
});
