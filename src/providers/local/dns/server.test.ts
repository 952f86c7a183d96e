import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import packet from "dns-packet";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import type { DnsConfig, RecordConfig } from "./config.ts";
import { DnsFixture } from "./fixtures/dns.ts";

let dns: DnsFixture;

beforeAll(async () => {
  dns = await DnsFixture.start();
});
afterAll(() => dns.end());

beforeEach(async () => {
  await dns.client.configure(dns.config());
});

describe("whatever bytes come", () => {
  test("every datagram is answered with its own number or not at all, and the server lives", async () => {
    const valid = packet.encode({
      type: "query",
      id: 7,
      flags: packet.RECURSION_DESIRED,
      questions: [{ type: "A", name: "api.shop.test" }],
    });
    const mutated = fc
      .tuple(
        fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.nat(valid.length),
      )
      .map(([edits, length]) => {
        const bytes = Buffer.from(valid);
        for (const [at, byte] of edits) bytes[at] = byte;
        return bytes.subarray(0, Math.max(1, length));
      });
    const random = fc.uint8Array({ minLength: 1, maxLength: 600 }).map((bytes) => Buffer.from(bytes));
    const socket = createSocket("udp4");
    const sent = new Set<number>();
    const alien: Buffer[] = [];
    socket.on("message", (answer: Buffer) => {
      if (answer.length < 12 || !sent.has(answer.readUInt16BE(0)) || (answer[2]! & 0x80) === 0)
        alien.push(answer);
    });
    for (const [count, bytes] of fc.sample(fc.oneof(mutated, random), 3_000).entries()) {
      if (bytes.length >= 2) sent.add(bytes.readUInt16BE(0));
      await new Promise((resolve) => socket.send(bytes, dns.port, "127.0.0.1", resolve));
      if (count % 100 === 0) await dns.exchange(valid); // lets the server catch up: a full buffer drops datagrams
    }
    expect(packet.decode(await dns.exchange(valid)).answers).toHaveLength(3);
    socket.close();
    expect(alien).toEqual([]);
    expect(readFileSync(join(dns.folder, "log"), "utf8")).toBe("");
  });

  test("a pointer that points at itself is a format error", async () => {
    const bytes = Buffer.from("000901000001000000000000c00c00010001", "hex");
    expect(packet.decode(await dns.exchange(bytes))).toMatchObject({ id: 9, rcode: "FORMERR" });
  });

  test("an opcode other than a query is not implemented", async () => {
    const bytes = packet.encode({ type: "query", id: 5, questions: [{ type: "A", name: "shop.test" }] });
    bytes[2] = 0x28; // UPDATE
    expect(packet.decode(await dns.exchange(bytes))).toMatchObject({ id: 5, rcode: "NOTIMP" });
  });

  test("over TCP questions may come in pieces or many at once, and garbage ends only its own connection", async () => {
    const question = packet.streamEncode({
      type: "query",
      id: 3,
      questions: [{ type: "A", name: "mail.shop.test" }],
    });
    const garbage = connect(dns.port, "127.0.0.1");
    garbage.end(Buffer.from([0, 3, 1, 2, 3]));
    await once(garbage, "close");
    const connection = connect(dns.port, "127.0.0.1");
    const received: Buffer[] = [];
    connection.on("data", (chunk: Buffer) => received.push(chunk));
    connection.write(question.subarray(0, 5));
    await new Promise((resolve) => setImmediate(resolve));
    connection.write(Buffer.concat([question.subarray(5), question, question]));
    const length = packet.streamEncode({
      type: "response",
      questions: [{ type: "A", name: "mail.shop.test" }],
      answers: [{ type: "A", name: "mail.shop.test", data: "192.0.2.25" }],
    }).length;
    await vi.waitFor(() => expect(Buffer.concat(received).length).toBe(3 * length), { timeout: 20_000 });
    connection.destroy();
  });
});

describe("configured", () => {
  async function refusal(wrong: DnsConfig): Promise<readonly { code: string; path?: string }[]> {
    const error = await dns.client.configure(wrong).catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(DiagnosticError);
    return (error as DiagnosticError).diagnostics;
  }

  test("every wrong record is named, and the former configuration stays in force", async () => {
    const wrong = [
      { name: "a", type: "A", values: ["999.1.1.1"] },
      { name: "b", type: "AAA", values: ["::1"] },
      { name: "c", type: "SRV", values: ["1 2 host"] },
      { name: "d", type: "CNAME", values: ["x.test"] },
      { name: "d", type: "TXT", values: ["beside"] },
      { name: "e e", type: "TXT", values: ["name"] },
      { name: "f", type: "A", ttl: -1, values: ["192.0.2.1"] },
    ] as unknown as RecordConfig[];
    const problems = await refusal(
      dns.config({
        zones: [
          { name: "shop.test", records: wrong },
          { name: "shop.test.", records: [] },
        ],
      }),
    );
    expect(problems.map(({ code, path }) => `${path} ${code}`).toSorted()).toEqual(
      [
        "zones[0] CnameBesideOthers",
        "zones[0].records[0].values[0] RecordValueInvalid",
        "zones[0].records[1].type RecordTypeUnknown",
        "zones[0].records[2].values[0] RecordValueInvalid",
        "zones[0].records[5].name RecordNameInvalid",
        "zones[0].records[6].ttl RecordTtlInvalid",
        "zones[1].name ZoneDuplicate",
      ].toSorted(),
    );
    expect((await dns.client.health()).zones).toHaveLength(2);
  });

  test("a body of the wrong shape is refused with its place", async () => {
    expect(await refusal({ listen: { host: "127.0.0.1", port: 70_000 }, zones: [] })).toMatchObject([
      { code: "ConfigInvalid", path: "listen" },
    ]);
    expect(
      await refusal(
        dns.config({ zones: [{ name: "a.test", records: [{ name: "x" } as unknown as RecordConfig] }] }),
      ),
    ).toMatchObject([{ path: "zones[0].records[0]" }]);
    expect(await refusal("text" as unknown as DnsConfig)).toMatchObject([{ code: "ConfigInvalid" }]);
  });

  test("a port in use is refused with the name of its user; a free one is moved to", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const taken = (other.address() as { port: number }).port;
    const [problem] = await refusal(dns.config({ listen: { host: "127.0.0.1", port: taken } }));
    expect(problem).toMatchObject({
      code: "PortInUse",
      message: expect.stringContaining(`(pid ${process.pid})`),
    });
    other.close();
    await once(other, "close");
    expect(
      (await dns.client.configure(dns.config({ listen: { host: "127.0.0.1", port: taken } }))).listen!.port,
    ).toBe(taken);
    await dns.client.configure(dns.config());
  });

  test("the serial rises when a zone's content changes, and only then", async () => {
    const serial = async (zones: DnsConfig["zones"]): Promise<number> =>
      (await dns.client.configure(dns.config({ zones }))).zones[0]!.serial;
    const first = await serial(dns.config().zones);
    expect(await serial(dns.config().zones)).toBe(first);
    expect(await serial([{ name: "shop.test", records: [] }])).toBeGreaterThan(first);
  });

  test("after kill -9 the last acknowledged configuration answers again on its port", async () => {
    const before = await dns.client.configure(dns.config());
    const gone = new Promise<void>((resolve) => dns.supervisor.onExit(() => resolve()));
    process.kill(dns.supervisor.find("dns")!.pid, "SIGKILL");
    await gone;
    await dns.startServer();
    expect(await dns.client.health()).toMatchObject({
      status: "ok",
      listen: before.listen,
      zones: before.zones,
    });
  });

  test("the control socket and the state are their owner's alone", () => {
    expect(statSync(join(dns.folder, "s")).mode & 0o777).toBe(0o600);
    expect(statSync(join(dns.folder, "state.json")).mode & 0o777).toBe(0o600);
  });
});
