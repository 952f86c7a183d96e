/** The shop's HTTP API: products and orders in PostgreSQL, receipts in the uploads folder. */
import { createHmac } from "node:crypto";
import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { join } from "node:path";
import { endOn, prepare, sql } from "./shop.ts";

const version = process.env["VERSION"] ?? "";
const uploads = process.env["UPLOADS"] ?? ".";

function send(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { "content-type": "application/json", "x-version": version })
    .end(`${JSON.stringify(body)}\n`);
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > 100_000) throw new RangeError("too large");
  }
  return JSON.parse(text);
}

async function order(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { product } = (await bodyOf(request)) as { readonly product?: number };
  const [row] = await sql<
    { id: number }[]
  >`insert into orders (product) select id from products where id = ${Number(product)} returning id`;
  if (row === undefined) return send(response, 404, { error: "There is no such product." });
  const signature = createHmac("sha256", process.env["SIGNING_KEY"] ?? "")
    .update(String(row.id))
    .digest("hex")
    .slice(0, 16);
  send(response, 201, { id: row.id, signature });
}

async function receipt(id: string, response: ServerResponse): Promise<void> {
  const file = join(uploads, `receipt-${Number(id)}.txt`);
  try {
    await access(file);
  } catch {
    return send(response, 404, { error: "The order is not packed yet." });
  }
  createReadStream(file).pipe(response.writeHead(200, { "content-type": "text/plain" }));
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url ?? "/", "http://shop").pathname;
  if (path === "/api/health")
    return send(response, 200, { ok: true, instance: process.env["TUTTI_INSTANCE"] });
  if (path === "/api/products")
    return send(response, 200, await sql`select id, name, cents from products order by id`);
  if (path === "/api/orders" && request.method === "POST") return order(request, response);
  if (path === "/api/orders")
    return send(response, 200, await sql`select id, product, state from orders order by id desc limit 50`);
  const id = /^\/api\/receipts\/(\d+)$/.exec(path)?.[1];
  if (id !== undefined) return receipt(id, response);
  send(response, 404, { error: "There is nothing here." });
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    const mine = error instanceof SyntaxError || error instanceof RangeError;
    if (!mine) console.error(error);
    send(response, mine ? 400 : 500, { error: mine ? "The body is not JSON." : "Something went wrong." });
  });
});

await prepare();
server.listen(Number(process.env["PORT"]), "127.0.0.1", () => console.log("the API listens"));
endOn("SIGTERM", () => new Promise((resolve) => server.close(resolve)));
