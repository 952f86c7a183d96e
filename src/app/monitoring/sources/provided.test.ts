import { expect, it } from "vitest";
import type { Provider, ProviderContext } from "../../../provider/provider.ts";
import { providedText } from "./provided.ts";

it("a database that hangs is down, and others are measured all the same", async () => {
  const abort = new AbortController();
  const database = (name: string): never =>
    ({
      apiVersion: "tutti.dev/v1",
      kind: "Database",
      metadata: { name, namespace: "default", uid: name },
      spec: {},
      status: { made: {} },
    }) as never;
  const provider: Pick<Provider, "measure"> = {
    measure: ({ identity }) => {
      if (identity.name === "frozen") return new Promise(() => setImmediate(() => abort.abort()));
      return Promise.resolve([
        { name: "tutti_database_up", type: "gauge", help: "1 when it answers.", value: 1 },
      ]);
    },
  };
  const text = await providedText(
    {
      resources: () => [database("frozen"), database("orders")],
      providerOf: () => provider as Provider,
      context: {} as Omit<ProviderContext, "signal">,
    },
    abort.signal,
  );
  expect(text).toMatch(/^tutti_database_up\{.*tutti_resource="database\/frozen".*\} 0$/m);
  expect(text).toMatch(/^tutti_database_up\{.*tutti_resource="database\/orders".*\} 1$/m);
});
