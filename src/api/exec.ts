/**
 * Commands in an instance, over a WebSocket with the subprotocol of Kubernetes: the first byte of every message is its
 * channel (0 input, 1 output, 2 errors, 3 the end as a Status, 4 the terminal's size; in version 5, 255 closes a channel).
 * The library is loaded with the first command.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { CallContext, ExecSession, InstanceSpec } from "../provider/provider.ts";
import type { ApiContext, ResourceTarget } from "./api-context.ts";
import { existing } from "./read.ts";
import { badRequest, noSuchPath, success } from "./status-error.ts";
import { madeBy } from "./made-by.ts";
import { identityOf, providerOf } from "./subresources/log.ts";

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
const PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
const LARGEST_MESSAGE = 1 << 20;
const LONGEST_COMMAND = 1000;

/** Refuses before the switch of protocols; after it, what goes wrong is told on the error channel. */
export async function exec(
  context: ApiContext,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  target: ResourceTarget,
  query: URLSearchParams,
): Promise<void> {
  const begin = beginningOf(context, target);
  const command = query.getAll("command");
  if (command.length === 0 || command.length > LONGEST_COMMAND)
    throw badRequest("Give the command, one word each in 'command'.");
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
  if (!PROTOCOLS.some((one) => offered.includes(one)))
    throw badRequest(`Offer one of the subprotocols ${PROTOCOLS.join(", ")}.`);
  const { WebSocketServer } = await import("ws");
  const options = { tty: query.get("tty") === "true", stdin: query.get("stdin") === "true" };
  const ending = new AbortController();
  const session = await begin(command, options, {
    clock: context.clock,
    keyring: context.keyring,
    signal: ending.signal,
  });
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: LARGEST_MESSAGE,
    handleProtocols: (names) => PROTOCOLS.find((one) => names.has(one)) ?? false,
  });
  const end = (): void => {
    session.kill();
    ending.abort();
    context.closing.removeEventListener("abort", end);
  };
  // The client may have gone while the command was being started.
  if (socket.destroyed) return end();
  socket.once("close", end);
  context.closing.addEventListener("abort", end, { once: true });
  server.handleUpgrade(request, socket, head, (client) => {
    ending.signal.addEventListener("abort", () => client.terminate(), { once: true });
    converse(client, session).catch(() => client.terminate());
  });
}

type Begin = (
  command: readonly string[],
  options: { readonly tty: boolean; readonly stdin: boolean },
  calling: CallContext,
) => Promise<ExecSession>;

/** In an instance of a Service, or in what its provider can run commands in: a Machine. */
function beginningOf(context: ApiContext, target: ResourceTarget): Begin {
  const resource = existing(context, target);
  if (target.kind.kind === "Instance") {
    const provider = providerOf(context, resource);
    const spec = resource.spec as InstanceSpec;
    return (command, options, calling) =>
      provider.exec(identityOf(resource), spec, command, options, calling);
  }
  const { provider, desired } = madeBy(context, resource);
  const run = provider.exec?.bind(provider);
  if (run === undefined) throw noSuchPath();
  return (command, options, calling) => run(desired, command, options, calling);
}

async function converse(client: WebSocket, session: ExecSession): Promise<void> {
  client.on("error", () => undefined);
  client.on("message", (message: Buffer) => receive(message, session));
  await Promise.all([
    pump(client, CHANNEL.stdout, session.stdout),
    pump(client, CHANNEL.stderr, session.stderr),
  ]);
  const code = await session.exitCode;
  await send(
    client,
    CHANNEL.error,
    Buffer.from(JSON.stringify(code === 0 ? { ...success({}), details: undefined } : failure(code))),
  );
  client.close(1000);
}

function failure(code: number): object {
  const message = `command terminated with non-zero exit code ${code}`;
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(code) }] },
  };
}

function receive(message: Buffer, session: ExecSession): void {
  const content = message.subarray(1);
  if (message[0] === CHANNEL.stdin) session.write(content);
  else if (message[0] === CHANNEL.close && content[0] === CHANNEL.stdin) session.endInput();
  else if (message[0] === CHANNEL.resize) resize(content, session);
}

function resize(content: Buffer, session: ExecSession): void {
  const found = /^\{"Width":(\d{1,5}),"Height":(\d{1,5})\}$/.exec(
    content.toString("utf8").replace(/\s/g, ""),
  );
  if (found !== null) session.resize(Number(found[1]), Number(found[2]));
}

/** Waits for the client to take what was sent, so that a command that prints for ever does not fill the memory. */
async function pump(client: WebSocket, channel: number, source: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of source) await send(client, channel, chunk);
}

function send(client: WebSocket, channel: number, content: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    client.send(Buffer.concat([Buffer.from([channel]), content]), (error) =>
      error === undefined || error === null ? resolve() : reject(error),
    );
  });
}
