import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { answerMessage } from "./message.ts";
import type { Zones } from "./zone.ts";

/**
 * UDP and TCP on one address. Zones are asked for at each question, so replacing them needs no new sockets.
 *
 * Invariants:
 * 1. Both transports listen on the same port, or neither does.
 * 2. A client can neither end nor hold up the server: errors of a connection end that connection, idle ones are
 *    closed after ten seconds, and there are at most 256.
 */
const idleMilliseconds = 10_000;
const mostConnections = 256;
const attemptsForBoth = 20;

export class DnsListener {
  readonly host: string;
  readonly port: number;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #connections: Set<Socket>;

  private constructor(host: string, port: number, udp: UdpSocket, tcp: Server, connections: Set<Socket>) {
    this.host = host;
    this.port = port;
    this.#udp = udp;
    this.#tcp = tcp;
    this.#connections = connections;
  }

  /** @throws the system's error (EADDRINUSE, EACCES) when the address cannot be had. */
  static async open(
    host: string,
    port: number,
    zones: () => Zones,
    turn: () => number,
  ): Promise<DnsListener> {
    for (let attempt = 1; ; attempt++) {
      const connections = new Set<Socket>();
      const tcp = await listenTcp(host, port, connections, (request) =>
        answerMessage(request, { zones: zones(), transport: "tcp", turn: turn() }),
      );
      const chosen = (tcp.address() as { port: number }).port;
      try {
        const udp = await bindUdp(host, chosen, (request) =>
          answerMessage(request, { zones: zones(), transport: "udp", turn: turn() }),
        );
        return new DnsListener(host, chosen, udp, tcp, connections);
      } catch (error) {
        tcp.close();
        if (port !== 0 || attempt === attemptsForBoth) throw error; // a chosen port may be free for one transport only
      }
    }
  }

  close(): void {
    this.#udp.close();
    this.#tcp.close();
    for (const connection of this.#connections) connection.destroy();
  }
}

type Respond = (request: Buffer) => Buffer | undefined;

function bindUdp(host: string, port: number, respond: Respond): Promise<UdpSocket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: host.includes(":") ? "udp6" : "udp4" });
    socket.once("error", (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.removeAllListeners("error");
      socket.on("error", () => {}); // of single sends
      resolve(socket);
    });
    socket.on("message", (request, from) => {
      const answer = respond(request);
      if (answer !== undefined && from.port !== 0) socket.send(answer, from.port, from.address);
    });
  });
}

function listenTcp(host: string, port: number, connections: Set<Socket>, respond: Respond): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => {
      connections.add(connection);
      connection.once("close", () => connections.delete(connection));
      connection.on("error", () => connection.destroy());
      connection.setTimeout(idleMilliseconds, () => connection.destroy());
      serve(connection, respond);
    });
    server.maxConnections = mostConnections;
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.removeListener("error", reject);
      server.on("error", () => {});
      resolve(server);
    });
  });
}

/** Messages on TCP follow each other, each after its length in two bytes (RFC 1035, section 4.2.2). */
function serve(connection: Socket, respond: Respond): void {
  let held: Buffer = Buffer.alloc(0);
  connection.on("data", (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const length = held.readUInt16BE(0);
      const answer = respond(held.subarray(2, 2 + length));
      held = held.subarray(2 + length);
      if (answer === undefined) return void connection.destroy();
      const prefix = Buffer.alloc(2);
      prefix.writeUInt16BE(answer.length);
      connection.cork();
      connection.write(prefix);
      connection.write(answer);
      connection.uncork();
    }
    // A client that asks without reading its answers waits until it does.
    if (connection.writableNeedDrain) {
      connection.pause();
      connection.once("drain", () => connection.resume());
    }
  });
}
