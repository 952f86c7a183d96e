/** The program `terraform-provider-tutti`: Terraform starts it and asks, a control plane does. */
import { COOKIE } from "../terraform/handshake.ts";
import type { FileDialect } from "../sdk/load/dialect.ts";
import { type ProviderOptions, tuttiProvider } from "./provider.ts";
import { servePlugin } from "./server.ts";

export type { Configured } from "./configuration.ts";

export interface ProgramOptions extends Pick<ProviderOptions, "connect"> {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly now: () => number;
  /** Of other tools' files in the declaration of a System. */
  readonly dialects: readonly FileDialect[];
}

/** Resolves with the exit code when Terraform has no more use for it. */
export async function terraformProvider({
  connect,
  env,
  stdout,
  stderr,
  now,
  dialects,
}: ProgramOptions): Promise<number> {
  if (env[COOKIE.name] !== COOKIE.value) {
    stderr.write(
      "This is a provider that Terraform starts by itself. To make it known to Terraform: tutti terraform install\n",
    );
    return 1;
  }
  const log = (level: string, message: string): void => {
    const entry = { "@level": level, "@message": message, "@timestamp": new Date(now()).toISOString() };
    stderr.write(`${JSON.stringify(entry)}\n`);
  };
  const provider = tuttiProvider({
    connect,
    log: (message) => log("info", message),
    loading: { env, dialects },
  });
  await servePlugin({
    answers: provider.answers,
    env,
    say: (line) => stdout.write(`${line}\n`),
    onFault: (call, error) =>
      log("error", `${call}: ${error instanceof Error ? error.message : String(error)}`),
    onEnd: () => provider.stop(),
    now: now(),
  });
  return 0;
}
