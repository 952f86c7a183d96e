/** The system's own programs that volumes are made with: cp, mount, mkfs. Nothing secret is in their arguments. */
import { spawn } from "node:child_process";

/** Why a program did not do it: its last line. */
export class ProgramFailure extends Error {
  readonly code: number | undefined;

  constructor(message: string, code: number | undefined) {
    super(message);
    this.name = "ProgramFailure";
    this.code = code;
  }
}

const ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" } as const;
const KEPT_OUTPUT = 16_384;

/**
 * Runs it to its end and gives its output. Rejects with ProgramFailure. Aborted, it rejects at once and leaves the program to
 * end by itself: what it holds (a frozen filesystem) it gives back.
 */
export function program(
  name: string,
  args: readonly string[],
  { signal, accepts = [0] }: { readonly signal?: AbortSignal; readonly accepts?: readonly number[] } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    // A group of its own: Ctrl-C is not for it.
    const child = spawn(name, args, {
      env: ENVIRONMENT,
      cwd: "/",
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        output[stream] = (output[stream] + text).slice(-KEPT_OUTPUT);
      });
    const aborted = (): void => reject(signal?.reason as Error);
    signal?.addEventListener("abort", aborted, { once: true });
    child.once("error", (error: NodeJS.ErrnoException) =>
      reject(new ProgramFailure(`${name} cannot be run (${error.code ?? error.message})`, undefined)),
    );
    child.once("close", (code) => {
      signal?.removeEventListener("abort", aborted);
      if (code !== null && accepts.includes(code)) resolve(output.stdout);
      else reject(new ProgramFailure(reasonOf(name, output, code), code ?? undefined));
    });
  });
}

function reasonOf(
  name: string,
  { stdout, stderr }: { readonly stdout: string; readonly stderr: string },
  code: number | null,
): string {
  const line = (stderr.trim() || stdout.trim()).split("\n").at(-1)?.trim() ?? "";
  return line === "" ? `${name} ended with ${code ?? "a signal"}` : line.replace(/\.$/, "");
}
