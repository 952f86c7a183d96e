import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { ROOT, type TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { ask } from "./support/load.ts";

/** The real npm, which knows this registry only and keeps its settings and cache in the test's folder. */
function npmFor(home: TestHome, registry: string) {
  const userconfig = join(home.folder("npm"), "npmrc");
  return {
    login: (token: string): void =>
      writeFileSync(userconfig, `${registry.replace("http:", "")}/:_authToken=${token}\n`, { mode: 0o600 }),
    run: async (cwd: string, ...args: readonly string[]): Promise<string> => {
      const flags = [
        `--registry=${registry}/`,
        `--userconfig=${userconfig}`,
        `--cache=${home.folder("npm/cache")}`,
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
      ];
      const { stdout } = await promisify(execFile)("npm", [...args, ...flags], { cwd, timeout: 60_000 });
      return stdout;
    },
  };
}

async function register(registry: string, name: string): Promise<string> {
  const { status, body } = await ask(`${registry}/-/user/org.couchdb.user:${name}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ _id: `org.couchdb.user:${name}`, name, password: "correct horse", type: "user" }),
  });
  expect({ status, body }).toMatchObject({ status: 201 });
  return (JSON.parse(body) as { readonly token: string }).token;
}

function writePackage(
  folder: string,
  manifest: object,
  files: Readonly<Record<string, string>> = {},
): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

test("three instances of a registry nobody here wrote take a package from npm and give it back", async () => {
  const home = openHome();
  const [first = ""] = (await home.ok(["up", `${ROOT}/examples/registry`])).split("\n");
  const registry = first.replace(/\/$/, "");
  expect(await home.pids("verdaccio")).toHaveLength(3);

  const npm = npmFor(home, registry);
  npm.login(await register(registry, "anna"));
  const mine = { name: "tutti-test-package", version: "1.2.3", main: "index.js" };
  await npm.run(
    writePackage(home.folder("mine"), mine, { "index.js": "module.exports = 'played'" }),
    "publish",
  );
  const user = writePackage(home.folder("user"), { name: "user", version: "1.0.0", private: true });
  await npm.run(user, "install", "tutti-test-package@^1");
  const installed = readFileSync(join(user, "node_modules/tutti-test-package/index.js"), "utf8");
  expect(installed).toBe("module.exports = 'played'");
  // Whichever of the three is asked knows it.
  const versions = await Promise.all(
    Array.from({ length: 9 }, async () => (await ask(`${registry}/tutti-test-package`)).body),
  );
  expect(versions.map((body) => (JSON.parse(body) as { "dist-tags": object })["dist-tags"])).toEqual(
    Array.from({ length: 9 }, () => ({ latest: "1.2.3" })),
  );
  const kept = await home.ok(["down", "registry", "--yes"]);
  expect(kept).toContain("volume/packages");
});
