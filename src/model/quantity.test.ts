import { expect, it } from "vitest";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { parseQuantity } from "./quantity.ts";

it("quantities mean what they mean in Kubernetes", () => {
  expect(["500m", "2", "0.5", "64Mi", "1G", "1Ki", "100k", "0"].map(parseQuantity)).toEqual([
    0.5, 2, 0.5, 67_108_864, 1e9, 1024, 100_000, 0,
  ]);
});

it.each(["", "x", "1 G", "1Gb", "-1", "1e3", ".5"])("'%s' is refused as a quantity", (text) => {
  expect(() => parseQuantity(text)).toThrow(DiagnosticError);
});
