/** Names at servers of others: a BIND that takes updates, and a PowerDNS. */
import { Resolver } from "node:dns/promises";
import { expect, onTestFinished, test } from "vitest";
import { startBind, startPowerDns } from "../src/providers/dns/fixtures/servers.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

function at(port: number): (name: string) => Promise<readonly string[]> {
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${port}`]);
  return (name) => resolver.resolve4(name).catch(() => []);
}

test("names are made at both, follow what they stand for, are set back, and go with their declaration", async () => {
  const [bind, powerdns] = await Promise.all([startBind("shop.test"), startPowerDns()]);
  onTestFinished(async () => void (await Promise.all([bind.stop(), powerdns.stop()])));
  const bindAnswers = at(bind.port);
  const powerDnsAnswers = at(powerdns.port);
  const home = openHome();
  const declared = (address: string): string =>
    home.declare(`kind: System
metadata: { name: shop }
---
kind: Secret
metadata: { name: keys }
stringData: { secret: "${bind.secret}", key: "${powerdns.key}" }
---
kind: Resource
metadata: { name: host }
spec: { class: data, config: { address: ${address} } }
---
kind: DNSZone
metadata: { name: outside }
spec: { domain: shop.test, rfc2136: { server: 127.0.0.1, port: ${bind.port}, key: { name: tutti-key, secret: "\${secret.keys.secret}" } } }
---
kind: DNSZone
metadata: { name: inside }
spec: { domain: shop.internal, powerdns: { url: "${powerdns.url}", key: "\${secret.keys.key}" } }
---
kind: DNSRecord
metadata: { name: www }
spec: { zone: outside, name: www, values: ["\${resource.host.status.output.address}"] }
---
kind: DNSRecord
metadata: { name: api }
spec: { zone: inside, name: api, values: ["\${resource.host.status.output.address}"], lifecycle: { drift: { every: 1s } } }
`);
  await home.ok(["up", declared("192.0.2.1")]);
  expect(await bindAnswers("www.shop.test")).toEqual(["192.0.2.1"]);
  expect(await powerDnsAnswers("api.shop.internal")).toEqual(["192.0.2.1"]);
  expect(await bindAnswers("there.shop.test")).toEqual(["192.0.2.9"]);

  await home.ok(["up", declared("192.0.2.2")]);
  await until("the record to follow", async () => (await bindAnswers("www.shop.test"))[0] === "192.0.2.2");

  const body = { content: "192.0.2.66", disabled: false };
  const set = { name: "api.shop.internal.", type: "A", ttl: 30, changetype: "REPLACE", records: [body] };
  await fetch(`${powerdns.url}/api/v1/servers/localhost/zones/shop.internal.`, {
    method: "PATCH",
    headers: { "X-API-Key": powerdns.key },
    body: JSON.stringify({ rrsets: [set] }),
  });
  await until(
    "the record to be set back",
    async () => (await powerDnsAnswers("api.shop.internal"))[0] === "192.0.2.2",
  );

  await home.ok(["down", "shop", "--yes"]);
  expect(await bindAnswers("www.shop.test")).toEqual([]);
  expect(await bindAnswers("there.shop.test")).toEqual(["192.0.2.9"]);
  expect(await powerDnsAnswers("api.shop.internal")).toEqual([]);
  expect(await home.list("DNSRecord")).toEqual([]);
});
