/** Targets that answer with too much, too slowly, or with what is no exposition: refused with a diagnostic, and nobody else notices. */
import type { RequestListener } from "node:http";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { type Exposer, exposer, text } from "./fixtures/exposer.ts";
import { Scraping, job } from "./fixtures/scraping.ts";

const MEGABYTE = 1024 * 1024;

/** Scrapes the target and a good one beside it at the same time; returns what is said of the bad one. */
async function beside(at: Scraping, address: string, limits = {}): Promise<string> {
  await using good = await exposer("fine 1\n");
  const bad = { job: { ...job, limits }, address };
  const neighbour = { job, address: good.address };
  at.scraper.setTargets([bad, neighbour]);
  const scrape = at.scraper.scrapeNow(bad);
  await at.scraper.scrapeNow(neighbour);
  expect(at.series.values("fine")).toEqual([1]);
  expect(at.series.values("up", { instance: good.address })).toEqual([1]);
  await scrape;
  expect(at.series.values("up", { instance: address })).toEqual([0]);
  // Nothing of the bad exposition is in the store: only what reports the two, and the good one's sample.
  expect(at.series.count()).toBe(2 * 5 + 1);
  return at.lastError.replaceAll(address, "TARGET");
}

/** Sends lines until the client has had enough; `sent` counts bytes. */
function endless(lines: (index: number) => string): { readonly respond: RequestListener; sent: number } {
  const source = {
    sent: 0,
    respond: ((_request, response) => {
      const body = function* (): Generator<string> {
        for (let index = 0; ; index += 1000) {
          const chunk = Array.from({ length: 1000 }, (_, at) => lines(index + at)).join("");
          source.sent += chunk.length;
          yield chunk;
        }
      };
      Readable.from(body())
        .on("error", () => {})
        .pipe(response);
    }) satisfies RequestListener,
  };
  return source;
}

it("a body without end is cut at its limit", async () => {
  await using at = new Scraping();
  const source = endless((index) => `# comment ${index}\n`);
  await using target = await exposer(source.respond);
  expect(await beside(at, target.address, { bodySize: MEGABYTE })).toMatch(
    /^ExpositionTooLarge: The exposition is longer than 1048576 bytes\. .*Expose less, or raise the target's limit of the body's size\.$/,
  );
  expect(source.sent).toBeLessThan(100 * MEGABYTE);
});

it("a million series are cut at the limit of samples, and none of them is made", async () => {
  await using at = new Scraping();
  const source = endless((index) => `flood{number="${index}"} 1\n`);
  await using target = await exposer(source.respond);
  expect(await beside(at, target.address, { samples: 10_000 })).toMatch(
    /^ExpositionTooLarge: There are more than 10000 samples\. \(http:\/\/TARGET\/metrics:10001\)/,
  );
});

it("samples that remain after relabelling have a limit of their own", async () => {
  await using at = new Scraping();
  await using target = await exposer("a 1\nb 1\nc 1\n");
  expect(await beside(at, target.address, { keptSamples: 2 })).toMatch(
    /^ExpositionTooLarge: After relabelling more than 2 samples of http:\/\/TARGET\/metrics remain\./,
  );
});

it("a million lines of metadata are cut as well", async () => {
  await using at = new Scraping();
  const source = endless((index) => `# HELP name_${index} text\n`);
  await using target = await exposer(source.respond);
  expect(await beside(at, target.address, { samples: 10_000 })).toMatch(
    /There are more than 10000 lines of metadata\./,
  );
});

it("a million labels of one sample are cut at the length of a line", async () => {
  await using at = new Scraping();
  const labels = Array.from({ length: 1_000_000 }, (_, index) => `l${index}="x"`).join(",");
  await using target = await exposer(`wide{${labels}} 1\n`);
  expect(await beside(at, target.address)).toMatch(
    /A line is longer than 65536 bytes\. \(http:\/\/TARGET\/metrics:1\)/,
  );
});

it("labels of one sample, names and values have limits", async () => {
  const labels = Array.from({ length: 200 }, (_, index) => `l${index}="x"`).join(",");
  const cases: readonly (readonly [string, RegExp])[] = [
    [`wide{${labels}} 1\n`, /A sample has more than 128 labels\./],
    [`${"n".repeat(2000)} 1\n`, /A name is longer than 1024 characters/],
    [`a{${"n".repeat(2000)}="x"} 1\n`, /A name is longer than 1024 characters/],
    [`a{b="${"v".repeat(20_000)}"} 1\n`, /The value of label "b" is longer than 16384 characters/],
  ];
  for (const [body, message] of cases) {
    await using at = new Scraping();
    await using target = await exposer(body);
    expect(await beside(at, target.address)).toMatch(message);
  }
});

it("a line without end is cut at the length of a line", async () => {
  await using at = new Scraping();
  const source = endless(() => "aaaaaaaaaa");
  await using target = await exposer(source.respond);
  expect(await beside(at, target.address)).toMatch(/A line is longer than 65536 bytes\./);
  expect(source.sent).toBeLessThan(100 * MEGABYTE);
});

it("bytes that are not UTF-8 are refused with their line", async () => {
  await using at = new Scraping();
  const body = Buffer.concat([
    Buffer.from('good 1\nbad{name="'),
    Buffer.from([0xc3, 0x28]),
    Buffer.from('"} 1\n'),
  ]);
  await using target = await exposer((_request, response) => response.end(body));
  expect(await beside(at, target.address)).toBe(
    "BadExposition: The line is not UTF-8. (http://TARGET/metrics:2) Encode it as UTF-8.",
  );
});

it("a small answer that unpacks to 100 MB is cut at the limit of the body", async () => {
  await using at = new Scraping();
  const packed = gzipSync(Buffer.alloc(100 * MEGABYTE, "# text\n"));
  await using target = await exposer((_request, response) => {
    response.setHeader("content-encoding", "gzip").end(packed);
  });
  expect(await beside(at, target.address, { bodySize: MEGABYTE })).toMatch(
    /The exposition is longer than 1048576 bytes\./,
  );
});

it("what is not packed as it says, or in a way that nobody asked for, is refused", async () => {
  for (const [encoding, message] of [
    ["gzip", /incorrect header check/],
    ["br", /The target answers in the encoding 'br': let it send gzip or plain text\./],
  ] as const) {
    await using at = new Scraping();
    await using target = await exposer((_request, response) => {
      response.setHeader("content-encoding", encoding).end("a 1\n");
    });
    expect(await beside(at, target.address)).toMatch(message);
  }
});

it("a target that drips is cut off at the timeout, as one that is silent", async () => {
  for (const begin of ["a 1\n", ""]) {
    await using at = new Scraping();
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    await using target = await exposer((_request, response) => {
      if (begin !== "") response.write(begin);
      resolve();
    });
    const scraped = new Promise<void>((done) => at.scraper.onScraped(() => done()));
    at.scraper.setTargets([{ job, address: target.address }]);
    await at.clock.advance(15_000);
    await asked;
    await at.clock.advance(10_000);
    await scraped;
    expect(at.series.values("up")).toContain(0);
    expect(at.lastError).toBe("The scrape took longer than 10000 ms and was broken off.");
  }
});

it("an answer that is broken off is no exposition", async () => {
  await using at = new Scraping();
  await using target = await exposer((_request, response) => {
    response.setHeader("content-length", 1000).write("a 1\n", () => response.destroy());
  });
  expect(await beside(at, target.address)).toMatch(/other side closed|terminated|aborted/);
});

it("a target that sends headers without end is cut off", async () => {
  await using at = new Scraping();
  await using target = await rawServer((socket) => {
    const header = `X-Bomb: ${"a".repeat(1000)}\r\n`;
    Readable.from(
      (function* (): Generator<string> {
        yield "HTTP/1.1 200 OK\r\n";
        for (;;) yield header;
      })(),
    )
      .on("error", () => {})
      .pipe(socket);
  });
  expect(await beside(at, target.address)).toMatch(/header/i);
});

it("a target that sends its client round in circles is given up", async () => {
  await using at = new Scraping();
  await using target: Exposer = await exposer((_request, response) => {
    response.writeHead(302, { location: `/metrics?${target.requests}` }).end();
  });
  expect(await beside(at, target.address)).toMatch(/302/);
  expect(target.requests).toBeLessThan(20);
});

it("a redirection is followed, and credentials stay with the host they are for", async () => {
  let seen: string | undefined = "nobody asked";
  await using other = await exposer((request, response) => {
    seen = request.headers.authorization;
    response.end("a 1\n");
  });
  await using target = await exposer((request, response) => {
    expect(request.headers.authorization).toBe("Bearer secret");
    response
      .writeHead(302, { location: `http://${other.address.replace("127.0.0.1", "localhost")}/metrics` })
      .end();
  });
  await using at = new Scraping();
  await at.scrape({ job: { ...job, authorization: { bearer: "secret" } }, address: target.address });
  expect(at.series.values("a")).toEqual([1]);
  expect(seen).toBeUndefined();
});

it("a target that is not there is down, and told of", async () => {
  await using at = new Scraping();
  const target = await exposer(text(""));
  await target[Symbol.asyncDispose]();
  expect(await beside(at, target.address)).toMatch(/ECONNREFUSED/);
});

async function rawServer(
  answer: (socket: Socket) => void,
): Promise<AsyncDisposable & { readonly address: string }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
