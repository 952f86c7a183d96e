import { spawn } from "node:child_process";

/** One short command run to its end. Its input, not its arguments, is the place for anything secret (I10). */
export type CommandResult =
  | { readonly kind: "ended"; readonly code: number; readonly output: string }
  | { readonly kind: "failed"; readonly error: string };

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Kills it when aborted; it has failed then. */
  readonly signal?: AbortSignal;
}

export const plainEnvironment = { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" } as const;
const keptOutput = 16_384;

/** Runs a command and gathers the end of both its streams. Never rejects. */
export function run(command: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  return new Promise((resolve) => {
    const [program, ...args] = command;
    const child = spawn(program!, args, {
      cwd: options.cwd ?? "/",
      env: options.env ?? plainEnvironment,
      stdio: ["pipe", "pipe", "pipe"],
      ...(options.user === undefined ? {} : options.user),
      ...(options.signal === undefined ? {} : { signal: options.signal, killSignal: "SIGKILL" }),
    });
    let output = "";
    const gather = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-keptOutput);
    };
    child.stdout.on("data", gather);
    child.stderr.on("data", gather);
    child.stdin.on("error", () => {}); // it ended without reading
    child.once("error", (error: NodeJS.ErrnoException) =>
      resolve({ kind: "failed", error: error.code ?? error.message }),
    );
    child.once("close", (code, signal) =>
      resolve({
        kind: "ended",
        code: code ?? 1,
        output: signal === null ? output : `${output}\nended by ${signal}`,
      }),
    );
    child.stdin.end(options.input ?? "");
  });
}
