/** Redis, run by us or by somebody else: users, what they may do, rotation, kill -9. */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../../clock/clock.ts";
import { conformanceContext, providerConformance } from "../../../provider/conformance.ts";
import type { DatabaseProvider, Desired, Observation, ProviderContext } from "../../../provider/provider.ts";
import { Providers, desiredDatabase, opened } from "../fixtures/providers.ts";
import { type ServerAddress, withConnection } from "./connection.ts";

const { keyring } = conformanceContext;
const redis = (spec: object = {}): object => ({ class: "server", engine: "redis", ...spec });

providerConformance("Database of class server on Redis", {
  open: () => opened("server"),
  desired: desiredDatabase("orders", redis()),
  secretOutputs: ["url", "password"],
});

const host = desiredDatabase("host", redis({ settings: { maxmemory: "100mb" } }));
let providers: Providers;
let own: DatabaseProvider;
let databases: DatabaseProvider;
let superuser: ServerAddress;
let passed = 0;
const context: ProviderContext = {
  ...conformanceContext,
  clock: { ...systemClock, now: () => systemClock.now() + passed },
};

beforeAll(async () => {
  providers = new Providers({ open: true });
  await providers.open();
  [own, databases] = [providers.of("server"), providers.of("external")];
  const { outputs } = await own.ensure(host, context);
  const password = keyring.derive("database/default/host/superuser");
  superuser = { host: "127.0.0.1", port: outputs["port"] as number, user: "tutti", password };
});
afterAll(() => providers.close());
beforeEach(() => {
  passed = 0;
});

/** One command on a connection of its own. */
const ask = (where: ServerAddress, ...words: readonly string[]): Promise<unknown> =>
  withConnection(where, (send) => send(...words));
const loginOf = ({ outputs }: Observation): ServerAddress => {
  const url = new URL(keyring.open(outputs["url"] as string));
  return addressOf(url);
};
const addressOf = ({ hostname, port, username, password }: URL): ServerAddress => ({
  host: hostname,
  port: Number(port),
  user: decodeURIComponent(username),
  password: decodeURIComponent(password),
});
const userOf = ({ outputs }: Observation, name: string): ServerAddress => {
  const users = outputs["users"] as readonly { name: string; url: string }[];
  return addressOf(new URL(keyring.open(users.find((user) => user.name === name)!.url)));
};
function external(
  name: string,
  spec: object = {},
  annotations: Readonly<Record<string, string>> = {},
): Desired {
  const server = { ...superuser, password: keyring.seal(superuser.password) };
  return { ...desiredDatabase(name, { class: "external", engine: "redis", server, ...spec }), annotations };
}
const ensure = (desired: Desired): Promise<Observation> => databases.ensure(desired, context);
const remove = (desired: Desired, keepData = false): Promise<readonly string[]> =>
  databases.remove(desired, { ...context, keepData });

describe("what somebody changes by hand", () => {
  it("is read back, and set back: rules, users, settings", async () => {
    const desired = {
      ...host,
      spec: { ...(host.spec as object), users: [{ name: "report", access: "read" }] },
    } as Desired;
    const asMade = { users: [{ name: "report", access: "read" }], settings: { maxmemory: "100mb" } };
    expect((await own.ensure(desired, context)).actual).toEqual(asMade);
    const byHand = async (...commands: readonly (readonly string[])[]): Promise<unknown> => {
      for (const command of commands) await ask(superuser, ...command);
      const found = (await own.observe(desired, context))?.actual;
      expect((await own.ensure(desired, context)).actual).toEqual(asMade);
      return found;
    };
    expect(
      await byHand(["ACL", "SETUSER", "report", "+@all", "~*"], ["CONFIG", "SET", "maxmemory", "7mb"]),
    ).toEqual({
      users: [{ name: "report", access: "read, write, administration" }],
      settings: { maxmemory: "7340032" },
    });
    expect(await byHand(["ACL", "DELUSER", "report"])).toMatchObject({ users: [] });
    expect(await byHand(["ACL", "SETUSER", "host", "-@all"])).toMatchObject({
      login: "is not there, locked, or has another password",
    });
    await own.ensure(host, context);
  });

  it("of a server that others use as well is rules only: nobody has keys of others", async () => {
    const desired = external("mine", { users: [{ name: "mine-reader", access: "write" }] });
    expect((await ensure(desired)).actual).toEqual({ users: [{ name: "mine-reader", access: "write" }] });
    await ask(superuser, "ACL", "SETUSER", "mine-reader", "~*");
    expect((await databases.observe(desired, context))?.actual).toEqual({
      users: [{ name: "mine-reader", access: "read, write, keys of others" }],
    });
    expect((await ensure(desired)).actual).toEqual({ users: [{ name: "mine-reader", access: "write" }] });
    await remove(desired);
  });
});

describe("a server of the system's program", () => {
  it("does not run as root, lets nobody in without a password, and holds none in any file", async () => {
    const { outputs } = (await own.observe(host, context))!;
    const folder = outputs["folder"] as string;
    const said = String(await ask(superuser, "INFO", "server"));
    const pid = /^process_id:(\d+)/m.exec(said)![1]!;
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    expect(/^CapEff:\s*0+$/m.test(status) || !/^Uid:\s*0\b/m.test(status)).toBe(true);
    await expect(ask({ ...superuser, user: "default", password: "" }, "PING")).rejects.toThrow();
    for (const name of readdirSync(join(folder, ".."), { recursive: true, encoding: "utf8" })) {
      const path = join(folder, "..", name);
      if (!statSync(path).isFile()) continue;
      const content = readFileSync(path, "latin1");
      const passwords = [superuser.password, keyring.open(outputs["password"] as string)];
      expect(
        passwords.some((password) => content.includes(password)),
        name,
      ).toBe(false);
    }
  });

  it("has every acknowledged write after kill -9, and its accounts", async () => {
    const desired = desiredDatabase("crash", redis({ users: [{ name: "reader" }] }));
    const first = await own.ensure(desired, context);
    const pid = Number(/^process_id:(\d+)/m.exec(String(await ask(loginOf(first), "INFO", "server")))![1]);
    let acknowledged = 0;
    const writing = withConnection(
      loginOf(first),
      async (send) => {
        for (let n = 1; ; n += 1) {
          await send("SET", "n", String(n));
          acknowledged = n;
        }
      },
      60_000,
    ).catch(() => {});
    await vi.waitFor(() => expect(acknowledged).toBeGreaterThan(100), { timeout: 30_000, interval: 2 });
    process.kill(pid, "SIGKILL");
    await writing;
    const seen = await vi.waitFor(() => own.ensure(desired, context), { timeout: 60_000, interval: 50 });
    expect(seen.outputs).toEqual(first.outputs);
    expect(Number(await ask(userOf(seen, "reader"), "GET", "n"))).toBeGreaterThanOrEqual(acknowledged);
    await expect(ask(userOf(seen, "reader"), "SET", "n", "0")).rejects.toThrow(/NOPERM/);
  });

  it("takes settings as it runs where it can, restarts where it must, and refuses what Redis does not accept", async () => {
    const configured = (settings: object): Desired => desiredDatabase("conf", redis({ settings }));
    const pidOf = async (seen: Observation): Promise<unknown> =>
      /^process_id:(\d+)/m.exec(String(await ask(loginOf(seen), "INFO", "server")))![1];
    const first = await own.ensure(configured({ maxmemory: "50mb" }), context);
    const pid = await pidOf(first);
    const limit = async (): Promise<unknown> =>
      /^maxmemory:(\d+)/m.exec(String(await ask(loginOf(first), "INFO", "memory")))![1];
    await own.ensure(configured({ maxmemory: "60mb" }), context);
    expect([await limit(), await pidOf(first)]).toEqual([String(60 * 2 ** 20), pid]);
    const seen = await own.ensure(configured({ maxmemory: "60mb", databases: 3 }), context);
    expect(await pidOf(seen)).not.toBe(pid);
    await expect(ask(loginOf(seen), "SELECT", "3")).rejects.toThrow(/out of range/);
    for (const settings of [{ maxmemory: "lots" }, { no_such_thing: 1 }])
      await expect(own.ensure(configured(settings), context)).rejects.toThrow(/SettingInvalid/);
    expect(await limit()).toBe(String(60 * 2 ** 20));
  });
});

describe("accounts on a server that exists", () => {
  it("have the keys of their prefix, and nothing that reaches beyond", async () => {
    const seen = await ensure(external("shop"));
    expect(await ask(loginOf(seen), "SET", "shop:a", "1")).toBe("OK");
    for (const words of [
      ["SET", "other:a", "1"],
      ["GET", "other:a"],
      ["FLUSHALL"],
      ["KEYS", "*"],
      ["CONFIG", "GET", "*"],
      ["ACL", "LIST"],
      ["PUBLISH", "other:c", "x"],
    ])
      await expect(ask(loginOf(seen), ...words), words.join(" ")).rejects.toThrow(/NOPERM/);
  });

  it("may read only, or write, as declared now", async () => {
    const users = (access: string): object => ({ users: [{ name: "stock-user", access }] });
    const first = await ensure(external("stock", users("write")));
    await ask(userOf(first, "stock-user"), "SET", "stock:a", "1");
    const second = await ensure(external("stock", users("read")));
    expect(await ask(userOf(second, "stock-user"), "GET", "stock:a")).toBe("1");
    await expect(ask(userOf(second, "stock-user"), "SET", "stock:a", "2")).rejects.toThrow(/NOPERM/);
    await ensure(external("stock"));
    expect(await ask(superuser, "ACL", "GETUSER", "stock-user")).toBeNull();
  });

  it("are not taken from somebody else, nor are keys", async () => {
    await ask(superuser, "SET", "theirs:a", "1");
    await expect(ensure(external("theirs"))).rejects.toMatchObject({
      diagnostic: { code: "DatabaseExists" },
    });
    await ask(superuser, "ACL", "SETUSER", "them", "on", ">x");
    await expect(ensure(external("mine", { user: "them" }))).rejects.toMatchObject({
      diagnostic: { code: "UserExists", path: "spec.user" },
    });
    expect(await remove(external("theirs"))).toEqual([]);
    expect(await ask(superuser, "GET", "theirs:a")).toBe("1");
  });

  it("go with their keys, or leave those to the next of the name", async () => {
    const desired = external("kept");
    await ask(loginOf(await ensure(desired)), "SET", "kept:a", "1");
    expect(await remove(desired, true)).toHaveLength(1);
    const next = { ...desired, identity: { ...desired.identity, uid: "another-uid" } };
    expect(await ask(loginOf(await ensure(next)), "GET", "kept:a")).toBe("1");
    expect(await remove(next)).toEqual([]);
    expect(await remove(next)).toEqual([]);
    expect(await ask(superuser, "GET", "kept:a")).toBeNull();
    expect(String(await ask(superuser, "ACL", "USERS"))).not.toContain("kept");
  });

  it("are there after a restart of the server, though their keys were flushed", async () => {
    const seen = await ensure(external("lasting"));
    await ask(superuser, "FLUSHALL");
    await own.ensure(
      desiredDatabase("host", redis({ settings: { maxmemory: "100mb", databases: 8 } })),
      context,
    );
    expect(await ask(loginOf(seen), "SET", "lasting:a", "1")).toBe("OK");
    expect((await ensure(external("lasting"))).outputs).toEqual(seen.outputs);
  });

  it("need a server that lets us in and lets us make users", async () => {
    const wrong = { ...superuser, password: "wrong" };
    await expect(ensure(external("a", { server: wrong }))).rejects.toThrow(/WRONGPASS/);
    await ask(superuser, "ACL", "SETUSER", "weak", "on", ">x", "+ping", "+info", "~*");
    await expect(
      ensure(external("a", { server: { ...superuser, user: "weak", password: "x" } })),
    ).rejects.toMatchObject({ diagnostic: { code: "NotAllowed" } });
  });
});

describe("a rotation", () => {
  it("leaves both logins working until the former is not used any more", async () => {
    const rotated = { "tutti.dev/rotate": "monday" };
    const before = await ensure(external("rot"));
    const released = Promise.withResolvers<void>();
    const connected = Promise.withResolvers<void>();
    const inUse = withConnection(
      loginOf(before),
      async (send) => {
        await send("SET", "rot:a", "1");
        connected.resolve();
        await released.promise;
        return send("GET", "rot:a");
      },
      120_000,
    );
    await connected.promise;
    const after = await ensure(external("rot", {}, rotated));
    expect(after.outputs["user"]).toBe("rot_b");
    expect(await ask(loginOf(after), "GET", "rot:a")).toBe("1");
    expect(await ask(loginOf(before), "GET", "rot:a")).toBe("1");
    passed = 11 * 60_000;
    expect((await ensure(external("rot", {}, rotated))).message).toMatch(/still has 1 connection/);
    released.resolve();
    expect(await inUse).toBe("1");
    for (let seen = after; seen.lookAfter !== undefined;) seen = await ensure(external("rot", {}, rotated));
    await expect(ask(loginOf(before), "GET", "rot:a")).rejects.toThrow(/WRONGPASS/);
    const third = await ensure(external("rot", {}, { "tutti.dev/rotate": "tuesday" }));
    expect([third.outputs["user"], await ask(loginOf(third), "GET", "rot:a")]).toEqual(["rot", "1"]);
  });
});
