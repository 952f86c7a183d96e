/** The program: `tutti`. Puts the real terminal and the real control plane behind the command line. */
import { join } from "node:path";
import { systemClock } from "../clock/clock.ts";
import { run } from "../cli/run.ts";
import { accessTo } from "./access.ts";
import { fileDialects } from "./file-dialects.ts";
import { StateFolder } from "./home.ts";
import { VERSION } from "./version.ts";

// Started by Terraform, not by people: the executable `terraform-provider-tutti`.
if (process.argv[2] === "terraform-provider")
  process.exit(await (await import("./terraform-provider.ts")).serveTerraform());

process.exitCode = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  version: VERSION,
  clock: systemClock,
  onInterrupt: (listener) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, listener);
    return () => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, listener);
    };
  },
  files: fileDialects,
  dialects: async () => (await import("./workflow-dialects.ts")).loadDialects(),
  providerPackages: async () => {
    const { ProviderInspection } = await import("../providers/terraform/inspection.ts");
    const folder = join(StateFolder.locate(undefined, process.env).path, "terraform");
    return new ProviderInspection({ folder, clock: systemClock, env: process.env });
  },
  controlPlane: (home) => accessTo(StateFolder.locate(home, process.env)),
});
