/** The program that Terraform starts (`terraform-provider-tutti`): its way to the control plane is that of the command line. */
import type { Client } from "../client/client.ts";
import { createClient } from "../client/http-client.ts";
import { systemClock } from "../clock/clock.ts";
import { refuse } from "../diagnostics/diagnostic.ts";
import { type Configured, terraformProvider } from "../terraform-provider/index.ts";
import { accessTo } from "./access.ts";
import { fileDialects } from "./file-dialects.ts";
import { StateFolder } from "./home.ts";

/** Resolves with the exit code. */
export function serveTerraform(): Promise<number> {
  const { env, stdout, stderr } = process;
  return terraformProvider({
    connect,
    env,
    stdout,
    stderr,
    now: () => systemClock.now(),
    dialects: fileDialects,
  });
}

async function connect({ home, url, token }: Configured): Promise<Client> {
  const folder = StateFolder.locate(home, process.env);
  if (url !== undefined) return createClient({ url, token: token ?? tokenFor(folder, url) });
  const client = await accessTo(folder).connect();
  return (
    client ??
    refuse({
      code: "NoControlPlane",
      message: `No control plane runs in ${folder.path}.`,
      hint: "Start one with 'tutti serve', or say which one in the provider's configuration: home, or url and token.",
    })
  );
}

function tokenFor(folder: StateFolder, url: string): string {
  const given = process.env["TUTTI_TOKEN"];
  if (given !== undefined && given !== "") return given;
  if (folder.hasToken()) return folder.token();
  return refuse({
    code: "NoToken",
    path: "token",
    message: `There is no token for the control plane at ${url}.`,
    hint: "Set token in the provider's configuration, or TUTTI_TOKEN.",
  });
}
