/**
 * A command in a machine, over one connection for each of its streams.
 *
 *   asked --every stream connected--> runs --streams ended, operation over--> its code
 *
 * A stream is binary messages and ends with a text message.
 */
import { once } from "node:events";
import { PassThrough } from "node:stream";
import type WebSocket from "ws";
import type { ExecSession } from "../../provider/provider.ts";
import type { Lxd } from "./client.ts";
import { pathOf } from "./instances.ts";

/** What a shell says of a command that was killed. */
const KILLED = 137;
const SIGKILL = 9;

export async function execIn(
  lxd: Lxd,
  name: string,
  command: readonly string[],
  { tty, stdin }: { readonly tty: boolean; readonly stdin: boolean },
  signal: AbortSignal,
): Promise<ExecSession> {
  const body = { command, "wait-for-websocket": true, interactive: tty, environment: { TERM: "xterm" } };
  const operation = await lxd.begin("POST", `${pathOf(name)}/exec`, { body, signal });
  const { id = "", metadata } = operation ?? {};
  const secrets = (metadata?.["fds"] ?? {}) as Readonly<Record<string, string>>;
  const connect = async (stream: string): Promise<WebSocket> => {
    const socket = lxd.socket(`/1.0/operations/${id}/websocket`, { secret: secrets[stream] ?? "" });
    await once(socket, "open", { signal });
    // Who is told of its end is told by the operation.
    socket.on("error", () => undefined);
    return socket;
  };
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const control = await connect("control");
  const input = await connect("0");
  if (tty) receive(input, stdout);
  else {
    const [output, errors] = [await connect("1"), await connect("2")];
    receive(output, stdout);
    receive(errors, stderr);
  }
  if (tty) stderr.end();
  let isKilled = false;
  const kill = (): void => {
    isKilled = true;
    control.send(JSON.stringify({ command: "signal", signal: SIGKILL }));
  };
  signal.addEventListener("abort", kill, { once: true });
  const exitCode = lxd
    .wait(id, AbortSignal.any([]))
    .then((ended) => (isKilled ? KILLED : Number(ended["return"] ?? KILLED)))
    .finally(() => {
      signal.removeEventListener("abort", kill);
      for (const socket of [control, input]) socket.close();
    });
  exitCode.catch(() => undefined);
  const endInput = (): void => input.send("");
  if (!stdin && !tty) endInput();
  return {
    stdout,
    stderr,
    write: (bytes) => void (stdin && input.send(bytes)),
    endInput,
    resize: (columns, rows) =>
      control.send(
        JSON.stringify({
          command: "window-resize",
          args: { width: String(columns), height: String(rows) },
        }),
      ),
    kill,
    exitCode,
  };
}

function receive(socket: WebSocket, to: PassThrough): void {
  socket.on("message", (bytes: Buffer, isBinary: boolean) => {
    if (!isBinary) to.end();
    else if (!to.write(bytes)) {
      // Who reads slowly is waited for.
      socket.pause();
      to.once("drain", () => socket.resume());
    }
  });
  socket.once("close", () => to.end());
}
