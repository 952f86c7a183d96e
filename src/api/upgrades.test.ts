import { expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { serving } from "./fixtures/serving.ts";

const sockets = new WebSocketServer({ noServer: true });

it("a stream below a path of its own wants the token, and ends with the API", async () => {
  const { api, url, token } = await serving({
    upgrades: {
      workers: (request, socket, head) =>
        sockets.handleUpgrade(request, socket, head, (client) => client.send("here")),
    },
  });
  const ended: Promise<void>[] = [];
  const answer = (path: string, given: string): Promise<number | string> =>
    new Promise((resolve) => {
      const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, {
        headers: { authorization: `Bearer ${given}` },
      });
      ended.push(new Promise((close) => socket.once("close", () => close())));
      socket.on("error", () => undefined);
      socket.once("unexpected-response", (_request, response) => {
        resolve(response.statusCode ?? 0);
        socket.terminate();
      });
      socket.once("message", (message: Buffer) => resolve(message.toString()));
    });
  expect(await answer("/workers", "wrong")).toBe(401);
  expect(await answer("/constructor", token)).toBe(404);
  expect(await answer("/workers", token)).toBe("here");
  await api.close();
  await Promise.all(ended);
});
