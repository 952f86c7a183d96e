/** Backups of a real Redis server. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Resource } from "../../../model/resource.ts";
import { conformanceContext } from "../../../provider/conformance.ts";
import type { ProviderContext } from "../../../provider/provider.ts";
import { Providers, desiredDatabase } from "../fixtures/providers.ts";
import { type Send, withConnection } from "./connection.ts";

const providers = new Providers();
beforeAll(() => providers.open().then(() => {}));
afterAll(() => providers.close());

interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

function within<T>(outputs: Readonly<Record<string, unknown>>, use: (send: Send) => Promise<T>): Promise<T> {
  return withConnection(conformanceContext.keyring.openAll(outputs) as unknown as Login, use);
}

it("is verified, and restored into a new database equals the original", async () => {
  const provider = providers.of("server");
  const spec = { class: "server", engine: "redis" };
  const desired = desiredDatabase("cache", spec);
  const { outputs } = await provider.ensure(desired, conformanceContext);
  await within(outputs, async (send) => {
    for (let n = 0; n < 200; n += 1) await send("SET", `key:${n}`, `value ${n}`);
    await send("RPUSH", "list", "a", "b", "a");
    await send("SADD", "set", "x", "y", "z");
    await send("HSET", "hash", "one", "1", "two", "2");
    await send("ZADD", "scores", "1.5", "a", "2", "b");
    await send("XADD", "stream", "*", "field", "value");
    await send("SET", "soon", "gone", "EX", "3600");
    await send("SELECT", "3");
    await send("SET", "elsewhere", "too");
  });
  const path = join(providers.folder, "monday");
  mkdirSync(path);
  const report = await provider.backup(desired, path, conformanceContext);
  await within(outputs, (send) => send("SET", "later", "not in it"));
  expect(await provider.verify(desired, path, conformanceContext)).toBe(report.checksum);
  expect(await provider.checksum(desired, conformanceContext)).not.toBe(report.checksum);

  const status = {
    path,
    checksum: report.checksum,
    engine: "redis",
    conditions: [{ type: "Ready", status: "True" }],
  };
  const context: ProviderContext = {
    ...conformanceContext,
    lookUp: () => ({ status }) as unknown as Resource,
  };
  const copy = desiredDatabase("cache-copy", { ...spec, restore: { backup: "monday" } });
  const restored = await provider.ensure(copy, context);
  expect(restored.ready).toBe(true);
  expect(await provider.checksum(copy, conformanceContext)).toBe(report.checksum);
  await within(restored.outputs, async (send) => {
    expect(await send("GET", "key:7")).toBe("value 7");
    expect(await send("SET", "here", "1")).toBe("OK");
  });
});
