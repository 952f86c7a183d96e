/** The shop's front page. The browser asks the API under the same address: the balancer knows which is which. */
import { createServer } from "node:http";

const escapes: Readonly<Record<string, string>> = { "<": "&lt;", "&": "&amp;" };
const title = (process.env["TITLE"] ?? "Storefront").replace(/[<&]/g, (sign) => escapes[sign] ?? sign);

const version = process.env["VERSION"] ?? "";

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; color: #222 }
  li { display: flex; justify-content: space-between; padding: .5rem 0; border-bottom: 1px solid #ddd }
  button { font: inherit }
</style>
<h1>${title}</h1>
<ul id="products"></ul>
<p id="said" role="status"></p>
<script type="module">
  const products = await (await fetch("/api/products")).json();
  const list = document.getElementById("products");
  for (const { id, name, cents } of products) {
    const item = document.createElement("li");
    item.textContent = name + ", " + (cents / 100).toFixed(2);
    const buy = document.createElement("button");
    buy.textContent = "Buy";
    buy.onclick = async () => {
      const answer = await fetch("/api/orders", { method: "POST", body: JSON.stringify({ product: id }) });
      document.getElementById("said").textContent = "Order " + (await answer.json()).id + " is on its way.";
    };
    item.append(buy);
    list.append(item);
  }
</script>
</html>
`;

const server = createServer((request, response) => {
  if (request.url === "/health") response.end("ok\n");
  else
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", "x-version": version }).end(page);
});

server.listen(Number(process.env["PORT"]), "127.0.0.1", () => console.log("the front listens"));
process.once("SIGTERM", () => server.close(() => process.exit(0)));
