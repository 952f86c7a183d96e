import { connect } from "node:net";

/** Milliseconds that a connection must stay: an engine's proxy takes connections before anybody is there to answer. */
const STAYS = 300;

/** Whether somebody takes connections on a port and keeps them. */
export function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 5_000 });
    const end = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket
      .once("connect", () => setTimeout(end, STAYS, true))
      .once("data", () => end(true))
      .once("end", () => end(false))
      .once("timeout", () => end(false))
      .once("error", () => end(false));
  });
}
