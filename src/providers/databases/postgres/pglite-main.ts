/**
 * Serves one PGlite database on 127.0.0.1: `node pglite-main.ts --data <folder> --port <port>`. What it can and cannot
 * do stands in pglite.ts.
 */
import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";

const { values } = parseArgs({ options: { data: { type: "string" }, port: { type: "string" } } });
const port = Number(values.port);
if (values.data === undefined || !Number.isInteger(port)) {
  process.stderr.write("usage: node pglite-main.ts --data <folder> --port <port>\n");
  process.exit(2);
}
mkdirSync(values.data, { recursive: true, mode: 0o700 });
const db = await PGlite.create(values.data);
const server = new PGLiteSocketServer({ db, host: "127.0.0.1", port, maxConnections: 100 });
await server.start();
process.stdout.write(`PGlite serves ${values.data} on port ${port}. It is not durable.\n`);

let ending = false;
async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  await server.stop();
  await db.close();
  process.exit(0);
}
process.on("SIGTERM", () => void end());
process.on("SIGINT", () => void end());
