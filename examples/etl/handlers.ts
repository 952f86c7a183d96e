/** What the steps of the pipeline do. They read and write files, and may be done twice: each writes the same bytes again. */
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TerminalError, handler, z } from "tutti";

const row = z.object({
  order: z.coerce.number().int(),
  product: z.string().min(1),
  quantity: z.coerce.number().int().positive(),
  price: z.coerce.number().positive(),
});

const loaded = z.object({
  file: z.string(),
  sha256: z.string(),
  rows: z.number(),
  rejected: z.array(z.object({ line: z.number(), why: z.string() })),
  products: z.record(z.string(), z.object({ quantity: z.number(), cents: z.number() })),
});
type Loaded = z.output<typeof loaded>;

/** Which files there are. The pipeline fans out over them, so nobody says beforehand how many steps it has. */
export const list = handler("list", async ({ folder }: { folder: string }) => {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".csv")).sort();
  if (names.length === 0)
    throw new TerminalError(`There are no .csv files in ${folder}.`, { name: "NoFiles" });
  return { files: names.map((name) => join(folder, name)) };
});

/** One file: read, checked line by line, summed up. A line that is wrong is rejected, and said; a wrong file fails. */
export const load = handler(
  "load",
  { input: z.object({ file: z.string() }), result: loaded },
  async ({ file }, { log }): Promise<Loaded> => {
    const bytes = await readFile(file);
    const [head = "", ...lines] = bytes.toString("utf8").trimEnd().split("\n");
    if (head !== "order,product,quantity,price")
      throw new TerminalError(`${file} has the columns '${head}'.`, { name: "WrongColumns" });
    const rejected: { line: number; why: string }[] = [];
    const products: Record<string, { quantity: number; cents: number }> = {};
    for (const [index, line] of lines.entries()) {
      const [order, product, quantity, price] = line.split(",");
      const parsed = row.safeParse({ order, product, quantity, price });
      if (!parsed.success) {
        rejected.push({
          line: index + 2,
          why: parsed.error.issues.map(({ path }) => path.join(".")).join(", "),
        });
        continue;
      }
      const sum = (products[parsed.data.product] ??= { quantity: 0, cents: 0 });
      sum.quantity += parsed.data.quantity;
      sum.cents += Math.round(parsed.data.price * 100) * parsed.data.quantity;
    }
    log(`${file}: ${lines.length - rejected.length} rows, ${rejected.length} rejected`);
    return { file, sha256: sha256(bytes), rows: lines.length - rejected.length, rejected, products };
  },
);

/** All of them together, and where each figure comes from: the lineage names run, sources and their hashes. */
export const publish = handler(
  "publish",
  async ({ parts, to }: { parts: readonly Loaded[]; to: string }, { run }) => {
    const totals: Record<string, { quantity: number; revenue: number; sources: string[] }> = {};
    for (const { file, products } of parts)
      for (const [product, { quantity, cents }] of Object.entries(products)) {
        const sum = (totals[product] ??= { quantity: 0, revenue: 0, sources: [] });
        sum.quantity += quantity;
        sum.revenue = (Math.round(sum.revenue * 100) + cents) / 100;
        sum.sources.push(file);
      }
    const report = JSON.stringify(totals, null, 2);
    const lineage = {
      output: { file: to, sha256: sha256(report) },
      run,
      inputs: parts.map(({ file, sha256: hash, rows, rejected }) => ({ file, sha256: hash, rows, rejected })),
    };
    await write(to, report);
    await write(`${to}.lineage.json`, JSON.stringify(lineage, null, 2));
    return {
      file: to,
      products: Object.keys(totals).length,
      rows: parts.reduce((sum, { rows }) => sum + rows, 0),
      rejected: parts.reduce((sum, { rejected }) => sum + rejected.length, 0),
    };
  },
);

/** Whole or not at all, for whoever reads it while it is written. */
async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
