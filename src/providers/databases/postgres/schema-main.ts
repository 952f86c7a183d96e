/**
 * pg_dump of PostgreSQL 18 in WebAssembly, in a thread of its own: it reads and writes as if there were a socket, and
 * waits for the answers, which the other thread gets for it (schema.ts).
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { PGlite } from "@electric-sql/pglite";
import { pgDump } from "@electric-sql/pglite-tools/pg_dump";

const { port, bell, runs } = workerData as {
  readonly port: MessagePort;
  /** Rung when an answer has come. */
  readonly bell: Int32Array;
  readonly runs: readonly (readonly string[])[];
};

const server = {
  query: () => Promise.resolve({ rows: [{ search_path: "pg_catalog" }] }),
  exec: () => Promise.resolve([]),
  execProtocolRawStream: (
    message: Uint8Array,
    options: { readonly onRawData: (bytes: Uint8Array) => void },
  ) => {
    port.postMessage(Uint8Array.from(message));
    Atomics.wait(bell, 0, 0);
    Atomics.store(bell, 0, 0);
    const answer = receiveMessageOnPort(port)?.message as Uint8Array | undefined;
    options.onRawData(answer ?? new Uint8Array());
  },
};

const texts: string[] = [];
for (const args of runs) {
  const file = await pgDump({ pg: server as unknown as PGlite, args: [...args] });
  texts.push(await file.text());
}
parentPort?.postMessage(texts);
port.close();
