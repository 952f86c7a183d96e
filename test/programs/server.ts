/**
 * A small web server whose behaviour tests choose: by environment when it starts, by signals of files while it runs.
 *
 *   VERSION       what `/` answers, followed by the instance's name with NAMED=1
 *   FAIL_START    `exit`: ends at once with 7; `mute`: runs without listening; `sick`: /health answers 503
 *   DEPENDENCY    an address that it asks before it answers
 *   SWITCH        a folder: `<instance>.slow`, `.failing`, `.sick`, `.dead` in it change the instance while it exists
 */
import { existsSync } from "node:fs";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const {
  VERSION = "one",
  NAMED,
  FAIL_START,
  SWITCH,
  DEPENDENCY,
  TUTTI_INSTANCE = "",
  PORT,
  SAY,
} = process.env;

function switched(name: string): boolean {
  return SWITCH !== undefined && existsSync(join(SWITCH, `${TUTTI_INSTANCE}.${name}`));
}

if (SAY !== undefined) console.log(`the value is ${SAY}`);
if (FAIL_START === "exit") {
  console.error("cannot read the settings");
  process.exit(7);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
  if (request.url === "/health")
    return response.writeHead(FAIL_START === "sick" || switched("sick") ? 503 : 200).end("health");
  if (request.url === "/alive") return response.writeHead(switched("dead") ? 500 : 200).end("alive");
  if (request.url === "/wait") await sleep(700);
  if (switched("failing")) return response.writeHead(500).end("failing");
  if (switched("slow")) await sleep(1500);
  if (DEPENDENCY !== undefined) await (await fetch(DEPENDENCY)).text();
  return response.end(NAMED === undefined ? VERSION : `${VERSION} ${TUTTI_INSTANCE}`);
}

const server = createServer((request, response) => void answer(request, response));

if (FAIL_START === "mute") setInterval(() => undefined, 60_000);
else server.listen(Number(PORT), "127.0.0.1");
process.once("SIGTERM", () => server.close(() => process.exit(0)));
