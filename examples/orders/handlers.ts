/** What the steps of an order do. Each may be done twice: the idempotency key tells the other side that it is the same. */
import { TerminalError, handler } from "tutti";

export const reserve = handler("reserve", async ({ order }: { order: number }, { log, idempotencyKey }) => {
  if (order < 1) throw new TerminalError(`There is no order ${order}.`, { name: "NoSuchOrder" });
  log(`reserved for order ${order}, as ${idempotencyKey}`);
  return { reservation: `R${order}` };
});

export const release = handler("release", async ({ order }: { order: number }, { log }) => {
  log(`released what was reserved for order ${order}`);
  return null;
});

export const pack = handler("pack", async (item: string) => ({ item, weight: item.length }));

export const ship = handler(
  "ship",
  async ({ order, boxes }: { order: number; boxes: readonly unknown[] }) => ({
    parcel: `P${order}`,
    boxes: boxes.length,
  }),
);
