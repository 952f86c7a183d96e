/** What a database is made of, as SQL, where no pg_dump of the server's version is installed: PostgreSQL's own, in WebAssembly. */
import { existsSync } from "node:fs";
import { MessageChannel, Worker } from "node:worker_threads";
import type { ServerAddress } from "./database.ts";
import { Wire } from "./wire.ts";

/** Versions of servers that it understands. */
export const SCHEMA_DUMP = "pg_dump 18 in WebAssembly";

export interface Schema {
  /** Before there are rows: types, functions, tables. */
  readonly before: string;
  /** Once there are: indexes, constraints, triggers. */
  readonly after: string;
}

/** As of the exported snapshot. The owner, and what others may do, are left out. */
export async function dumpSchema(
  server: ServerAddress,
  database: string,
  snapshot: string,
  signal: AbortSignal,
): Promise<Schema> {
  const common = [
    "--schema-only",
    "--no-owner",
    "--no-privileges",
    "--no-publications",
    "--no-subscriptions",
  ];
  const wire = await Wire.open(server, database);
  try {
    const [before = "", after = ""] = await inThread(
      wire,
      ["pre-data", "post-data"].map((section) => [
        ...common,
        `--snapshot=${snapshot}`,
        `--section=${section}`,
        "--lock-wait-timeout=60s",
      ]),
      signal,
    );
    return { before, after };
  } finally {
    await wire.close();
  }
}

async function inThread(
  wire: Wire,
  runs: readonly (readonly string[])[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  signal.throwIfAborted();
  const { port1: mine, port2: theirs } = new MessageChannel();
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(mainFile(), { workerData: { port: theirs, bell, runs }, transferList: [theirs] });
  const done = Promise.withResolvers<readonly string[]>();
  const abort = (): void => done.reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  mine.on("message", (message: Uint8Array) => {
    wire.exchange(Buffer.from(message)).then((answer) => {
      mine.postMessage(Uint8Array.from(answer));
      Atomics.store(bell, 0, 1);
      Atomics.notify(bell, 0);
    }, done.reject);
  });
  worker.once("message", done.resolve);
  worker.once("error", done.reject);
  worker.once("exit", () => done.reject(new Error("pg_dump ended without a word.")));
  try {
    return await done.promise;
  } finally {
    signal.removeEventListener("abort", abort);
    mine.close();
    await worker.terminate();
  }
}

/** In the published package the JavaScript made of it stands beside. */
function mainFile(): URL {
  const source = new URL("./schema-main.ts", import.meta.url);
  return existsSync(source) ? source : new URL("./schema-main.js", import.meta.url);
}
