/** What class `haproxy` refuses, and what it leaves then; and what becomes of it when a worker is killed. */
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../clock/clock.ts";
import { conformanceContext, providerConformance } from "../../provider/conformance.ts";
import { type Desired, TerminalError } from "../../provider/provider.ts";
import { Traffic, certificateFor, until } from "../../provider/traffic-conformance-kit.ts";
import { type OpenedHaproxy, haproxySubject, openHaproxy } from "./fixtures/subject.ts";
import { HaproxyBalancers } from "./index.ts";
import { Runtime } from "./runtime.ts";

const front: Desired = {
  identity: { kind: "LoadBalancer", namespace: "default", name: "front", uid: "uid-of-front" },
  spec: haproxySubject.spec({ routes: [{ service: "web" }] }),
  status: undefined,
};

providerConformance("haproxy", {
  open: async () => {
    const opened = await openHaproxy();
    const cleanup = async (): Promise<void> => {
      await opened.host().stop(front.identity);
      await opened.cleanup();
    };
    return { ...opened, cleanup };
  },
  desired: front,
  holdsNoData: "a balancer holds none",
});

describe("class haproxy", () => {
  let opened: OpenedHaproxy;
  const traffic = new Traffic({
    ...haproxySubject,
    open: async () => (opened = await openHaproxy()),
  });
  beforeAll(() => traffic.open());
  afterEach(() => traffic.clear());
  afterAll(() => traffic.close());

  const prospect = { namespace: "default", name: "front", spec: {}, folder: "/" };

  it("says before anything is made that its program is missing, and what to do", async () => {
    const provider = new HaproxyBalancers({
      host: opened.host(),
      clock: systemClock,
      program: "haproxy-that-is-not-there",
    });
    expect(await provider.obstacles(prospect)).toMatchObject([
      { code: "ProgramMissing", hint: expect.stringContaining("apt-get install haproxy") as string },
    ]);
    const desired = {
      identity: { kind: "LoadBalancer", namespace: "default", name: "none", uid: "none" },
      spec: haproxySubject.spec({}),
      status: undefined,
    };
    await expect(provider.ensure(desired, conformanceContext)).rejects.toBeInstanceOf(TerminalError);
    await provider.remove(desired);
  });

  it("says that its program is too old, or lacks Lua", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tutti-haproxy-program-"));
    const program = join(folder, "haproxy");
    const codes: (string | undefined)[] = [];
    for (const text of ["HAProxy version 2.4.3-1 +LUA", "HAProxy version 3.0.1 -LUA", "nothing"]) {
      writeFileSync(program, `#!/bin/sh\necho '${text}'\n`);
      chmodSync(program, 0o755);
      const provider = new HaproxyBalancers({ host: opened.host(), clock: systemClock, program });
      codes.push((await provider.obstacles(prospect))[0]?.code);
    }
    rmSync(folder, { recursive: true });
    expect(codes).toEqual(["ProgramTooOld", "ProgramUnfit", "ProgramTooOld"]);
  });

  it("has nothing against what can be made", async () => {
    expect(await opened.provider.obstacles(prospect)).toEqual([]);
  });

  it("leaves what is in force when HAProxy refuses what should follow", async () => {
    const front = await traffic.front({ routes: [{ service: "web" }] });
    await front.members([await traffic.backend("web")]);
    const folder = opened.host().folder("balancers", front.identity);
    const before = readFileSync(join(folder, "haproxy.cfg"), "utf8");
    const good = front.desired;
    const refusal = await front
      .ensure({ listeners: [{ name: "http", host: "nowhere.invalid" }], routes: [{ service: "web" }] })
      .catch((error: unknown) => error);
    expect(refusal).toMatchObject({ diagnostic: { code: "ConfigurationRefused" } });
    expect((refusal as Error).message).toContain("nowhere.invalid");
    expect(readFileSync(join(folder, "haproxy.cfg"), "utf8")).toBe(before);
    expect((await front.ask()).text).toBe("web");
    expect(await front.provider.ensure(good, traffic.context)).toEqual(await front.observe());
  });

  it.each([
    ["names of listeners", { listeners: [{ name: "a b" }] }],
    ["listeners of one name", { listeners: [{ name: "a" }, { name: "a" }] }],
    ["paths", { routes: [{ path: "/a b", service: "web" }] }],
    ["hosts", { routes: [{ host: "a\nb", service: "web" }] }],
    ["header names", { routes: [{ service: "web", headers: { request: { set: { "a: b": "c" } } } }] }],
    ["tcp without a service", { listeners: [{ name: "a", protocol: "tcp" }] }],
  ])("refuses %s that mean nothing to it", async (_title, spec) => {
    await expect(traffic.front(spec)).rejects.toBeInstanceOf(TerminalError);
  });

  it("waits for the certificate that is kept for a listener, and serves the others meanwhile", async () => {
    const front = await traffic.front({
      listeners: [{ name: "http" }, { name: "https", protocol: "https" }],
      routes: [{ service: "web" }],
    });
    await front.members([await traffic.backend("web")]);
    expect((await front.ask()).text).toBe("web");
    expect(await front.ensure()).toMatchObject({
      ready: false,
      message: expect.stringContaining("waits for its certificate") as string,
    });
    traffic.secrets.set(`${front.identity.name}-https-tls`, await certificateFor(["kept.test"]));
    expect(await front.ensure()).toMatchObject({ ready: true });
    expect(front.port("https")).toBeGreaterThan(0);
  });

  it("keeps keys in files of the owner alone", async () => {
    traffic.secrets.set("own", await certificateFor(["own.test"]));
    const front = await traffic.front({
      listeners: [{ name: "https", protocol: "https", tls: { secret: "own" } }],
      routes: [{ service: "web" }],
    });
    const folder = opened.host().folder("balancers", front.identity);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    const secret = files
      .map((one) => join(one.parentPath, one.name))
      .filter((file) => readFileSync(file, "utf8").includes("PRIVATE KEY"));
    expect(secret).toHaveLength(1);
    expect(secret.map((file) => statSync(file).mode & 0o777)).toEqual([0o600]);
  });

  it("is found dead when its worker is killed, and is made again with its members", async () => {
    const front = await traffic.front({ routes: [{ service: "web" }] });
    await front.members([await traffic.backend("web")]);
    const port = front.port();
    const { current } = await new Runtime(opened.host().socket(front.identity, "master")).workers();
    process.kill(current ?? 0, "SIGKILL");
    await until(() => opened.host().find(front.identity) === undefined);
    await front.ensure();
    expect(front.port()).toBe(port);
    expect((await front.ask()).text).toBe("web");
  });

  it("has nothing in flight once it is dead", async () => {
    const front = await traffic.front({ routes: [{ service: "web" }] });
    const web = await traffic.backend("web");
    await front.members([web]);
    const held = front.ask("/held").catch(() => undefined);
    await web.holding(1);
    const draining = front.provider.drain(front.identity, "web", "web", 25_000);
    await traffic.kill(front);
    await Promise.all([draining, held]);
    await front.provider.drain(front.identity, "web", "web", 25_000);
  });

  it("is told of members while it is away, and starts with them", async () => {
    const front = await traffic.front({ routes: [{ service: "web" }] });
    await traffic.kill(front);
    await front.members([await traffic.backend("web")]);
    await front.ensure();
    expect((await front.ask()).text).toBe("web");
  });
});
