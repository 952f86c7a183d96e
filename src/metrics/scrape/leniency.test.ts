/** Odd expositions in the Prometheus format: Debian's Prometheus and our scraper take and refuse the same, and read the same of it. */
import { expect, it, vi } from "vitest";
import { Labels } from "../labels.ts";
import { exposer } from "./fixtures/exposer.ts";
import { prometheus } from "./fixtures/program.ts";
import { job, Scraping } from "./fixtures/scraping.ts";

const bodies: readonly string[] = [
  "",
  "\n\n",
  "a 1",
  "a 1\n",
  "a\t1\n",
  "a  1   \n",
  "a 1 1.5\n",
  "a 1 x\n",
  "a 1 2 3\n",
  "a\n",
  "a \n",
  "a 0x10\n",
  "a 0x1p3\n",
  "a 1_000\n",
  "a 1e999\n",
  "a 1e-999\n",
  "a .5\n",
  "a 5.\n",
  "a .\n",
  "a +1\n",
  "a Inf\n",
  "a +inf\n",
  "a -Infinity\n",
  "a nan\n",
  "a +NaN\n",
  "a NaNs\n",
  "a 1\r\n",
  "1a 1\n",
  "a-b 1\n",
  "a.b 1\n",
  "a:b 1\n",
  "é 1\n",
  "a{} 1\n",
  'a {b="c"} 1\n',
  'a{b="c"}1\n',
  'a{ b = "c" } 1\n',
  'a{b="c",} 1\n',
  "a{,} 1\n",
  'a{b="c",,d="e"} 1\n',
  'a{b="c" d="e"} 1\n',
  "a{b='c'} 1\n",
  "a{b=c} 1\n",
  "a{b} 1\n",
  'a{b="c" 1\n',
  'a{b="c} 1\n',
  'a{b="}"} 1\n',
  'a{b="\\"\\\\\\n\\t"} 1\n',
  'a{b=""} 1\n',
  'a{1b="c"} 1\n',
  'a{b:c="d"} 1\n',
  'a{b="c",b="d"} 1\n',
  'a{__name__="b"} 1\n',
  'a{__x="b"} 1\n',
  "a 1 # {} 1\n",
  "# anything\na 1\n",
  "#anything\na 1\n",
  "# TYPE a counter\na 1\n",
  "# TYPE a untyped\na 1\n",
  "# TYPE a strange\na 1\n",
  '# HELP a \\x "text"\na 1\n',
  "# HELP a\na 1\n",
  "# TYPE b gauge\na 1\n",
  "# EOF\na 1\n",
  "# UNIT a b\na 1\n",
  "a 1\na 2\n",
  "a 1\nb x\n",
  "# TYPE a gauge\n# TYPE a gauge\na 1\na 1\n",
];

/**
 * The description of the format allows any number of blanks between tokens and at both ends of a line
 * (prometheus.io/docs/instrumenting/exposition_formats, "Line format"); Prometheus' parser does not everywhere.
 */
const allowed: readonly string[] = ["  a 1\n", "#  TYPE  a  gauge\na 1\n"];

interface VectorAnswer {
  readonly data: {
    readonly result: readonly { readonly metric: Record<string, string>; readonly value: [number, string] }[];
  };
}

async function query(address: string, expression: string): Promise<VectorAnswer["data"]["result"]> {
  const answer = await fetch(`http://${address}/api/v1/query?query=${encodeURIComponent(expression)}`);
  return ((await answer.json()) as VectorAnswer).data.result;
}

it("Prometheus and we take and refuse the same", { timeout: 120_000 }, async () => {
  await using target = await exposer((request, response) => {
    response.setHeader("content-type", "text/plain; version=0.0.4").end(all[Number(request.url?.slice(1))]);
  });
  const all = [...bodies, ...allowed];
  const places = all.map((_body, index) => ({ __metrics_path__: `/${index}`, body: String(index) }));
  await using server = await prometheus({
    global: { scrape_interval: "1s" },
    scrape_configs: [
      {
        job_name: "shop",
        static_configs: places.map((labels) => ({ targets: [target.address], labels })),
      },
    ],
  });
  await vi.waitFor(async () => expect(await query(server.address, "up")).toHaveLength(all.length), {
    timeout: 60_000,
    interval: 200,
  });
  const theirs = new Map<string, string[]>(all.map((_body, index) => [String(index), []]));
  for (const { metric, value } of await query(server.address, '{job="shop",__name__!~"scrape_.*"}'))
    theirs.get(metric["body"] ?? "")?.push(`${Labels.of(metric).toString()} ${value[1]}`);
  const different: string[] = [];
  for (const [index, body] of all.entries()) {
    await using at = new Scraping();
    await at.scrape({ job, address: target.address, labels: places[index] ?? {} });
    const ours = at.series
      .entries()
      .filter(([name]) => !name.startsWith("scrape_"))
      .map(([name, points]) => `${name} ${shown(points.at(-1)?.value)}`);
    if (ours.sort().join("\n") === theirs.get(String(index))?.sort().join("\n")) continue;
    different.push(body);
    expect(ours.some((line) => line.startsWith("up{") && line.endsWith(" 1"))).toBe(true);
  }
  expect(different).toEqual(allowed);
});

function shown(value: unknown): string {
  return value === Infinity ? "+Inf" : String(value).replace("Infinity", "Inf");
}
