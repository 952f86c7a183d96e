import { createHash } from "node:crypto";
import { type Server, createServer } from "node:net";
import type { Clock } from "../../../clock/clock.ts";

/**
 * Waits until every process that a killed predecessor was just starting has become its program.
 *
 * Between fork and exec a child is a copy of the control plane and does not carry its marker yet; a scan at that moment
 * would miss it, and it would run unknown for ever after (I3). But until exec such a copy also holds every descriptor of
 * its parent. So each supervisor listens on a socket whose name follows from the home, without ever serving anything:
 * as long as the name is taken, the predecessor or a copy of it lives; the system frees it with the last of them. The
 * name is in Linux's abstract space, so no file is left behind and no path is too long.
 *
 * This is a barrier, not a lock: whoever takes the name for longer than `patience` (any user of the machine could)
 * only delays the start. Elsewhere than on Linux there is no such space, and the barrier is open.
 */
const patience = 2_000;

/** Resolves when the name has been free; the returned function gives it up again. */
export async function passBirthBarrier(home: string, clock: Clock): Promise<() => void> {
  if (process.platform !== "linux") return () => {};
  const name = `\0tutti-supervisor-${process.getuid?.() ?? 0}-${createHash("sha256").update(home).digest("hex").slice(0, 32)}`;
  const deadline = clock.now() + patience;
  for (;;) {
    const server = await listen(name);
    if (server !== undefined) return () => server.close();
    if (clock.now() >= deadline) return () => {};
    await clock.sleep(2);
  }
}

function listen(name: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((connection) => connection.destroy());
    server.once("error", () => resolve(undefined));
    server.listen({ path: name, exclusive: true }, () => {
      server.removeAllListeners("error").on("error", () => {});
      server.unref();
      resolve(server);
    });
  });
}
