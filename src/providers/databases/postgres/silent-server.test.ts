import { type AddressInfo, type Socket, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { checkReady } from "./database.ts";

/** AuthenticationOk and ReadyForQuery (PostgreSQL's protocol, message formats). */
const WELCOME = Buffer.concat([
  Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]),
  Buffer.from([0x5a, 0, 0, 0, 5, 0x49]),
]);

test("a server that lets in and then says nothing is not ready, and does not hold up who asks", async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.once("data", () => socket.write(WELCOME));
    socket.on("error", () => undefined);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const readiness = await checkReady({ port, user: "a", password: "b" }, "postgres", 200);
  expect(readiness).toEqual({ ready: false, reason: "no answer within 200 ms" });
});
