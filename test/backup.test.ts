/** The example of a nightly backup: what was backed up is restored and looked into, and nothing of that stays. */
import { copyFileSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT, type TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

/** Of scrapes and rules on a slow machine. */
const PATIENCE = 90_000;

interface Result {
  readonly backup: string;
  readonly bytes: number;
  readonly restored: { readonly rows: Readonly<Record<string, number>> };
  readonly pruned: readonly string[];
}

function sql(home: TestHome, text: string): Promise<string> {
  return home.ok(["db", "psql", "orders", "--", "--no-psqlrc", "--quiet", "-At", "-c", text]);
}

async function backUp(home: TestHome, ...parameters: readonly string[]): Promise<Result> {
  const words = parameters.flatMap((one) => ["-p", one]);
  return JSON.parse(await home.ok(["run", "backup", ...words, "--wait"])) as Result;
}

/** A byte in the middle of what a backup holds. */
function damage(folder: string): void {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile() && !path.endsWith("backup.json"));
  expect(files).not.toEqual([]);
  for (const path of files) {
    const bytes = readFileSync(path);
    for (let at = bytes.length >> 2; at < (bytes.length * 3) >> 2; at += 1)
      bytes[at] = (bytes[at] ?? 0) ^ 0x55;
    writeFileSync(path, bytes);
  }
}

test("a backup is good once its restore has been looked into; one that is damaged fails, is alerted of, and leaves nothing", async () => {
  const home = openHome();
  // As people have it: a folder of their own, with the packages that its programs import.
  const folder = home.folder("books");
  for (const name of ["tutti.ts", "check.ts"])
    copyFileSync(`${ROOT}/examples/backup/${name}`, join(folder, name));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  symlinkSync(`${ROOT}/node_modules`, join(folder, "node_modules"));
  await home.ok(["up", folder, "--yes"]);
  const scratchIsGone = async (): Promise<void> =>
    expect(await home.get("Database/orders-check")).toBeUndefined();

  // Nothing in it: a backup of nothing is no backup of orders.
  const empty = await home.tutti(["run", "backup", "--wait"]);
  expect(empty).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("Nothing is in the database that was restored.") as string,
  });
  await scratchIsGone();

  await sql(home, "create table orders as select n as id, 'x' || n as name from generate_series(1, 500) n");
  await sql(home, "create table customers as select n as id from generate_series(1, 20) n");
  const first = await backUp(home);
  expect(first).toMatchObject({ restored: { rows: { customers: 20, orders: 500 } }, pruned: [] });
  expect(first.bytes).toBeGreaterThan(0);
  await scratchIsGone();

  // Only so many stay.
  await sql(home, "delete from orders where id > 400");
  const second = await backUp(home, "keep=1");
  expect(second).toMatchObject({ restored: { rows: { orders: 400 } } });
  expect(second.pruned).toContain(first.backup);
  expect((await home.list("Backup")).map(({ metadata }) => metadata.name)).toContain(second.backup);
  expect(await home.get(`Backup/${first.backup}`)).toBeUndefined();

  // One that somebody made is tested as well, again when something has become of its files, and is never pruned.
  await home.ok(["db", "backup", "orders", "--as", "monday"]);
  const tested = await backUp(home, "backup=monday", "keep=1");
  expect(tested).toMatchObject({ backup: "monday", restored: { rows: { orders: 400 } }, pruned: [] });
  damage(String((await home.get("Backup/monday"))?.status?.["path"]));
  const failed = await home.tutti(["run", "backup", "-p", "backup=monday", "--wait"]);
  expect(failed).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("database/orders-check will not be Ready") as string,
  });
  await scratchIsGone();
  expect(await sql(home, "select count(*) from orders")).toBe("400\n");
  await until(
    "the alert",
    async () =>
      (await home.list("Alert")).some(
        ({ spec, status }) =>
          spec?.["labels"].alertname === "WorkflowRunFailed" && status?.["state"] === "firing",
      ),
    PATIENCE,
  );

  // The address of the scratch database, with its password, is nowhere but where it was used.
  const { journal } = { journal: join(home.path, "workflows") };
  for (const file of readdirSync(journal, { recursive: true, encoding: "utf8" }))
    if (statSync(join(journal, file)).isFile())
      expect(readFileSync(join(journal, file), "latin1"), file).not.toMatch(/postgres(ql)?:\/\/\w+:/);

  expect(await home.ok(["schedule", "next", "nightly", "--count", "1"])).toMatch(/03:00/);
}, 600_000);
