/** Whether somebody takes connections at an address: readiness of what has no probes of its own. */
import { connect } from "node:net";

export type Reaches = (host: string, port: number) => Promise<boolean>;

/** Milliseconds. */
const PATIENCE = 1_000;

export function reaches(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PATIENCE });
    const end = (isReached: boolean) => (): void => {
      socket.destroy();
      resolve(isReached);
    };
    socket.once("connect", end(true));
    socket.once("error", end(false));
    socket.once("timeout", end(false));
  });
}
