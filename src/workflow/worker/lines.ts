/** Texts over a stream of bytes, one a line. */
import type { Duplex } from "node:stream";
import { LARGEST_FRAME } from "./protocol.ts";
import type { Channel } from "./session.ts";

/** `onClose` is called once, whatever the reason. */
export function lineChannel(stream: Duplex, onText: (text: string) => void, onClose: () => void): Channel {
  let parts: string[] = [];
  let size = 0;
  let isOpen = true;
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    stream.destroy();
    onClose();
  };
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    let from = 0;
    for (let at = chunk.indexOf("\n"); at >= 0; at = chunk.indexOf("\n", from)) {
      parts.push(chunk.slice(from, at));
      const line = parts.length === 1 ? (parts[0] ?? "") : parts.join("");
      parts = [];
      size = 0;
      from = at + 1;
      if (isOpen) onText(line);
    }
    if (from === chunk.length) return;
    parts.push(chunk.slice(from));
    size += chunk.length - from;
    if (size > LARGEST_FRAME) close();
  });
  stream.on("error", close);
  stream.on("close", close);
  stream.on("end", close);
  return {
    send: (text) => {
      if (isOpen) stream.write(`${text}\n`);
    },
    close,
  };
}
