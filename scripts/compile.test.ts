import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

test("every source can be loaded without doing anything, so that all are compiled at installation", () => {
  const cache = mkdtempSync(join(tmpdir(), "tutti-compiled-"));
  onTestFinished(() => rmSync(cache, { recursive: true, force: true }));
  const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, "compile.ts")], {
    encoding: "utf8",
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  });
  expect(stderr).not.toMatch(/Error/);
  expect(status).toBe(0);
  expect(readdirSync(cache, { recursive: true }).length).toBeGreaterThan(500);
}, 120_000);
