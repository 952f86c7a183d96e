import { execFile } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { promisify } from "node:util";
import packet from "dns-packet";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findProgram } from "../supervisor/spawn.ts";
import { DnsFixture } from "./fixtures/dns.ts";

const run = promisify(execFile);
const hasDig = findProgram("dig", "/", process.env["PATH"]).kind === "found";

let dns: DnsFixture;

beforeAll(async () => {
  dns = await DnsFixture.start();
});
afterAll(() => dns.end());

interface Dug {
  readonly status: string;
  readonly flags: string;
  readonly answer: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
}

async function dig(...args: string[]): Promise<Dug> {
  const { stdout } = await run("dig", ["@127.0.0.1", "-p", String(dns.port), "+tries=1", "+time=5", ...args]);
  const section = (name: string): string[] =>
    (new RegExp(`;; ${name} SECTION:\\n([\\s\\S]*?)\\n\\n`).exec(stdout)?.[1] ?? "")
      .split("\n")
      .flatMap((line) => (line === "" ? [] : line.replace(/\s+/g, " ")));
  return {
    status: /status: (\w+)/.exec(stdout)?.[1] ?? "none",
    flags: /flags: ([^;]*);/.exec(stdout)?.[1] ?? "",
    answer: section("ANSWER"),
    authority: section("AUTHORITY"),
    additional: section("ADDITIONAL"),
  };
}

describe.skipIf(!hasDig)("asked by dig", () => {
  test("a name of ours is answered with authority", async () => {
    expect(await dig("mail.shop.test", "A")).toMatchObject({
      status: "NOERROR",
      flags: "qr aa rd",
      answer: ["mail.shop.test. 5 IN A 192.0.2.25"],
    });
  });

  test("names are compared without case, and come back as they were asked", async () => {
    expect((await dig("MaiL.Shop.TEST", "A")).answer).toEqual(["MaiL.Shop.TEST. 5 IN A 192.0.2.25"]);
  });

  test("a name that does not exist is denied with the zone's SOA and its negative time", async () => {
    const denied = await dig("absent.shop.test", "A");
    expect(denied).toMatchObject({ status: "NXDOMAIN", answer: [] });
    expect(denied.authority[0]).toMatch(
      /^shop\.test\. 17 IN SOA ns1\.shop\.test\. hostmaster\.shop\.test\. \d+ 3600 600 604800 17$/,
    );
  });

  test("a name without the type asked for exists all the same, also one only on the way to another", async () => {
    for (const name of ["mail.shop.test", "_tcp.shop.test", "dev.shop.test"]) {
      const empty = await dig(name, "AAAA");
      expect(empty).toMatchObject({ status: "NOERROR", answer: [] });
      expect(empty.authority).toHaveLength(1);
    }
  });

  test("aliases are followed within our zones, however many", async () => {
    const { answer } = await dig("www.shop.test", "AAAA");
    expect(answer).toEqual([
      "www.shop.test. 60 IN CNAME web.shop.test.",
      "web.shop.test. 60 IN CNAME api.shop.test.",
      "api.shop.test. 60 IN AAAA 2001:db8::1",
    ]);
  });

  test("an alias leading out, nowhere or round in circles is answered as far as it goes", async () => {
    expect(await dig("out.shop.test", "A")).toMatchObject({
      status: "NOERROR",
      answer: ["out.shop.test. 60 IN CNAME example.invalid."],
    });
    expect(await dig("dangling.shop.test", "A")).toMatchObject({
      status: "NXDOMAIN",
      answer: ["dangling.shop.test. 60 IN CNAME nowhere.shop.test."],
    });
    expect((await dig("loop-a.shop.test", "A")).answer).toHaveLength(2);
  });

  test("a wildcard answers for names that do not exist, at any depth, and not beside ones that do", async () => {
    expect((await dig("a.b.dev.shop.test", "A")).answer).toEqual(["a.b.dev.shop.test. 60 IN A 192.0.2.99"]);
    expect(await dig("x.dev.shop.test", "TXT")).toMatchObject({ status: "NOERROR", answer: [] });
    expect(await dig("fixed.dev.shop.test", "A")).toMatchObject({ status: "NOERROR", answer: [] });
    expect(await dig("below.fixed.dev.shop.test", "A")).toMatchObject({ status: "NXDOMAIN" });
  });

  test("a delegated part is referred to its servers, without authority", async () => {
    expect(await dig("x.child.shop.test", "A", "+norec")).toMatchObject({
      status: "NOERROR",
      flags: "qr",
      answer: [],
      authority: ["child.shop.test. 60 IN NS ns.child.shop.test."],
      additional: ["ns.child.shop.test. 60 IN A 192.0.2.53"],
    });
  });

  test("what is outside of our zones is refused, and so are transfers", async () => {
    expect((await dig("example.com", "A")).status).toBe("REFUSED");
    expect((await dig("test", "A")).status).toBe("REFUSED");
    expect((await dig("mail.shop.test", "A", "-c", "CH")).status).toBe("REFUSED");
    expect((await run("dig", ["@127.0.0.1", "-p", String(dns.port), "shop.test", "AXFR"])).stdout).toContain(
      "Transfer failed",
    );
  });

  test("mail and service hosts come with their addresses", async () => {
    const mail = await dig("shop.test", "MX");
    expect(mail.answer.toSorted()).toEqual([
      "shop.test. 60 IN MX 10 mail.shop.test.",
      "shop.test. 60 IN MX 20 mail.elsewhere.test.",
    ]);
    expect(mail.additional).toEqual(["mail.shop.test. 5 IN A 192.0.2.25"]);
    expect((await dig("_db._tcp.shop.test", "SRV")).answer).toEqual([
      "_db._tcp.shop.test. 60 IN SRV 0 5 5432 mail.shop.test.",
    ]);
  });

  test("SOA, NS and CAA stand at the zone's name; a reverse zone gives names", async () => {
    expect((await dig("shop.test", "SOA")).answer).toHaveLength(1);
    expect((await dig("shop.test", "NS")).answer).toEqual(["shop.test. 3600 IN NS ns1.shop.test."]);
    expect((await dig("shop.test", "CAA")).answer).toEqual(['shop.test. 60 IN CAA 0 issue "ca.test"']);
    expect((await dig("-x", "192.0.2.1")).answer).toEqual(["1.2.0.192.in-addr.arpa. 60 IN PTR shop.test."]);
  });

  test("an answer too large for UDP is cut off with TC, and whole over TCP", async () => {
    const cut = await dig("big.shop.test", "TXT", "+ignore", "+noedns");
    expect(cut).toMatchObject({ flags: "qr aa tc rd", answer: [] });
    expect((await dig("big.shop.test", "TXT", "+ignore", "+bufsize=4096")).flags).toContain("tc"); // never more than 1232 bytes
    expect((await dig("big.shop.test", "TXT", "+tcp")).answer).toHaveLength(30);
    expect((await dig("big.shop.test", "TXT")).answer).toHaveLength(30); // dig asks again by itself
  });

  test("EDNS is answered; an unknown version of it is refused as such", async () => {
    const { stdout } = await run("dig", [
      "@127.0.0.1",
      "-p",
      String(dns.port),
      "mail.shop.test",
      "+edns=5",
      "+noednsnegotiation",
    ]);
    expect(stdout).toContain("BADVERS");
    expect((await run("dig", ["@127.0.0.1", "-p", String(dns.port), "mail.shop.test"])).stdout).toContain(
      "EDNS: version: 0",
    );
  });
});

describe("asked by Node", () => {
  function resolver(): Resolver {
    const resolving = new Resolver({ timeout: 3_000, tries: 1 });
    resolving.setServers([`127.0.0.1:${dns.port}`]);
    return resolving;
  }

  test("addresses, texts, services and reverse names are read", async () => {
    const resolving = resolver();
    expect((await resolving.resolve4("www.shop.test")).toSorted()).toEqual([
      "192.0.2.11",
      "192.0.2.12",
      "192.0.2.13",
    ]);
    const texts = (await resolving.resolveTxt("text.shop.test")).map((parts) => parts.join(""));
    expect(texts.toSorted()).toEqual(['hello; "world"', "x".repeat(300)].toSorted());
    expect(await resolving.resolveSrv("_db._tcp.shop.test")).toMatchObject([
      { priority: 0, weight: 5, port: 5432, name: "mail.shop.test" },
    ]);
    expect(await resolving.reverse("192.0.2.1")).toEqual(["shop.test"]);
    await expect(resolving.resolve4("absent.shop.test")).rejects.toMatchObject({ code: "ENOTFOUND" });
    await expect(resolving.resolve6("mail.shop.test")).rejects.toMatchObject({ code: "ENODATA" });
  });

  test("several values take turns at being first, also when every other question is for another type", async () => {
    const first = new Set<string>();
    const question = packet.encode({
      type: "query",
      id: 1,
      questions: [{ type: "A", name: "api.shop.test" }],
    });
    const other = packet.encode({
      type: "query",
      id: 2,
      questions: [{ type: "AAAA", name: "api.shop.test" }],
    });
    for (let n = 0; n < 30; n++) {
      await dns.exchange(other);
      first.add((packet.decode(await dns.exchange(question)).answers![0] as { data: string }).data);
    }
    expect(first.size).toBe(3);
  });
});
