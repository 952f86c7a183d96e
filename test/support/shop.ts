/** A customer of examples/storefront. */
import { expect } from "vitest";
import { ask } from "./load.ts";
import { until } from "./until.ts";

/** An order goes through the API into PostgreSQL, to the worker, onto the volume and back. */
export async function buy(url: string): Promise<void> {
  const { status, body } = await ask(`${url}/api/orders`, { method: "POST", body: '{"product":1}' });
  expect({ status, body }).toEqual({ status: 201, body: expect.stringMatching(/"id":\d+/) as string });
  const { id } = JSON.parse(body) as { readonly id: number };
  const receipt = await until(`the receipt of order ${id}`, async () => {
    const answer = await ask(`${url}/api/receipts/${id}`);
    return answer.status === 200 ? answer.body : undefined;
  });
  expect(receipt).toBe(`Order ${id}: Baton\n`);
}
