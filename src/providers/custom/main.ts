/**
 * The process in which the functions of own kinds run: started by the control plane, speaks over file descriptor 3, and ends
 * with it. What it runs comes over standard input: the module's path, and what is read in place of files.
 */
import { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { lineChannel } from "../../workflow/worker/lines.ts";
import type { Sources } from "../../workflow/worker/module.ts";
import { Worker } from "../../workflow/worker/worker.ts";

/** What is said over standard input, in JSON. */
export interface Begin {
  /** Absolute. */
  readonly module: string;
  readonly sources: Sources;
}

/** MiB. */
const MEMORY = 256;

async function begin(): Promise<void> {
  const { module, sources } = JSON.parse(await text(process.stdin)) as Begin;
  const socket = new Socket({ fd: 3, readable: true, writable: true });
  const worker = new Worker({ module, sources, memory: MEMORY, onEnd: () => process.exit(0) });
  const channel = lineChannel(
    socket,
    (frame) => {
      if (!worker.session.accept(frame)) process.exit(1);
    },
    // The control plane is gone: the next one asks again.
    () => process.exit(0),
  );
  worker.session.attach(channel, 0);
  // Ctrl-C at a terminal reaches the whole group: the control plane says when to end.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
}

// Otherwise it is only loaded, to be compiled (scripts/compile.ts).
if (import.meta.main) await begin();
