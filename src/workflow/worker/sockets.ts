/** Texts over a WebSocket. The library is loaded by who has one. */
import type { WebSocket } from "ws";
import type { Channel } from "./session.ts";

/** `onClose` is called once, whatever the reason. */
export function socketChannel(
  socket: WebSocket,
  onText: (text: string) => void,
  onClose: () => void,
): Channel {
  socket.on("message", (message: Buffer, isBinary) => {
    if (!isBinary) onText(message.toString("utf8"));
  });
  // What is wrong with it is followed by its end.
  socket.on("error", () => undefined);
  socket.once("close", onClose);
  return {
    send: (text) => {
      if (socket.readyState === socket.OPEN) socket.send(text, () => undefined);
    },
    close: () => socket.terminate(),
  };
}
