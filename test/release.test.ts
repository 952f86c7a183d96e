/** The example of a release pipeline: staging, smoke test, approval, canary with a way back, and a report whatever happens. */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ROOT, type Outcome, type TestHome } from "./support/home.ts";
import { ask, loadOn } from "./support/load.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

/** Until somebody is asked: two shops come up meanwhile, on a slow machine. */
const PATIENCE = 240_000;

interface Report {
  readonly version: string;
  readonly built: { readonly release: string } | null;
  readonly production: { readonly addresses: readonly string[] } | null;
  readonly failure: { readonly error: string; readonly message: string } | null;
}

/** Who is told how releases went. */
async function openReports(): Promise<{ readonly url: string; readonly told: readonly Report[] }> {
  const told: Report[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.once("end", () => {
      told.push(JSON.parse(body) as Report);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, told };
}

/** Who is asked about a version, and what about. */
interface Question {
  readonly name: string;
  readonly subject: unknown;
}

interface Begun {
  readonly done: Promise<Outcome>;
  readonly asked: Promise<Question>;
}

/** Rejects when it has ended before anybody was asked. */
async function early(done: Promise<Outcome>): Promise<never> {
  const { stdout, stderr } = await done;
  throw new Error(`It ended before anybody was asked:\n${stdout}\n${stderr}`);
}

class Releases {
  readonly #home: TestHome;
  readonly #report: string;
  readonly source: string;

  constructor(home: TestHome, report: string) {
    this.#home = home;
    this.#report = report;
    this.source = home.folder("shop");
    cpSync(`${ROOT}/examples/storefront`, this.source, { recursive: true });
    // What the shop's programs import.
    symlinkSync(`${ROOT}/node_modules`, join(this.source, "..", "node_modules"));
  }

  begin(version: string): Begun {
    const parameters = {
      version,
      source: this.source,
      releases: join(this.source, "..", "releases"),
      report: this.#report,
    };
    const words = Object.entries(parameters).flatMap(([name, value]) => ["-p", `${name}=${value}`]);
    const { done } = this.#home.start(["run", "release", ...words, "--wait"]);
    return { done, asked: Promise.race([this.#asked(version), early(done)]) };
  }

  async #asked(version: string): Promise<Question> {
    return until(
      `the question about ${version}`,
      async () => {
        const open = (await this.#home.list("Approval")).find(
          ({ spec, status }) =>
            spec?.["subject"].version === version && (status?.["state"] ?? "Pending") === "Pending",
        );
        return open && { name: open.metadata.name, subject: open.spec?.["subject"] as unknown };
      },
      PATIENCE,
    );
  }

  edit(file: string, from: string, to: string): void {
    const path = join(this.source, file);
    const before = readFileSync(path, "utf8");
    expect(before).toContain(from);
    writeFileSync(path, before.replace(from, to));
  }
}

async function versionsAt(url: string): Promise<unknown> {
  const response = await fetch(`${url}/api/products`);
  return [response.status, response.headers.get("x-version")];
}

test("a release goes through staging and a canary without a failed request, one that fails is taken back, one that is rejected goes nowhere", async () => {
  const home = openHome();
  const reports = await openReports();
  const releases = new Releases(home, reports.url);
  await home.ok(["up", `${ROOT}/examples/release`, "--yes"]);

  // The first: there is no production yet.
  const first = releases.begin("1.0");
  const { name } = await first.asked;
  await home.ok(["approve", name, "--yes"]);
  const { code, stdout, stderr } = await first.done;
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const live = JSON.parse(stdout) as { readonly addresses: readonly string[]; readonly release: string };
  const url = live.addresses[0]?.replace(/\/$/, "") ?? "";
  expect((await ask(`${url}/`)).body).toContain("<title>Storefront</title>");
  expect(await versionsAt(url)).toEqual([200, "1.0"]);
  expect(reports.told).toMatchObject([
    {
      version: "1.0",
      built: { release: live.release },
      production: { addresses: live.addresses },
      failure: null,
    },
  ]);

  // A good one: what is approved is the plan for production.
  releases.edit("api.ts", "There is nothing here.", "Nothing is here.");
  const load = loadOn(url, { connections: 4 });
  const second = releases.begin("1.1");
  const question = await second.asked;
  expect(question.subject).toMatchObject({
    version: "1.1",
    release: expect.not.stringMatching(live.release) as string,
    plan: { text: expect.stringMatching(/to update/) as string, hash: expect.any(String) as string },
  });
  await home.ok(["approve", question.name, "--yes"]);
  expect(await second.done).toMatchObject({ code: 0 });
  await load.more(100);
  await load.stop();
  expect(load.failures()).toEqual([]);
  expect(await versionsAt(url)).toEqual([200, "1.1"]);
  expect((await ask(`${url}/api/none`)).body).toContain("Nothing is here.");

  // One that breaks under load, which no smoke test sees: the canary does, and 1.1 is back.
  releases.edit(
    "api.ts",
    'if (path === "/api/products")',
    'if (path === "/api/products" && ++asked > 20) throw new Error("worn out");\n  if (path === "/api/products")',
  );
  releases.edit("api.ts", "async function answer", "let asked = 0;\nasync function answer");
  const third = releases.begin("1.2");
  await home.ok(["approve", (await third.asked).name, "--yes"]);
  expect(await third.done).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("BrokenAnswer") as string,
  });
  expect(reports.told.at(-1)).toMatchObject({
    version: "1.2",
    failure: {
      error: "BrokenAnswer",
      message: expect.stringContaining("/api/products of version 1.2 answered 500") as string,
    },
  });
  expect(await versionsAt(url)).toEqual([200, "1.1"]);
  await home.ok(["status", "storefront", "-n", "production"]);

  // One that is rejected changes nothing.
  const fourth = releases.begin("1.3");
  await home.ok(["reject", (await fourth.asked).name, "--yes", "--comment", "not on a Friday"]);
  expect(await fourth.done).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("not on a Friday") as string,
  });
  expect(reports.told.at(-1)).toMatchObject({ version: "1.3", failure: { error: "Rejected" } });
  expect(await versionsAt(url)).toEqual([200, "1.1"]);

  // One with a secret in its sources does not even come to staging.
  writeFileSync(join(releases.source, "leak.ts"), '\nexport const token = "sk_live_0123456789";\n');
  const fifth = releases.begin("1.4");
  await expect(fifth.asked).rejects.toThrow();
  expect(await fifth.done).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("leak.ts:2 holds a key of a service") as string,
  });
  expect(reports.told).toHaveLength(5);
}, 900_000);
