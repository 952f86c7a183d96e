import { expect, test } from "vitest";
import { classOf } from "./fields.ts";

const metadata = { name: "orders" };

test("the class shown is the one that was chosen, and the declared one before anything is there", () => {
  const spec = { class: "auto" };
  expect(classOf({ metadata, spec })).toBe("auto");
  expect(classOf({ metadata, spec, status: { made: { class: "server" } } })).toBe("server");
  const stable = { template: { class: "process" } };
  expect(classOf({ metadata, spec, status: { stable } })).toBe("process");
  expect(classOf({ metadata, spec, status: { stable, candidate: { template: { class: "docker" } } } })).toBe(
    "docker",
  );
});
