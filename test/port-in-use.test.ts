import { type AddressInfo, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { openHome } from "./support/open-home.ts";

test("a port that somebody else has is refused with who has it, and nothing is changed", async () => {
  const home = openHome();
  const other = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as AddressInfo;
  const folder = home.declare(
    `kind: LoadBalancer\nmetadata: { name: front }\nspec:\n  listeners:\n    - port: ${port}\n`,
  );
  const { code, stdout, stderr } = await home.tutti(["up", folder, "-o", "json"]);
  expect({ code, stderr }).toMatchObject({ code: 2 });
  expect(JSON.parse(stdout)).toMatchObject({
    diagnostics: [
      {
        code: "PortInUse",
        address: "loadBalancer/front",
        path: "spec.listeners[0].port",
        source: { line: 5 },
        message: expect.stringContaining(String(process.pid)) as string,
        hint: expect.any(String) as string,
      },
    ],
  });
  expect(await home.list("LoadBalancer")).toEqual([]);
});
