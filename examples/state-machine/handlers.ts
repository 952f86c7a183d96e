import { handler } from "tutti";

export const pay = handler("pay", ({ amount }: { amount: number }, { idempotencyKey }) => ({
  paid: amount,
  reference: idempotencyKey,
}));
