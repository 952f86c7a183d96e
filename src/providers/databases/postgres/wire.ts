/**
 * A connection to a PostgreSQL server as its bytes: the client library signs in, then the messages of another program are
 * passed on. For pg_dump in WebAssembly (schema.ts), which has no sockets.
 */
import { once } from "node:events";
import { type Socket, connect as connectSocket, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import { tlsOptions } from "../tls.ts";
import type { ServerAddress } from "./database.ts";

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const READY = "Z".charCodeAt(0);
const PARAMETER = "S".charCodeAt(0);
/** ParameterStatus, NoticeResponse, NotificationResponse: may come at any time (Frontend/Backend Protocol, 55.2.7). */
const UNASKED: ReadonlySet<number> = new Set(Buffer.from("SNA"));
const TERMINATE = "X".charCodeAt(0);
/** Protocol 3.x. Other numbers ask for encryption, which there is none of within a process. */
const VERSION_3 = 3;

export class Wire {
  readonly #socket: Socket;
  readonly #close: () => Promise<void>;
  /** What the server said of itself: version, encodings. */
  #greeting: Buffer = Buffer.alloc(0);
  #incoming: Buffer[] = [];
  #answered: ((answer: Buffer) => void) | undefined;
  #failed: ((reason: Error) => void) | undefined;
  #isSignedIn = false;

  private constructor(socket: Socket, close: () => Promise<void>) {
    this.#socket = socket;
    this.#close = close;
  }

  static async open(server: ServerAddress, database: string): Promise<Wire> {
    const socket = await socketTo(server);
    const { default: connect } = await import("postgres");
    const sql = connect({
      user: server.user,
      password: server.password,
      database,
      max: 1,
      fetch_types: false,
      backoff: false,
      onnotice: () => {},
      // Not in the library's types: a socket that is connected already.
      ...({ socket: () => socket } as object),
    });
    const wire = new Wire(socket, () => sql.end({ timeout: 1 }));
    const listen = (bytes: Buffer): void => void wire.#incoming.push(bytes);
    socket.on("data", listen);
    try {
      await sql`select 1`;
    } catch (error) {
      await sql.end({ timeout: 1 });
      throw error;
    }
    // From here on the library neither hears nor says anything.
    socket.removeAllListeners("data");
    wire.#greeting = Buffer.concat(
      framesIn(Buffer.concat(wire.#incoming)).filter((frame) => frame[0] === PARAMETER),
    );
    wire.#incoming = [];
    wire.#isSignedIn = true;
    socket.on("data", (bytes: Buffer) => wire.#heard(bytes));
    socket.once("close", () => wire.#failed?.(new Error("The server closed the connection.")));
    return wire;
  }

  /** The whole answer to what another program sends. */
  async exchange(message: Buffer): Promise<Buffer> {
    if (message[0] === TERMINATE) return this.#reset();
    // Only the first messages have no type: it is the length that begins them.
    if (message[0] === 0) return this.#greet(message);
    return this.#ask(message);
  }

  async close(): Promise<void> {
    this.#failed = undefined;
    this.#socket.destroy();
    await this.#close();
  }

  #ask(message: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      // Its end may have been told before anybody asked.
      if (this.#socket.destroyed || this.#socket.readableEnded) {
        reject(new Error("The server closed the connection."));
        return;
      }
      this.#answered = resolve;
      this.#failed = reject;
      this.#socket.write(message);
    });
  }

  /** A program that says goodbye leaves a session for the next. */
  async #reset(): Promise<Buffer> {
    await this.#ask(query("rollback"));
    await this.#ask(query("discard all"));
    return Buffer.alloc(0);
  }

  #greet(message: Buffer): Buffer {
    if (message.readUInt16BE(4) !== VERSION_3) return Buffer.from("N");
    const signedIn = Buffer.from([82, 0, 0, 0, 8, 0, 0, 0, 0]);
    const ready = Buffer.from([READY, 0, 0, 0, 5, 73]);
    return Buffer.concat([signedIn, this.#greeting, ready]);
  }

  #heard(bytes: Buffer): void {
    this.#incoming.push(bytes);
    if (!this.#isSignedIn || this.#answered === undefined) return;
    const all = Buffer.concat(this.#incoming);
    this.#incoming = [all];
    const frames = framesIn(all);
    const length = frames.reduce((sum, frame) => sum + frame.length, 0);
    // A server may say something unasked behind its answer: a setting that changed, a notice.
    const last = frames.findLast(([type]) => type !== undefined && !UNASKED.has(type));
    if (length !== all.length || last?.[0] !== READY) return;
    this.#incoming = [];
    const answered = this.#answered;
    this.#answered = undefined;
    answered(all);
  }
}

function query(text: string): Buffer {
  const body = Buffer.from(`${text}\0`);
  const head = Buffer.alloc(5);
  head.write("Q");
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** The whole messages at the beginning: a type, a length that counts itself, a body. */
function framesIn(bytes: Buffer): readonly Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 1 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return frames;
}

async function socketTo({ host = "127.0.0.1", port, tls }: ServerAddress): Promise<Socket> {
  const socket = host.startsWith("/")
    ? connectSocket(`${host}/.s.PGSQL.${port}`)
    : connectSocket({ host, port });
  await once(socket, "connect");
  if (tls !== true) return socket;
  socket.write(SSL_REQUEST);
  const [answer] = (await once(socket, "data")) as [Buffer];
  if (answer.toString() !== "S") throw new Error(`The server at ${host} does not speak TLS.`);
  const secured = connectTls({
    socket,
    ...tlsOptions(),
    ...(isIP(host) === 0 ? { servername: host } : { host }),
  });
  await once(secured, "secureConnect");
  return secured;
}
