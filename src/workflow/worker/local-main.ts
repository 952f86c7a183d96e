/**
 * The process of a local worker: started by the control plane, speaks over file descriptor 3, and ends with it. The module is
 * its only argument.
 */
import { Socket } from "node:net";
import { lineChannel } from "./lines.ts";
import { Worker } from "./worker.ts";

const socket = new Socket({ fd: 3, readable: true, writable: true });
const worker = new Worker({ module: process.argv[2] ?? "", onEnd: () => process.exit(0) });
const channel = lineChannel(
  socket,
  (text) => {
    if (!worker.session.accept(text)) process.exit(1);
  },
  // The control plane is gone; the next one finds the attempts lost.
  () => process.exit(0),
);
worker.session.attach(channel, 0);
// Ctrl-C at a terminal reaches the whole group: the control plane says when to end.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => worker.drain());
