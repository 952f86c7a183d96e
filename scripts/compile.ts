/**
 * Fills the cache of compiled sources after an installation, so that the very first `./tutti up` starts as fast, and its control
 * plane is as small, as every later one: `node scripts/compile.ts`. Without the cache a process strips and compiles what it
 * loads: half a second, and 40 MB that stay with the control plane.
 *
 * Modules are loaded, which changes nothing. Those that are programs (main.ts, *-main.ts, worker.ts) are run, each in a way in which
 * it ends at once: what it says then does not matter, only that it has been compiled.
 */
import { spawn } from "node:child_process";
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { enableCompileCache, flushCompileCache } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../src/clock/clock.ts";
import { openSqliteStore } from "../src/stores/sqlite.ts";

const root = join(import.meta.dirname, "..");
/** The same place as in ./tutti. */
const cache = process.env["NODE_COMPILE_CACHE"] ?? join(root, "node_modules/.cache/tutti/compiled");
const isProgram = /(^|\/)([\w-]+-)?(main|worker)\.ts$/;
const isForTests = /\.test\.ts$|\/(fixtures|conformance|testing)\//;
const LIBRARIES = ["yaml", "postgres", "undici", "ws"];
const PATIENCE = 5_000;

function run(program: string): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", join(root, program), "version"],
      { stdio: "ignore", env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: cache } },
    );
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
    child.once("error", () => resolve());
    child.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

enableCompileCache(cache);
const sources = globSync("src/**/*.ts", { cwd: root }).filter((file) => !isForTests.test(file));
for (const source of sources) if (!isProgram.test(source)) await import(join(root, source));
for (const library of LIBRARIES) await import(library);
await (await import("../src/providers/local/balancer/certificate.ts")).selfSigned(["localhost"]);
// The worker runs inside a store.
const folder = mkdtempSync(join(tmpdir(), "tutti-compile-"));
await (await openSqliteStore({ file: join(folder, "store.db"), clock: systemClock })).close();
rmSync(folder, { recursive: true, force: true });
flushCompileCache();
await Promise.all(
  sources.filter((source) => isProgram.test(source) && !source.endsWith("/worker.ts")).map(run),
);
