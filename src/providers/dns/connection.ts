/** DNS over TCP (RFC 7766): messages, each with its length before it. */
import { type Socket, connect } from "node:net";
import type { CallContext } from "../../provider/provider.ts";

const PATIENCE = 5_000;

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** Sends one message and gives what is answered, message by message; ends the connection when nobody wants more. */
export async function* exchange(
  message: Buffer,
  { host, port }: HostAndPort,
  { clock, signal }: Pick<CallContext, "clock" | "signal">,
): AsyncGenerator<Buffer, void, undefined> {
  signal.throwIfAborted();
  const name = `The name server ${host}:${port}`;
  const socket = connect({ host, port });
  const stop = (): void => void socket.destroy(new Error("The call was ended."));
  const late = (): void =>
    void socket.destroy(new Error(`${name} gave no answer within ${PATIENCE / 1000} s.`));
  let timer = clock.setTimeout(late, PATIENCE);
  signal.addEventListener("abort", stop, { once: true });
  socket.write(framed(message));
  try {
    for await (const answer of framesOf(socket)) {
      timer.cancel();
      timer = clock.setTimeout(late, PATIENCE);
      yield answer;
    }
  } catch (error) {
    const { code, message: why } = error as NodeJS.ErrnoException;
    throw code === undefined ? error : new Error(`${name}: ${why}.`, { cause: error });
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", stop);
    socket.destroy();
  }
  throw new Error(`${name} closed the connection.`);
}

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

async function* framesOf(socket: Socket): AsyncGenerator<Buffer, void, undefined> {
  let gathered = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    gathered = Buffer.concat([gathered, chunk]);
    while (gathered.length >= 2 && gathered.length >= 2 + gathered.readUInt16BE(0)) {
      const end = 2 + gathered.readUInt16BE(0);
      yield gathered.subarray(2, end);
      gathered = gathered.subarray(end);
    }
  }
}
