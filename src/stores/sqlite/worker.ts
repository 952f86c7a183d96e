/**
 * The thread in which SQLite blocks, so that the event loop does not. One request at a time, in order; a long read or
 * sweep comes as many short requests (connection.ts), between which commits get their turn.
 */
import { parentPort, workerData } from "node:worker_threads";
import { StoreError, type StoreErrorCode } from "../../store/store.ts";
import { type DatabaseOptions, LogDatabase } from "./database.ts";

/** What may be asked: the database's methods by name. */
export type Method =
  | "marks"
  | "current"
  | "append"
  | "changes"
  | "history"
  | "revisionAt"
  | "weigh"
  | "survey"
  | "sweep"
  | "close";

export interface Request {
  readonly method: Method;
  readonly values: readonly unknown[];
  /** Undefined: no answer wanted (the first parts of a large append). */
  readonly id: number | undefined;
}

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: { readonly code: StoreErrorCode; readonly message: string } };

let database: LogDatabase | undefined;
/** What went wrong in a part of a transaction that asked for no answer: the last part's answer. */
let failed: unknown;

function perform({ method, values }: Request): unknown {
  database ??= new LogDatabase(workerData as DatabaseOptions);
  if (failed !== undefined) throw failed;
  return (database[method] as (...values: readonly unknown[]) => unknown).call(database, ...values);
}

function reply(message: Reply): void {
  parentPort?.postMessage(message);
}

parentPort?.on("message", (request: Request) => {
  const { id, method } = request;
  try {
    const result = perform(request);
    if (id !== undefined) reply({ id, result });
  } catch (error) {
    failed = error;
    if (id !== undefined) {
      const code = error instanceof StoreError ? error.code : "StorageFailed";
      reply({ id, failure: { code, message: error instanceof Error ? error.message : String(error) } });
    }
  }
  if (id !== undefined) failed = undefined;
  if (method === "close") parentPort?.close();
  // After the answer: what was committed is durable already, and the next batch gathers meanwhile.
  else if (method === "append" && id !== undefined) database?.checkpoint();
});
