import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { plainEnvironment } from "../run.ts";

/**
 * PGlite: PostgreSQL compiled to WebAssembly, served on a port by a process of ours (pglite-main.ts). It takes the
 * place of the real server only where that one's programs do not run.
 */
export const pgliteCapabilities = {
  durable: false,
  concurrentTransactions: false,
  authentication: false,
  note: "PGlite is not durable: it never syncs its files, so a power loss can take every acknowledged row. All connections share one session: one statement or transaction at a time, and SET or LISTEN of one is seen by the others. Any password is accepted, on 127.0.0.1 only. There is one database: every name leads to it.",
} as const;

export interface PgliteOptions {
  readonly dataFolder: string;
  readonly port: number;
}

/** The command for the supervisor; it ends cleanly on SIGTERM. Readiness is asked with `checkReady` as for the real one. */
export function pgliteCommand(options: PgliteOptions): {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
} {
  const main = fileURLToPath(new URL("./pglite-main.ts", import.meta.url));
  // In the published package the JavaScript made of it stands beside.
  const file = import.meta.url.endsWith(".ts") ? main : main.replace(/\.ts$/, ".js");
  const program = [process.execPath, "--disable-warning=ExperimentalWarning", file];
  return {
    command: [...program, "--data", join(options.dataFolder, "pglite"), "--port", String(options.port)],
    env: plainEnvironment,
    cwd: "/",
  };
}
