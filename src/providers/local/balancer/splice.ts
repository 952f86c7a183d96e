/** Joins two sockets until both are done. */
import type { Duplex } from "node:stream";

/**
 * Pipes both ways with back-pressure and half-close (both ends must allow half-open). When either end breaks, both are
 * destroyed. `onDone` is called once, when both are closed.
 */
export function splice(client: Duplex, member: Duplex, onDone: () => void): void {
  join(client, member, onDone);
  client.pipe(member);
  member.pipe(client);
}

/** The same for two whose bytes the caller moves. */
export function join(client: Duplex, member: Duplex, onDone: () => void): void {
  let open = 2;
  const closed = (other: Duplex, broken: () => boolean) => (): void => {
    if (broken()) other.destroy();
    open -= 1;
    if (open === 0) onDone();
  };
  client.on("error", () => member.destroy());
  member.on("error", () => client.destroy());
  // A close without an orderly end of both directions leaves nothing for the other side to do.
  client.once(
    "close",
    closed(member, () => !client.readableEnded || !client.writableFinished),
  );
  member.once(
    "close",
    closed(client, () => !member.readableEnded || !member.writableFinished),
  );
}
