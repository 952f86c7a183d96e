import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { Balancer } from "./balancer.ts";
import { freePort, HOST, simple } from "./fixtures/processes.ts";

const seams = { now: (): number => performance.now(), random: Math.random };
const a = { id: "a", host: HOST, port: 1, state: "ready" } as const;
const b = { id: "b", host: HOST, port: 2, state: "ready" } as const;

describe("order of changes", () => {
  it("applies a change of members after the configuration that was asked for before it", async () => {
    const balancer = new Balancer(seams);
    const configured = balancer.configure(simple([a, b]));
    const changed = balancer.changePool("app", (pool) => pool.setMembers([b]));
    await Promise.all([configured, changed]);
    expect(balancer.pool("app")?.members.map((one) => one.id)).toEqual(["b"]);
    balancer.destroy();
  });

  it("leaves members alone when it tries again to listen", async () => {
    const taken = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => taken.listen(port, HOST, resolve));
    const balancer = new Balancer(seams);
    expect(await balancer.restore(simple([a, b], {}, port), {})).toMatchObject([{ code: "AddressInUse" }]);
    await new Promise((resolve) => taken.close(resolve));
    const retried = balancer.retry({});
    balancer.pool("app")?.drain("a");
    await retried;
    expect(balancer.diagnostics).toEqual([]);
    expect(balancer.pool("app")?.member("a")?.ready).toBe(false);
    balancer.destroy();
  });
});
