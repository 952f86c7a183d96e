import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Here, everythingIn, keyring, openHere, readSecret } from "./fixtures/here.ts";
import { terraformSteps } from "./terraform.ts";

// No package of Debian has it, so not every machine that runs the tests can.
const isInstalled = spawnSync("terraform", ["version"]).status === 0;

let folder: string;
let here: Here;
let runs = 0;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tutti-terraform-"));
  mkdirSync(join(folder, "infra"));
  writeFileSync(join(folder, "infra", "main.tf"), CONFIGURATION);
  here = await openHere({
    folder,
    steps: ({ store, executions }) => ({
      terraform: terraformSteps({ store, keyring, executions, readSecret, scratch: join(folder, "scratch") }),
    }),
  });
});
afterEach(async () => {
  await here.close();
  rmSync(folder, { recursive: true, force: true });
});

const CONFIGURATION = `
variable "count_of" { type = number }
variable "names" {
  type    = map(string)
  default = {}
}
variable "password" {
  type      = string
  sensitive = true
  default   = "none"
}
resource "terraform_data" "host" {
  count = var.count_of
  input = "host-\${count.index}"
}
output "hosts" { value = terraform_data.host[*].output }
output "names" { value = var.names }
output "password" {
  value     = var.password
  sensitive = true
}
`;

const step = (more: object): object => ({ type: "terraform", directory: join(folder, "infra"), ...more });

async function run(steps: Readonly<Record<string, object>>): Promise<Record<string, unknown>> {
  const verdict = await here.run(steps, {}, `default/run-${++runs}`);
  return verdict as unknown as Record<string, unknown>;
}

it.skipIf(!isInstalled)(
  "plans, applies exactly that plan, gives outputs with their types, and destroys",
  async () => {
    const variables = { count_of: 2, names: { a: "${'$'}{not an expression}" } };
    const steps = {
      plan: step({ action: "plan", variables }),
      apply: step({ action: "apply", plan: "${step.plan.plan.file}", needs: ["plan"] }),
      output: step({ action: "output", needs: ["apply"] }),
      destroy: step({ action: "destroy", variables, needs: ["output"] }),
    };
    const { output } = (await run(steps)) as { output: Record<string, { outputs: object; plan: object }> };
    expect(output["plan"]?.plan).toMatchObject({
      add: 2,
      change: 0,
      remove: 0,
      resources: [
        { address: "terraform_data.host[0]", action: "create" },
        { address: "terraform_data.host[1]", action: "create" },
      ],
    });
    expect(output["apply"]?.plan).toMatchObject({ add: 2 });
    const outputs = {
      hosts: { type: ["tuple", ["string", "string"]], value: ["host-0", "host-1"], sensitive: false },
      names: { type: ["map", "string"], value: { a: "${not an expression}" }, sensitive: false },
      password: { type: "string", sensitive: true },
    };
    expect(output["apply"]?.outputs).toEqual(outputs);
    expect(output["output"]?.outputs).toEqual(outputs);
    expect(output["destroy"]?.plan).toMatchObject({ remove: 2 });
  },
);

it.skipIf(!isInstalled)("keeps secrets out of results, journal and logs, and of command lines", async () => {
  const variables = {
    count_of: 1,
    password: "${secret.stripe.key}",
    names: { token: "${secret.stripe.key}" },
  };
  expect(
    await run({
      apply: step({ action: "apply", variables }),
    }),
  ).toMatchObject({
    is: "succeeded",
    output: { apply: { outputs: { names: { value: { token: "(secret)" } } } } },
  });
  await here.logs.written();
  for (const place of ["journal", "logs", "blobs", "home", "scratch"])
    expect(existsSync(join(folder, place)) ? everythingIn(join(folder, place)) : "", place).not.toContain(
      "hunter2",
    );
  // Terraform's own state holds what it was given; that is where it belongs.
  expect(readFileSync(join(folder, "infra", "terraform.tfstate"), "utf8")).toContain("hunter2");
});

it.skipIf(!isInstalled)("works in a workspace, with settings of the backend", async () => {
  writeFileSync(join(folder, "infra", "backend.tf"), 'terraform {\n  backend "local" {}\n}\n');
  const more = {
    backend: { path: join(folder, "states", "one.tfstate"), workspace_dir: join(folder, "states") },
  };
  const verdict = await run({
    a: step({ action: "apply", variables: { count_of: 1 }, workspace: "blue", ...more }),
    b: step({ action: "apply", variables: { count_of: 3 }, workspace: "green", ...more, needs: ["a"] }),
    c: step({ action: "output", workspace: "blue", ...more, needs: ["b"] }),
  });
  expect(verdict).toMatchObject({ output: { c: { outputs: { hosts: { value: ["host-0"] } } } } });
  expect(readdirSync(join(folder, "states")).sort()).toEqual(["blue", "green"]);
});

it.skipIf(!isInstalled)("says what was wrong, in Terraform's words", async () => {
  expect(await run({ a: step({ action: "apply", variables: { count_of: "many" } }) })).toMatchObject({
    failure: {
      error: "TerraformFailed",
      message: expect.stringContaining("Invalid value for input variable") as string,
    },
  });
  writeFileSync(join(folder, "infra", "broken.tf"), "resource {");
  expect(await run({ a: step({ action: "plan", variables: { count_of: 1 } }) })).toMatchObject({
    failure: { error: "TerraformFailed", message: expect.stringContaining("broken.tf") as string },
  });
});

it.skipIf(!isInstalled)("refuses a plan when the state has moved since", async () => {
  const { output } = (await run({ plan: step({ action: "plan", variables: { count_of: 1 } }) })) as {
    output: { plan: { plan: { file: string } } };
  };
  await run({ a: step({ action: "apply", variables: { count_of: 2 } }) });
  const { file } = output.plan.plan;
  expect(
    await run({ a: step({ action: "apply", plan: file, retry: [{ errors: ["*"], attempts: 3 }] }) }),
  ).toMatchObject({
    failure: { class: "Terminal", error: "StalePlan" },
  });
});

it.skipIf(!isInstalled)(
  "makes a directory ready for one step at a time, whichever runs they are of",
  async () => {
    const apply = (workspace: string): object =>
      step({ action: "apply", variables: { count_of: 1 }, workspace });
    const verdicts = await Promise.all(["a", "b", "c"].map((name) => run({ [name]: apply(name) })));
    expect(verdicts.map(({ is }) => is)).toEqual(["succeeded", "succeeded", "succeeded"]);
  },
);

it.skipIf(!isInstalled)("keeps a plan until its run has ended, and no longer", async () => {
  const resource = {
    apiVersion: "tutti.dev/v1",
    kind: "Run",
    metadata: { name: `run-${runs + 1}`, namespace: "default" },
    spec: { workflow: "w" },
  };
  const cause = { actor: "test", action: "test" };
  await here.store.commit([{ type: "create", resource }], cause);
  const { output } = (await run({ a: step({ action: "plan", variables: { count_of: 1 } }) })) as {
    output: { a: { plan: { file: string } } };
  };
  expect(existsSync(output.a.plan.file)).toBe(true);
  const key = { kind: "Run", namespace: "default", name: resource.metadata.name };
  await here.store.commit([{ type: "status", key, status: { phase: "Succeeded" } }], cause);
  expect(existsSync(output.a.plan.file)).toBe(false);
});
