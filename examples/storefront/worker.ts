/** Packs orders: takes new ones from the database and writes their receipts into the uploads folder. */
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { endOn, prepare, sql } from "./shop.ts";

const uploads = process.env["UPLOADS"] ?? ".";
let running = true;

async function packOne(): Promise<boolean> {
  return sql.begin(async (transaction) => {
    const [order] = await transaction<{ id: number; name: string }[]>`
      select orders.id, products.name from orders join products on products.id = orders.product
      where state = 'new' order by orders.id limit 1 for update of orders skip locked`;
    if (order === undefined) return false;
    const receipt = join(uploads, `receipt-${order.id}.txt`);
    // It appears whole: somebody may be asking for it already.
    await writeFile(`${receipt}.new`, `Order ${order.id}: ${order.name}\n`);
    await rename(`${receipt}.new`, receipt);
    await transaction`update orders set state = 'packed' where id = ${order.id}`;
    console.log(`packed order ${order.id}`);
    return true;
  });
}

await prepare();
console.log("the worker waits for orders");
endOn("SIGTERM", () => {
  running = false;
  return undefined;
});
while (running) if (!(await packOne())) await sleep(200);
