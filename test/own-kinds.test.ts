/**
 * A kind of somebody's own from its declaration to its end: planned, made, listed, drifted, adopted, made anew, renamed, taken back;
 * through the API as `kubectl` sees it; and through the death of whoever was at work.
 */
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from "vitest";
import { TestHome } from "./support/home.ts";
import { until } from "./support/until.ts";

let home: TestHome;
beforeAll(() => (home = new TestHome()));
beforeEach(() => onTestFailed(async () => console.error(await home.diagnosis())));
afterAll(() => home.destroy());

/** What people write: one file of a folder is one shelf of a warehouse. */
const SHELF = `import { appendFileSync, existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { defineResource, TerminalError, z } from "tutti";

export const shelf = defineResource("Shelf", {
  description: "A shelf of the warehouse",
  spec: z.object({
    file: z.string().meta({ immutable: true }).describe("Where it stands."),
    goods: z.string().describe("What lies on it."),
    code: z.string().optional().meta({ secret: true }).describe("Of its lock."),
  }),
  outputs: z.object({ weight: z.number().describe("In grams.") }),
  columns: { Weight: "status.weight", Goods: "spec.goods" },
  plural: "shelves",
  shortNames: ["sh"],
  observe: async ({ spec: { file }, adopted }) => {
    const goods = await readFile(adopted ?? file, "utf8").catch(() => undefined);
    return goods === undefined ? undefined : { actual: { goods }, outputs: { weight: goods.length } };
  },
  ensure: async ({ spec: { file, goods }, uid, adopted }) => {
    appendFileSync(process.cwd() + "/calls.log", uid + "\\n");
    if (goods === "gold") throw new TerminalError("Nobody sells gold", { details: { hint: "Take silver." } });
    await writeFile(adopted ?? file, goods);
    // Half-way: whoever dies here has made it, and has told nobody.
    while (existsSync(process.cwd() + "/hold")) await new Promise((resolve) => setTimeout(resolve, 20));
  },
  remove: ({ spec: { file }, adopted }) => rm(adopted ?? file, { force: true }),
  list: async () => [{ id: process.cwd() + "/found.txt", name: "found", spec: { file: process.cwd() + "/found.txt", goods: "nails" }, description: "a shelf that somebody left" }],
  adopt: async ({ id }) => void (await readFile(id)),
});
`;

function program(resources: string, more = ""): string {
  return `import { resource, secret, system } from "tutti";
import { shelf } from "./shelf.ts";
${more}
export default system("warehouse", [${resources}]);
`;
}

let folder = "";
const at = (name: string): string => join(folder, name);
const read = (name: string): string => readFileSync(at(name), "utf8");
const one = (goods: string, name = "one.txt"): string =>
  `shelf("one", { file: ${JSON.stringify(at(name))}, goods: ${JSON.stringify(goods)}, lifecycle: { drift: { every: "1s" } } })`;

function declare(resources: string, more?: string): void {
  folder = home.folder("warehouse");
  home.declare(SHELF, { file: "shelf.ts", folder: "warehouse" });
  home.declare(program(resources, more), { file: "tutti.ts", folder: "warehouse" });
}

async function asked(
  path: string,
  init: RequestInit = {},
): Promise<{ readonly code: number; readonly body: never }> {
  const url = home.registration()?.url ?? "";
  const headers = {
    authorization: `Bearer ${home.token}`,
    ...(init.headers as Readonly<Record<string, string>>),
  };
  const response = await fetch(`${url}${path}`, { ...init, headers });
  return { code: response.status, body: (await response.json()) as never };
}

async function statusOf(name: string): Promise<object> {
  const { body } = await asked(`/apis/own.tutti.dev/v1/namespaces/default/shelves/${name}`);
  return (body as { readonly status: object }).status;
}

test(
  "it is planned and made like any other, and what others make of it is told",
  { timeout: 120_000 },
  async () => {
    folder = home.folder("warehouse");
    declare(
      `apples, resource("total", { config: { grams: apples.weight } })`,
      `const apples = ${one("apples")};`,
    );
    const plan = await home.ok(["plan", folder]);
    expect(plan).toContain("+ customResourceDefinition/shelves.own.tutti.dev");
    expect(plan).toMatch(/spec\.goods +"apples"/);
    expect(plan).toMatch(/spec\.config\.grams +\(known after shelf\/one\)/);
    await home.ok(["up", folder, "--yes"]);
    expect(read("one.txt")).toBe("apples");
    expect((await home.get("Resource/total"))?.status).toMatchObject({ output: { grams: 6 } });
    expect(await home.ok(["get", "sh"])).toMatch(/NAME +READY +WEIGHT +GOODS +AGE\none +True +6 +apples/);
    expect(await home.ok(["schema", "shelf"])).toContain("What lies on it.");
    const words = ["completion", "words", "--"];
    expect(await home.ok([...words, "get", "shel"])).toContain("shelves");
    expect(await home.ok([...words, "get", "shelf/"])).toContain("shelf/one");
    expect(await home.ok(["plan", folder])).toContain("Nothing to do");
  },
);

describe("as kubectl sees it", () => {
  test("its definition and it itself are served, found and explained", async () => {
    const { body: crd } = await asked(
      "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/shelves.own.tutti.dev",
    );
    expect(crd).toMatchObject({
      spec: { names: { kind: "Shelf", plural: "shelves", singular: "shelf", shortNames: ["sh"] } },
      status: { storedVersions: ["v1"], acceptedNames: { kind: "Shelf" } },
    });
    const { body: group } = await asked("/apis/own.tutti.dev/v1");
    expect(group).toMatchObject({
      resources: [{ name: "shelves", kind: "Shelf" }, { name: "shelves/status" }],
    });
    const { body: document } = await asked("/openapi/v3/apis/own.tutti.dev/v1");
    expect(document).toMatchObject({
      components: { schemas: { "dev.tutti.own.v1.Shelf": { description: "A shelf of the warehouse." } } },
    });
    const { body: table } = await asked("/apis/own.tutti.dev/v1/namespaces/default/shelves", {
      headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
    });
    expect(table).toMatchObject({
      kind: "Table",
      rows: [{ cells: ["one", "True", 6, "apples", expect.anything()] }],
    });
  });

  test("what does not fit is refused, and so is taking the kind away from what is of it", async () => {
    const wrong = {
      apiVersion: "own.tutti.dev/v1",
      kind: "Shelf",
      metadata: { name: "two" },
      spec: { goods: 5 },
    };
    const refused = await asked("/apis/own.tutti.dev/v1/namespaces/default/shelves", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(wrong),
    });
    expect(refused.code).toBe(422);
    expect(JSON.stringify(refused.body)).toContain("spec.goods");
    const removal = await asked(
      "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/shelves.own.tutti.dev",
      {
        method: "DELETE",
      },
    );
    expect(removal).toMatchObject({
      code: 409,
      body: { message: expect.stringContaining("in use") as string },
    });
  });
});

test("what somebody changes by hand is told by its path, and set back", async () => {
  writeFileSync(at("one.txt"), "pears");
  await until("it to be set back", () => read("one.txt") === "apples");
  const told = (await home.list("Event")).map((event) => (event as { readonly message?: string }).message);
  expect(told.join("\n")).toContain("spec.goods");
});

test("it is made anew where a field cannot be changed in place, and undo brings back what was", async () => {
  declare(one("apples", "moved.txt"));
  expect(await home.ok(["plan", folder])).toMatch(/-\/\+ shelf\/one|± shelf\/one|replace/);
  await home.ok(["up", folder, "--yes"]);
  expect([existsSync(at("one.txt")), read("moved.txt")]).toEqual([false, "apples"]);
  const changes = (await home.list("Change")).map(({ metadata }) => metadata.name).toSorted();
  await home.ok(["undo", changes.at(-1) ?? "", "--yes"]);
  await until("the first to be back", () =>
    Promise.resolve(existsSync(at("one.txt")) && !existsSync(at("moved.txt")) ? true : undefined),
  );
});

test("what a function refuses is an error with its hint; nothing else is harmed", async () => {
  declare(`${one("apples")}, shelf("two", { file: ${JSON.stringify(at("two.txt"))}, goods: "gold" })`);
  const failed = await home.tutti(["up", folder, "--yes"]);
  expect(failed.code).toBe(1);
  expect(failed.stdout + failed.stderr).toContain("Nobody sells gold. Take silver.");
  expect(await statusOf("one")).toMatchObject({ weight: 6 });
});

test("what is there already is found and adopted as it is", async () => {
  writeFileSync(at("found.txt"), "nails");
  expect(await home.ok(["discover", "--class", "custom"])).toContain("a shelf that somebody left");
  declare(
    `${one("apples")}, shelf("found", { file: ${JSON.stringify(at("x.txt"))}, goods: "nails", lifecycle: { onDelete: "retain" } }, ` +
      `{ annotations: { "tutti.dev/adopt": ${JSON.stringify(at("found.txt"))} } })`,
  );
  await home.ok(["up", folder, "--yes"]);
  expect(await statusOf("found")).toMatchObject({ weight: 5 });
  expect(existsSync(at("x.txt"))).toBe(false);
});

test("a changed module is taken when it is applied, and not before", async () => {
  declare(one("plums"), "");
  writeFileSync(
    at("shelf.ts"),
    SHELF.replace("writeFile(adopted ?? file, goods)", "writeFile(adopted ?? file, goods + '!')"),
  );
  writeFileSync(at("one.txt"), "pears");
  await until("it to be set back", () => read("one.txt") === "apples");
  writeFileSync(at("shelf.ts"), SHELF.replace("goods.length", "goods.length * 2"));
  await home.ok(["up", folder, "--yes"]);
  expect(await statusOf("one")).toMatchObject({ weight: 10 });
});

describe("in the middle of being made", () => {
  const hold = (): void => writeFileSync(at("hold"), "");
  const calls = (): number => (existsSync(at("calls.log")) ? read("calls.log").split("\n").length : 0);
  const workers = (): readonly number[] =>
    readdirSync("/proc").flatMap((pid) => {
      if (!/^\d+$/.test(pid)) return [];
      try {
        const isOurs = readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("providers/custom/main");
        const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
        return isOurs && environment.includes(home.path) ? [Number(pid)] : [];
      } catch {
        return [];
      }
    });

  test("the process of its functions may be killed: the next call finishes it, and makes no second one", async () => {
    hold();
    declare(one("quinces"));
    const before = calls();
    const up = home.tutti(["up", folder, "--yes"]);
    await until("the call", () =>
      Promise.resolve(calls() > before && read("one.txt") === "quinces" ? true : undefined),
    );
    for (const pid of workers()) process.kill(pid, "SIGKILL");
    rmSync(at("hold"));
    expect(await up).toMatchObject({ code: 0 });
    expect(read("one.txt")).toBe("quinces");
  });

  test("the control plane may be killed: its functions end with it, and the next one finishes it", async () => {
    hold();
    declare(one("cherries"));
    const before = calls();
    const up = home.start(["up", folder, "--yes"]);
    await until("the call", () =>
      Promise.resolve(calls() > before && read("one.txt") === "cherries" ? true : undefined),
    );
    await home.killControlPlane();
    up.child.kill("SIGKILL");
    await until("its functions to be gone", () => Promise.resolve(workers().length === 0 ? true : undefined));
    rmSync(at("hold"));
    await home.ok(["up", folder, "--yes"]);
    expect(await statusOf("one")).toMatchObject({ weight: 8 });
    expect(await home.ok(["get", "shelves"])).toContain("cherries");
  });
});

test("another system may use it, in YAML as well, and then it stays", async () => {
  const other = home.declare(
    `kind: System\nmetadata: { name: annex }\n---\nkind: Shelf\nmetadata: { name: small }\nspec: { file: ${at("small.txt")}, goods: salt }\n`,
    { file: "tutti.yaml", folder: "annex" },
  );
  await home.ok(["up", other, "--yes"]);
  expect(read("small.txt")).toBe("salt");
  const refused = await home.tutti(["down", "warehouse", "--yes"]);
  expect(refused.code).not.toBe(0);
  expect(refused.stdout + refused.stderr).toContain("customResourceDefinition/shelves.own.tutti.dev");
  await home.ok(["down", "annex", "--yes"]);
  await home.ok(["down", "warehouse", "--yes"]);
  expect([existsSync(at("one.txt")), existsSync(at("small.txt"))]).toEqual([false, false]);
  const gone = await home.tutti(["get", "shelves"]);
  expect(gone.code).not.toBe(0);
  expect(gone.stderr).toContain("There is no kind 'shelves'");
});
