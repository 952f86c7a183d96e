/**
 * The programs by which a network is made, run in the network namespace that was named, or in that of the control plane.
 *
 *  - A program that was begun is not cut off: it ends by itself, in milliseconds or by its own limit of time.
 *  - What listens (`listen`) hangs on a pipe of this process and ends with it, however that ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { TerminalError } from "../../provider/provider.ts";

export interface CommandSettings {
  /** Network namespace by its name (`ip netns`); that of the control plane when absent. */
  readonly namespace?: string;
}

/** Why a program did not do it: its last line. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
}

const PACKAGES: Readonly<Record<string, string>> = {
  ip: "iproute2",
  "ovs-vsctl": "openvswitch-switch",
};

const ENVIRONMENT = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };

export class Commands {
  readonly #within: readonly string[];

  constructor({ namespace }: CommandSettings) {
    this.#within = namespace === undefined ? [] : ["ip", "netns", "exec", namespace];
  }

  /** Its output. Rejects with CommandFailed, or with TerminalError where there is no such program. */
  run(command: readonly string[], signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const [program = "", ...args] = [...this.#within, ...command];
      const child = spawn(program, args, {
        env: { ...ENVIRONMENT, ...runFolder() },
        cwd: "/",
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
      });
      const output = { stdout: "", stderr: "" };
      for (const stream of ["stdout", "stderr"] as const)
        child[stream].setEncoding("utf8").on("data", (text: string) => (output[stream] += text));
      const aborted = (): void => reject(signal.reason as Error);
      signal.addEventListener("abort", aborted, { once: true });
      child.once("error", () => reject(programMissing(program)));
      child.once("close", (code, ending) => {
        signal.removeEventListener("abort", aborted);
        if (code === 0) resolve(output.stdout);
        else if (/exec of .* failed: No such file/.test(output.stderr))
          reject(programMissing(command[0] ?? ""));
        else reject(new CommandFailed(reasonOf(command[0] ?? "", output.stderr, code ?? ending)));
      });
    });
  }

  /** `told` is called with what it prints, `ended` once when it has ended by itself. Gives how it is ended. */
  listen(command: readonly string[], told: (text: string) => void, ended: () => void): () => void {
    // The shell waits for the end of its input, which is the end of this process, or of the listening.
    const script = '"$@" </dev/null & child=$!; read -r _; kill $child';
    const words = ["sh", "-c", `(${script}) & wait`, "sh", ...this.#within, ...command];
    return listening(words, told, ended);
  }
}

function listening(
  [program = "", ...args]: readonly string[],
  told: (text: string) => void,
  ended: () => void,
): () => void {
  const child: ChildProcess = spawn(program, args, {
    env: { ...ENVIRONMENT, ...runFolder() },
    cwd: "/",
    detached: true,
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin?.on("error", () => undefined);
  child.stdout?.setEncoding("utf8").on("data", told);
  child.once("error", () => ended());
  // Its output, not the shell, tells that it has ended: nobody else holds it.
  child.stdout?.once("close", () => ended());
  child.unref();
  return () => {
    child.stdin?.destroy();
    child.stdout?.destroy();
  };
}

/** Where Open vSwitch's own programs are told to look. */
function runFolder(): Readonly<Record<string, string>> {
  const folder = process.env["OVS_RUNDIR"];
  return folder === undefined ? {} : { OVS_RUNDIR: folder };
}

export function programMissing(program: string): TerminalError {
  const name = PACKAGES[program];
  return new TerminalError({
    code: "ProgramMissing",
    path: "spec.class",
    message: `There is no program '${program}' on this machine, with which networks of class bridge are made.`,
    ...(name === undefined ? {} : { hint: `Install it: apt-get install ${name}.` }),
  });
}

function reasonOf(program: string, stderr: string, code: number | string | null): string {
  const line = stderr.trim().split("\n").at(-1)?.trim() ?? "";
  return line === "" ? `${program} ended with ${code ?? "a signal"}` : line.replace(/\.$/, "");
}
