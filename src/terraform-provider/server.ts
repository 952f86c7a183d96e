/**
 * A plugin's process, as go-plugin has it: it says where it listens, answers over one Unix socket, and ends with who started it.
 *
 *   started --socket bound--> listening --Shutdown | SIGTERM | parent gone--> closing --calls aborted--> gone
 *
 *  - Nothing but the first line is written to standard output; the log goes to standard error.
 *  - With PLUGIN_CLIENT_CERT it answers that certificate alone, and shows one of its own.
 *  - Ctrl-C reaches the whole process group: it is Terraform's to answer, which then asks here with a call of its own.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  Server,
  ServerCredentials,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from "@grpc/grpc-js";
import { CALLS, type CallName, messagesOf, pathOf } from "../terraform/descriptor.ts";
import { handshakeLine } from "../terraform/handshake.ts";
import { makeCertificate } from "../terraform/identity.ts";
import type { Calls } from "../terraform/messages.ts";

const PROTOCOL = 6;
const LARGEST = 256 * 1024 * 1024;
/** Milliseconds between two looks whether the parent is still there. */
const LOOK = 500;
/** Milliseconds that answers have to go out once it is over. */
const GRACE = 200;

/** What answers: one function a call. A call that is none of them is refused as unknown. */
export type Answers = {
  readonly [N in CallName]?: (request: Calls[N][0]) => Promise<Calls[N][1]>;
};

export interface ServeOptions {
  readonly answers: Answers;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly say: (line: string) => void;
  /** For the log. */
  readonly onFault: (call: string, error: unknown) => void;
  /** Aborts what is under way. */
  readonly onEnd: () => void;
  readonly now: number;
}

/** Resolves when it is over. */
export async function servePlugin(options: ServeOptions): Promise<void> {
  const grpc = await import("@grpc/grpc-js");
  const server = new grpc.Server({
    "grpc.max_receive_message_length": LARGEST,
    "grpc.max_send_message_length": LARGEST,
  });
  const ending = Promise.withResolvers<void>();
  await answerCalls(server, options);
  answerController(server, ending.resolve);
  const folder = mkdtempSync(join(options.env["PLUGIN_UNIX_SOCKET_DIR"] ?? tmpdir(), "tutti-tf-"));
  const release = untilGone(ending.resolve);
  try {
    const socket = join(folder, "plugin");
    const { credentials, certificate } = await credentialsFor(options, grpc.ServerCredentials);
    await bound(server, `unix:${socket}`, credentials);
    options.say(handshakeLine(PROTOCOL, socket, certificate));
    await ending.promise;
    options.onEnd();
    await closed(server);
  } finally {
    release();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function credentialsFor(
  { env, now }: ServeOptions,
  credentials: typeof ServerCredentials,
): Promise<{ readonly credentials: ServerCredentials; readonly certificate?: string }> {
  const asker = env["PLUGIN_CLIENT_CERT"] ?? "";
  if (asker === "") return { credentials: credentials.createInsecure() };
  const { certificate, key } = await makeCertificate(now);
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(certificate) };
  return { credentials: credentials.createSsl(Buffer.from(asker), [pair], true), certificate };
}

async function answerCalls(server: Server, { answers, onFault }: ServeOptions): Promise<void> {
  const message = await messagesOf(PROTOCOL);
  for (const name of Object.keys(CALLS) as CallName[]) {
    const answer = answers[name] as ((request: unknown) => Promise<object>) | undefined;
    if (answer === undefined) continue;
    const [asked, answered] = [message(CALLS[name].request), message(CALLS[name].answer)];
    const respond = (call: ServerUnaryCall<object, object>, send: sendUnaryData<object>): void => {
      answer(call.request).then(
        (found) => send(null, found),
        (error: unknown) => {
          onFault(name, error);
          send({ code: INTERNAL, details: error instanceof Error ? error.message : String(error) });
        },
      );
    };
    server.register(
      pathOf(name, PROTOCOL),
      respond,
      (found: object) => Buffer.from(answered.encode(found).finish()),
      (bytes: Buffer) => asked.decode(bytes) as object,
      "unary",
    );
  }
}

const INTERNAL = 13;

/** What go-plugin asks for besides: an end, streams of what is printed (nothing) and of further connections (none). */
function answerController(server: Server, end: () => void): void {
  const nothing = (): Buffer => Buffer.alloc(0);
  const shutDown = (_call: ServerUnaryCall<object, object>, send: sendUnaryData<object>): void => {
    send(null, {});
    end();
  };
  const stay = (_call: ServerWritableStream<object, object>): void => undefined;
  const listen = (call: ServerDuplexStream<object, object>): void => {
    call.on("data", () => undefined);
    call.on("end", () => call.end());
  };
  server.register("/plugin.GRPCController/Shutdown", shutDown, nothing, () => ({}), "unary");
  server.register("/plugin.GRPCStdio/StreamStdio", stay, nothing, () => ({}), "serverStream");
  server.register("/plugin.GRPCBroker/StartStream", listen, nothing, () => ({}), "bidi");
}

/** Calls `end` when somebody asks for it or nobody is there any more. Gives what lets go of the process. */
function untilGone(end: () => void): () => void {
  const parent = process.ppid;
  const looking = setInterval(() => {
    if (process.ppid !== parent) end();
  }, LOOK);
  const ignore = (): void => undefined;
  process.on("SIGINT", ignore);
  process.once("SIGTERM", end);
  return () => {
    clearInterval(looking);
    process.off("SIGINT", ignore);
    process.off("SIGTERM", end);
  };
}

function bound(server: Server, address: string, credentials: ServerCredentials): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** The answer to Shutdown goes out first; streams that are open for good, and kept connections, are not waited for. */
async function closed(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    server.forceShutdown();
    resolve();
  }, GRACE);
  server.tryShutdown(() => resolve());
  await promise;
  clearTimeout(timer);
}
