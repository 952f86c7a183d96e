/** A command beside an instance, in its container: with its environment, folder and user. */
import { type Duplex, PassThrough } from "node:stream";
import { type ExecSession, TerminalError } from "../../provider/provider.ts";
import type { Containers } from "./containers.ts";
import { reasonOf, statusOf } from "./errors.ts";
import { frames } from "./frames.ts";

/** Both come over one connection: who reads one of them to its end first must not be held up by the other. */
const BUFFERED = { highWaterMark: 1024 * 1024 };
/** What a shell says of a command that was killed. */
const KILLED = 137;

export async function execIn(
  containers: Containers,
  name: string,
  command: readonly string[],
  options: { readonly tty: boolean; readonly stdin: boolean },
  signal: AbortSignal,
): Promise<ExecSession> {
  let started: { readonly id: string; readonly stream: Duplex };
  try {
    started = await containers.exec(name, command, options, signal);
  } catch (error) {
    throw execError(error, command);
  }
  const { id, stream } = started;
  const stdout = new PassThrough(BUFFERED);
  const stderr = new PassThrough(BUFFERED);
  let isKilled = false;
  const kill = (): void => {
    isKilled = true;
    void killCommand(containers, id).finally(() => stream.destroy());
  };
  const aborted = (): void => kill();
  if (signal.aborted) aborted();
  signal.addEventListener("abort", aborted, { once: true });
  const exitCode = carry(stream, options.tty, stdout, stderr)
    .then(async () => (isKilled ? KILLED : ((await containers.execState(id))?.ExitCode ?? KILLED)))
    .finally(() => signal.removeEventListener("abort", aborted));
  exitCode.catch(() => {});
  if (!options.stdin) stream.end();
  return {
    stdout,
    stderr,
    write: (bytes) => void (options.stdin && stream.write(bytes)),
    endInput: () => void stream.end(),
    // Too early or too late: the command has the size that it has.
    resize: (columns, rows) => void containers.resize(id, columns, rows).catch(() => {}),
    kill,
    exitCode,
  };
}

/** Until the command has ended and all its output is passed on. */
async function carry(stream: Duplex, tty: boolean, stdout: PassThrough, stderr: PassThrough): Promise<void> {
  const write = async (to: PassThrough, bytes: Uint8Array): Promise<void> => {
    if (!to.write(bytes)) await new Promise((resolve) => to.once("drain", resolve));
  };
  try {
    // A terminal has one stream, as it is.
    if (tty) for await (const chunk of stream) await write(stdout, chunk as Uint8Array);
    else
      for await (const frame of frames(stream))
        await write(frame.stream === "stderr" ? stderr : stdout, frame.bytes);
  } catch {
    // The connection broke or was given up: what there is of output was passed on.
  } finally {
    stdout.end();
    stderr.end();
  }
}

/** The engine has no call for it: on this machine the process is ended, elsewhere it loses its terminal. */
async function killCommand(containers: Containers, id: string): Promise<void> {
  if (!containers.engine.isLocal) return;
  try {
    const state = await containers.execState(id);
    if (state?.Running === true && state.Pid > 0) process.kill(state.Pid, "SIGKILL");
  } catch {
    // It has ended, or belongs to somebody else.
  }
}

function execError(error: unknown, command: readonly string[]): Error {
  const status = statusOf(error);
  if (status === 404 || status === 409)
    return new TerminalError({ code: "NotRunning", message: "The instance does not run." });
  if (status === 400 && /executable file not found|no such file/.test(reasonOf(error)))
    return new TerminalError({
      code: "CommandNotFound",
      message: `The command '${command[0] ?? ""}' is not in the instance's image.`,
      hint: "Give the full path of a program that it has.",
    });
  return error as Error;
}
