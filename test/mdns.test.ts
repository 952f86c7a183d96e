import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { openHome } from "./support/open-home.ts";

test("a zone is served although mDNS has the usual port for UDP, as on most desktops", async () => {
  const home = openHome();
  const mdns = createSocket({ type: "udp4", reuseAddr: true });
  onTestFinished(() => void mdns.close());
  mdns.bind(5353, "0.0.0.0");
  // Where it is in use already, the machine is as the test wants it.
  await once(mdns, "listening").catch(() => undefined);
  await home.ok([
    "up",
    home.declare("kind: DNSZone\nmetadata: { name: names }\nspec: { domain: shop.test }\n"),
  ]);
  expect((await home.get("DNSZone/names"))?.status?.["port"]).not.toBe(5353);
});
