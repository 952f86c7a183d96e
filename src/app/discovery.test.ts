/** What is there and could be adopted, whatever providers make of the question. */
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { validate } from "../kinds/validate.ts";
import type { Draft } from "../model/resource.ts";
import { Keyring } from "../model/sealed.ts";
import type { Discovery, DiscoveryQuery } from "../provider/discovery.ts";
import { type Found, type Provider, TerminalError } from "../provider/provider.ts";
import type { Store } from "../store/store.ts";
import { createMemoryStore } from "../stores/memory.ts";
import { Classes } from "./classes.ts";
import { discover } from "./discovery.ts";

const keyring = new Keyring(new Uint8Array(32).fill(3));
const cause = { actor: "test", action: "test" };
let clock: ManualClock;
let store: Store;
let providers: Provider[];

beforeEach(async () => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  providers = [];
  await create({ kind: "Location", metadata: { name: "local" }, spec: { type: "local", classes: {} } });
});

async function create(
  draft: Omit<Draft, "apiVersion">,
  status?: Readonly<Record<string, unknown>>,
): Promise<void> {
  await store.commit([{ type: "create", resource: { apiVersion: "tutti.dev/v1", ...draft } }], cause);
  if (status === undefined) return;
  const { name, namespace = "" } = draft.metadata;
  await store.commit([{ type: "status", key: { kind: draft.kind, namespace, name }, status }], cause);
}

function offer(kind: string, name: string, list?: Provider["list"]): void {
  const offered: Partial<Provider> = {
    kind,
    class: name,
    capabilities: [],
    ...(list === undefined ? {} : { list, adopt: () => expect.fail("not now") }),
  };
  providers.push(offered as Provider);
}

function network(id: string, more: Partial<Found> = {}): Found {
  return { id, name: id, spec: {}, description: "bridge network", ...more };
}

function ask(query: Partial<DiscoveryQuery> = {}): Promise<Discovery> {
  const local = { instances: [], providers };
  const classes = new Classes(store, new Map([["local", () => local]]), new Set());
  return discover(
    { location: "local", namespace: "default", ...query },
    { classes, store, resolver: { store, keyring }, context: { clock, keyring } },
  );
}

async function refusal(query: Partial<DiscoveryQuery>): Promise<string | undefined> {
  const error: unknown = await ask(query).catch((reason: unknown) => reason);
  return error instanceof DiagnosticError ? error.diagnostics[0]?.code : undefined;
}

describe("what somebody names", () => {
  const folders = (missing?: string): Provider =>
    ({
      kind: "Volume",
      class: missing === undefined ? "directory" : "loop",
      capabilities: [],
      adopt: () => expect.fail("not now"),
      obstacles: () =>
        Promise.resolve(missing === undefined ? [] : [{ code: "NothingToAdopt", message: missing }]),
    }) as Partial<Provider> as Provider;

  it("is found with each class that can take it, though that lists nothing; who cannot says why", async () => {
    providers.push(folders(), folders("There is no such file."));
    const { items, problems } = await ask({ kind: "Volume", id: "/srv/files" });
    expect(items).toMatchObject([
      {
        class: "directory",
        id: "/srv/files",
        isMadeAnew: false,
        declaration: {
          metadata: { name: "files", annotations: { "tutti.dev/adopt": "/srv/files" } },
          spec: { class: "directory", lifecycle: { onDelete: "retain" } },
        },
      },
    ]);
    expect(problems).toMatchObject([{ code: "CannotTake", message: "Class loop: There is no such file." }]);
    expect((await ask({ kind: "Volume", class: "loop", id: "/srv/files" })).items).toEqual([]);
    await expect(ask({ kind: "Volume" })).rejects.toThrow(DiagnosticError);
  });
});

describe("what is there", () => {
  it("comes with the declaration that it would have: valid, asking for it, and keeping it for ever", async () => {
    offer("Network", "docker", async () => [network("Shop_Back", { spec: { cidr: "10.1.0.0/24" } })]);
    const { items, problems } = await ask();
    expect(problems).toEqual([]);
    expect(items).toEqual([
      {
        kind: "Network",
        class: "docker",
        id: "Shop_Back",
        isMadeAnew: false,
        description: "bridge network",
        declaration: {
          apiVersion: "tutti.dev/v1",
          kind: "Network",
          metadata: { name: "shop-back", annotations: { "tutti.dev/adopt": "Shop_Back" } },
          spec: { class: "docker", cidr: "10.1.0.0/24", lifecycle: { onDelete: "retain" } },
        },
      },
    ]);
    expect(validate(items[0]?.declaration).diagnostics).toEqual([]);
  });

  it("gets names that are free, here and among each other", async () => {
    await create({ kind: "Network", metadata: { name: "back", namespace: "default" }, spec: {} });
    offer("Network", "docker", async () => ["back", "Back", "!!", "..."].map((id) => network(id)));
    const names = (await ask()).items.map(({ declaration }) => declaration.metadata.name);
    expect(names).toEqual(["back-2", "back-3", "unnamed", "unnamed-2"]);
  });

  it("is of the kind and class that are asked for", async () => {
    offer("Network", "docker", async () => [network("a")]);
    offer("Network", "bridge", async () => [network("b")]);
    offer("Volume", "docker", async () => [network("c")]);
    const ids = async (query: Partial<DiscoveryQuery>): Promise<unknown> =>
      (await ask(query)).items.map(({ id }) => id);
    expect(await ids({})).toEqual(["a", "b", "c"]);
    expect(await ids({ kind: "Network" })).toEqual(["a", "b"]);
    expect(await ids({ class: "docker" })).toEqual(["a", "c"]);
  });

  it("says to whom it belongs: by its mark, or by who has adopted it", async () => {
    const metadata = { name: "front", namespace: "default" };
    const status = { adopted: "legacy", made: { class: "docker" } };
    await create({ kind: "Network", metadata, spec: { class: "auto" } }, status);
    const owner = {
      kind: "Network",
      ...metadata,
      uid: store.get({ kind: "Network", ...metadata })?.metadata.uid ?? "",
    };
    offer("Network", "docker", async () => [
      network("legacy"),
      network("made", { owner }),
      network("left-behind", { owner: { ...owner, uid: "of-one-that-is-gone" } }),
      network("foreign", { ownedBy: "another control plane" }),
    ]);
    expect((await ask()).items.map(({ id, ownedBy }) => [id, ownedBy])).toEqual([
      ["legacy", "network/front in default"],
      ["made", "network/front in default"],
      ["left-behind", undefined],
      ["foreign", "another control plane"],
    ]);
  });
});

describe("a provider that does not answer as it should", () => {
  it.each([
    ["throws at once", () => expect.fail("out of order")],
    ["rejects", () => Promise.reject(new Error("connection refused"))],
    ["answers nonsense", () => Promise.resolve("nothing" as unknown as Found[])],
    ["answers half", () => Promise.resolve([{ id: 7 } as unknown as Found])],
  ] as const)("and %s is a warning that names it, and the others are shown", async (_, list) => {
    offer("Network", "broken", list as Provider["list"]);
    offer("Volume", "docker", async () => [network("fine")]);
    const { items, problems } = await ask();
    expect(items.map(({ id }) => id)).toEqual(["fine"]);
    expect(problems).toMatchObject([
      {
        severity: "warning",
        code: "ProviderSilent",
        message: expect.stringContaining("The class 'broken' does not say what it has: ") as string,
      },
    ]);
  });

  it("and nobody asked for its class is named once, whatever kinds it has", async () => {
    const list = (): Promise<never> => Promise.reject(new Error("no socket"));
    offer("Network", "engine", list);
    offer("Volume", "engine", list);
    expect((await ask()).problems).toHaveLength(1);
    expect((await ask({ class: "engine" })).problems).toHaveLength(2);
  });

  it("and hangs is told to give up after its time", async () => {
    let told = false;
    offer("Network", "slow", ({ signal }) => {
      signal.addEventListener("abort", () => (told = true));
      return new Promise(() => {});
    });
    const answer = ask();
    await clock.advance(10_000);
    expect((await answer).problems).toMatchObject([
      { code: "ProviderSilent", message: expect.stringContaining("no answer within 10 s") as string },
    ]);
    expect(told).toBe(true);
  });

  it("and lists what cannot be declared is told of, thing by thing", async () => {
    offer("Network", "docker", async () => [network("odd", { spec: { colour: "red" } }), network("fine")]);
    const { items, problems } = await ask();
    expect(items.map(({ id }) => id)).toEqual(["fine"]);
    expect(problems).toMatchObject([{ severity: "warning", code: "NotDeclarable", address: "network/odd" }]);
  });
});

describe("where to look", () => {
  const needy: Provider["list"] = async (_, where) => {
    if (where["server"] === undefined)
      throw new TerminalError({ code: "ServerMissing", path: "spec.server", message: "Which server?" });
    const { host, password } = where["server"] as { host: string; password?: string };
    const opened = password === undefined ? "" : keyring.open(password);
    return [network(`${host}-${opened}`, { spec: { engine: "postgres" } })];
  };

  it("is asked for only when it is what is looked for", async () => {
    offer("Database", "external", needy);
    expect(await ask()).toEqual({ items: [], problems: [] });
    expect(await ask({ kind: "Database" })).toMatchObject({
      items: [],
      problems: [{ code: "ServerMissing" }],
    });
  });

  it("may be said with references, which stay in the declaration", async () => {
    const metadata = { name: "pg", namespace: "default" };
    await create({ kind: "Secret", metadata, data: { admin: keyring.seal("s3cret") } } as Omit<
      Draft,
      "apiVersion"
    >);
    offer("Database", "external", needy);
    const server = { host: "db", user: "admin", password: "${secret.pg.admin}" };
    const { items, problems } = await ask({ kind: "Database", where: { server } });
    expect(problems).toEqual([]);
    expect(items).toMatchObject([{ id: "db-s3cret", declaration: { spec: { server } } }]);
    expect(JSON.stringify(items[0]?.declaration.spec)).not.toContain("s3cret");
  });

  it("waits for what it refers to, and is refused with a secret in the open", async () => {
    offer("Database", "external", needy);
    const server = { host: "db", user: "admin", password: "${secret.pg.admin}" };
    expect(await ask({ where: { server } })).toMatchObject({
      items: [],
      problems: [{ code: "WaitingFor", message: expect.stringContaining("secret/pg") as string }],
    });
    const plain = { ...server, password: "s3cret" };
    expect(await refusal({ kind: "Database", where: { server: plain } })).toBe("PlainSecret");
  });

  it("is told by the resources of the class that are there", async () => {
    const spec = { class: "external", engine: "postgres", server: { host: "db", user: "admin" } };
    for (const name of ["a", "b"])
      await create({ kind: "Database", metadata: { name, namespace: "default" }, spec });
    offer("Database", "external", needy);
    expect((await ask()).items).toMatchObject([
      { id: "db-", declaration: { spec: { server: spec.server } } },
    ]);
  });
});

describe("a question that nobody can answer", () => {
  it("of what is never adopted says that, and what to do instead", async () => {
    offer("LoadBalancer", "haproxy");
    const hint = async (kind: string): Promise<string | undefined> =>
      ask({ kind }).catch(
        (error: unknown) => (error as DiagnosticError).diagnostics[0]?.hint,
      ) as Promise<string>;
    expect(await hint("LoadBalancer")).toContain("declare one on other ports");
    expect(await hint("Monitor")).toContain("spec.prometheus.url");
    expect(await hint("Secret")).toContain("Declare it: tutti up makes it.");
  });

  it("is refused with who could", async () => {
    offer("Network", "loopback");
    expect(await refusal({ kind: "Network" })).toBe("CannotList");
    expect(await refusal({ location: "nowhere" })).toBe("UnknownLocation");
    offer("Volume", "docker", async () => []);
    await expect(ask({ class: "nothing" })).rejects.toThrow(/Volume of class docker/);
  });
});
