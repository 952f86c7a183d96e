/** The example of a pipeline over real files: it fans out over what it finds, and says where each figure comes from. */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TestHome } from "./support/home.ts";
import { ROOT } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";

const DATA = join(ROOT, "examples/etl/data");

interface Lineage {
  readonly output: { readonly file: string; readonly sha256: string };
  readonly run: string;
  readonly inputs: readonly {
    readonly file: string;
    readonly sha256: string;
    readonly rows: number;
    readonly rejected: readonly { readonly line: number; readonly why: string }[];
  }[];
}

const hashOf = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");
const lineageOf = (to: string): Lineage => JSON.parse(readFileSync(`${to}.lineage.json`, "utf8")) as Lineage;

async function load(home: TestHome, folder: string, to: string): Promise<unknown> {
  const printed = await home.ok(["run", "sales", "-p", `folder=${folder}`, "-p", `to=${to}`, "--wait"]);
  return JSON.parse(printed) as unknown;
}

test("the pipeline takes as many files as there are, rejects what is wrong line by line, and records the lineage of its output", async () => {
  const home = openHome();
  await home.ok(["up", `${ROOT}/examples/etl`, "--yes"]);
  const folder = join(home.path, "orders");
  const to = join(home.path, "out/sales.json");
  mkdirSync(folder);
  for (const name of readdirSync(DATA)) copyFileSync(join(DATA, name), join(folder, name));

  expect(await load(home, folder, to)).toEqual({ file: to, products: 4, rows: 8, rejected: 1 });
  expect(JSON.parse(readFileSync(to, "utf8"))).toMatchObject({
    lamp: { quantity: 8, revenue: 307.2 },
    chair: { quantity: 5, revenue: 445 },
  });
  const first = lineageOf(to);
  expect(first.output.sha256).toBe(hashOf(to));
  expect(first.inputs.map(({ file, sha256 }) => [file, sha256])).toEqual(
    readdirSync(folder).map((name) => [join(folder, name), hashOf(join(folder, name))]),
  );
  expect(first.inputs[1]?.rejected).toEqual([{ line: 4, why: "quantity" }]);

  // A file more is a step more; nobody changed the workflow.
  writeFileSync(join(folder, "2026-11-04.csv"), "order,product,quantity,price\n1010,lamp,1,40\n");
  expect(await load(home, folder, to)).toMatchObject({ rows: 9 });
  expect(lineageOf(to).inputs).toHaveLength(4);
  expect(lineageOf(to).run).not.toBe(first.run);

  // A file of another kind fails the run for good, and what was published stays as it was.
  const published = readFileSync(to, "utf8");
  writeFileSync(join(folder, "2026-11-05.csv"), "some,other,columns\n1,2,3\n");
  const failed = await home.tutti(["run", "sales", "-p", `folder=${folder}`, "-p", `to=${to}`, "--wait"]);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(/WrongColumns[^]*2026-11-05\.csv has the columns 'some,other,columns'/);
  expect(readFileSync(to, "utf8")).toBe(published);
}, 240_000);
