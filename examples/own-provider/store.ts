/** Somebody's store of buckets: what stands outside. It keeps them in memory, and gives no more than a hundred each. */
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";

const buckets = new Map<string, { quota: number; objects: number }>();

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, kind, name = ""] = (request.url ?? "").split("/");
  const answer = (code: number, value: unknown): void =>
    void response.writeHead(code).end(JSON.stringify(value));
  if (kind !== "buckets") return answer(200, { buckets: [...buckets.keys()] });
  if (request.method === "PUT") {
    const { quota } = JSON.parse((await request.toArray()).join("")) as { quota: number };
    if (quota > 100) return answer(422, "A bucket holds a hundred at most.");
    buckets.set(name, { objects: 0, ...buckets.get(name), quota });
  }
  const found = buckets.get(name);
  if (request.method === "DELETE") buckets.delete(name);
  return found === undefined ? answer(404, "There is no such bucket.") : answer(200, found);
}

createServer((request, response) => void serve(request, response)).listen(
  Number(process.env["PORT"]),
  "127.0.0.1",
);
