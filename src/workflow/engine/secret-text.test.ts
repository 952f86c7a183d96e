import { expect, it } from "vitest";
import { SecretText, mapSecrets } from "./secret-text.ts";
import { View } from "./values.ts";

const view = new View({ param: { user: "ann", said: "${secret.stripe.key}", n: 3 } });

it("leaves secrets as they are, and resolves what stands around them", () => {
  const resolved = view.resolve({ header: "${param.user}-${param.n}:${secret.stripe-live.key}!" });
  const { header } = resolved as { header: SecretText };
  expect(header).toBeInstanceOf(SecretText);
  expect(header.parts).toEqual([
    "ann",
    "-",
    "3",
    ":",
    { root: "secret", name: "stripe-live", path: ["key"] },
    "!",
  ]);
  expect(mapSecrets(resolved, (text) => text.parts.length)).toEqual({ header: 6 });
});

it("leaves secret outputs of resources as they are, and knows nothing of others", () => {
  const url = view.resolve("${database.orders.status.url}") as SecretText;
  expect(url.parts).toEqual([{ root: "database", name: "orders", path: ["status", "url"] }]);
  expect(String(url)).toBe("${database.orders.status.url}");
  expect(() => view.resolve("${database.orders.status.host}")).toThrow("database");
});

it("takes nothing that is written in data for the name of a secret", () => {
  const resolved = view.resolve(["${param.said}", "${param.said} ${secret.a.b}"]) as [string, SecretText];
  expect(resolved[0]).toBe("${secret.stripe.key}");
  expect(resolved[1].parts).toEqual([
    "${secret.stripe.key}",
    " ",
    { root: "secret", name: "a", path: ["b"] },
  ]);
});

it("is written as the definition has it, wherever it may come to", () => {
  expect(JSON.stringify(view.resolve({ token: "${secret.a.b}" }))).toBe('{"token":"${secret.a.b}"}');
});
