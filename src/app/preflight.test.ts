/** What stands against a plan, as providers say it before anything is made, and whatever they do instead of saying it. */
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Draft } from "../model/resource.ts";
import { Keyring } from "../model/sealed.ts";
import { type Action, NO_STEPS, type Plan, type Step } from "../planner/plan.ts";
import {
  type Capacity,
  type Found,
  type InstanceProvider,
  type Prospect,
  type Provider,
  TerminalError,
} from "../provider/provider.ts";
import type { Store } from "../store/store.ts";
import { createMemoryStore } from "../stores/memory.ts";
import { Classes } from "./classes.ts";
import { preflight } from "./preflight.ts";

const keyring = new Keyring(new Uint8Array(32).fill(3));
const cause = { actor: "test", action: "test" };
let clock: ManualClock;
let store: Store;
let providers: Provider[];
let instances: InstanceProvider[];

beforeEach(async () => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  providers = [];
  instances = [];
  await create({ kind: "Location", metadata: { name: "local" }, spec: { type: "local", classes: {} } });
});

async function create(draft: Omit<Draft, "apiVersion">): Promise<void> {
  await store.commit([{ type: "create", resource: { apiVersion: "tutti.dev/v1", ...draft } }], cause);
}

function offer(kind: string, className: string, more: Partial<Provider> = {}): void {
  const offered: Partial<Provider> = { kind, class: className, capabilities: [], ...more };
  providers.push(offered as Provider);
}

/** `vm/a` with so many of what is bounded. */
interface Wanted {
  readonly action: Action;
  readonly name: string;
  readonly spec?: object;
  readonly adopts?: string;
  readonly kind?: string;
}

function draftOf({ name, spec, kind = "Network" }: Wanted): Draft {
  return {
    apiVersion: "tutti.dev/v1",
    kind,
    metadata: { name, namespace: "default" },
    spec: { class: "docker", location: "local", ...spec },
  };
}

function planOf(...all: readonly Wanted[]): Plan {
  const steps = all.map(({ action, name, adopts, kind = "Network" }): Step => ({
    action,
    address: `${kind.toLowerCase()}/${name}`,
    kind,
    name,
    namespace: "default",
    changes: [],
    after: [],
    ...(adopts === undefined ? {} : { adopts }),
  }));
  const kept = all.filter(({ action }) => action !== "delete");
  return {
    system: "shop",
    namespace: "default",
    action: "apply",
    steps,
    summary: NO_STEPS,
    destructive: false,
    warnings: [],
    hash: "",
    resources: kept.map(draftOf),
  };
}

function asked(...all: readonly Wanted[]): Promise<readonly Diagnostic[]> {
  const classes = new Classes(
    store,
    new Map([["local", () => ({ instances, providers })]]),
    new Set(["Network", "Volume", "Database"]),
  );
  return preflight(planOf(...all), {
    classes,
    store,
    resolver: { store, keyring },
    context: { clock, keyring },
  });
}

const made = (name: string, more: Partial<Wanted> = {}): Wanted => ({ action: "create", name, ...more });

function quota(limit: number | undefined, used: number, more: Partial<Capacity> = {}): Partial<Provider> {
  const needs: Capacity["needs"] = ({ size = 1 }) => Number(size);
  return {
    capacities: async () => [
      { name: "networks", ...(limit === undefined ? {} : { limit }), used, needs, ...more },
    ],
  };
}

describe("what is bounded", () => {
  it("is added up over the whole plan, and what does not fit is named", async () => {
    offer("Network", "docker", quota(10, 7));
    expect(await asked(...["a", "b", "c", "d", "e"].map((name) => made(name)))).toEqual([
      {
        severity: "error",
        code: "QuotaExceeded",
        address: "network/d",
        message:
          "The class 'docker' of Network at the location 'local' fails: 3 of 10 networks left, 5 wanted. What does not fit: network/d, network/e.",
        hint: expect.any(String) as string,
      },
    ]);
  });

  it("is enough when it is just enough, which is said", async () => {
    offer("Network", "docker", quota(10, 7));
    expect(await asked(made("a"), made("b"), made("c"))).toMatchObject([
      { severity: "warning", code: "NearlyExhausted", message: expect.stringContaining("0 of 10") as string },
    ]);
    expect(await asked(made("a"))).toEqual([]);
  });

  it("leaves out what is too large for the rest, and goes on with what fits", async () => {
    offer("Network", "docker", quota(10, 5));
    const [problem] = await asked(
      made("a", { spec: { size: 3 } }),
      made("b", { spec: { size: 4 } }),
      made("c", { spec: { size: 2 } }),
    );
    expect(problem?.message).toContain("5 of 10 networks left, 9 wanted. What does not fit: network/b.");
  });

  it("counts what the plan frees, and of a change only what is more", async () => {
    offer("Network", "docker", quota(10, 10));
    await create({ ...draftOf(made("old", { spec: { size: 2 } })) });
    await create({ ...draftOf(made("grown", { spec: { size: 3 } })) });
    expect(await asked(made("a"), { action: "delete", name: "old" })).toMatchObject([
      { code: "NearlyExhausted" },
    ]);
    const grow: Wanted = { action: "update", name: "grown", spec: { size: 5 } };
    expect(await asked(grow)).toMatchObject([
      { message: expect.stringContaining("0 of 10 networks left, 2 wanted") as string },
    ]);
    expect(await asked({ ...grow, spec: { size: 3 } })).toEqual([]);
  });

  it("does not count what is adopted, and asks nothing where nothing is made", async () => {
    offer("Network", "docker", {
      ...quota(1, 1),
      adopt: () => expect.fail("not now"),
    });
    expect(await asked({ action: "adopt", name: "a", adopts: "x" }, { action: "none", name: "b" })).toEqual(
      [],
    );
  });

  it("is asked for once a provider, however much is made", async () => {
    let times = 0;
    const { capacities } = quota(undefined, 5000);
    offer("Network", "docker", {
      capacities: (context) => {
        times += 1;
        return capacities!(context);
      },
    });
    expect(await asked(...Array.from({ length: 10_000 }, (_, n) => made(`n${n}`)))).toEqual([]);
    expect(times).toBe(1);
  });

  it("is a warning where more may be promised than there is, in units that people read", async () => {
    offer(
      "Network",
      "docker",
      quota(2 ** 30, 2 ** 29, { name: "of memory", overcommit: true, unit: "bytes" }),
    );
    expect(await asked(made("a", { spec: { size: 2 ** 30 } }))).toMatchObject([
      {
        severity: "warning",
        code: "Overcommitted",
        message: expect.stringContaining("512Mi of 1Gi of memory left, 1Gi wanted") as string,
      },
    ]);
  });

  it("holds for services as well", async () => {
    const engine: Partial<InstanceProvider> = {
      class: "boxes",
      capabilities: [],
      onExit: () => () => {},
      capacities: async () => [
        { name: "instances", limit: 3, used: 2, needs: ({ replicas }) => Number(replicas) },
      ],
    };
    instances.push(engine as InstanceProvider);
    const service = made("api", { kind: "Service", spec: { class: "boxes", replicas: 4 } });
    expect(await asked(service)).toMatchObject([{ code: "QuotaExceeded", address: "service/api" }]);
  });
});

describe("a provider that does not answer as it should", () => {
  const garbage: readonly (readonly [string, Partial<Provider>])[] = [
    ["throws at once", { obstacles: () => expect.fail("out of order"), capacities: () => expect.fail("no") }],
    [
      "rejects",
      { obstacles: () => Promise.reject(new Error("no")), capacities: () => Promise.reject(new Error("no")) },
    ],
    [
      "answers nothing",
      { obstacles: () => Promise.resolve(7 as never), capacities: () => Promise.resolve([null] as never) },
    ],
    ["answers numbers that are none", quota(Number.NaN, -1)],
    ["cannot tell what a thing takes", quota(10, 1, { needs: () => Number.NaN })],
    ["throws while it is asked what a thing takes", quota(10, 1, { needs: () => expect.fail("no") })],
  ];
  it.each(garbage)(
    "and %s is a warning each, however much is made, and the others are heard",
    async (_, more) => {
      offer("Network", "docker", more);
      offer("Volume", "docker", { obstacles: async () => [{ code: "Full", message: "There is no room." }] });
      const found = await asked(made("a"), made("b"), made("files", { kind: "Volume" }));
      const warnings = found.filter(({ severity }) => severity === "warning");
      expect(new Set(warnings.map(({ code }) => code))).toEqual(new Set(["ProviderSilent"]));
      expect(warnings.length).toBeLessThanOrEqual(2);
      expect(warnings[0]?.message).toContain("The class 'docker' of Network at the location 'local'");
      expect(found.filter(({ severity }) => severity === "error")).toMatchObject([
        { code: "Full", address: "volume/files" },
      ]);
    },
  );

  it("and hangs holds nobody up for longer than its time", async () => {
    const never = (): Promise<never> => new Promise(() => {});
    offer("Network", "docker", { obstacles: never, capacities: never, list: never, adopt: never });
    const answer = asked(made("a"), { action: "adopt", name: "b", adopts: "x" });
    for (let turn = 0; turn < 3; turn += 1) await clock.advance(10_000);
    expect((await answer).map(({ code }) => code)).toEqual([
      "ProviderSilent",
      "ProviderSilent",
      "ProviderSilent",
    ]);
  });
});

describe("an obstacle", () => {
  it("names the address and the path, and what a provider refuses in its own words is one", async () => {
    offer("Network", "docker", {
      obstacles: async ({ name }) => {
        if (name === "b") throw new TerminalError({ code: "Refused", message: "Not that." });
        return [{ code: "RangeTaken", path: "spec.cidr", message: "It is taken." }];
      },
    });
    expect(await asked(made("a"), made("b"))).toEqual([
      {
        severity: "error",
        address: "network/a",
        code: "RangeTaken",
        path: "spec.cidr",
        message: "It is taken.",
      },
      { severity: "error", address: "network/b", code: "Refused", message: "Not that." },
    ]);
  });

  it("can be told by what references come to, where that is known", async () => {
    const seen: (readonly [string, unknown, boolean | undefined])[] = [];
    offer("Network", "docker", {
      obstacles: async ({ name, resolved, isNew }: Prospect) => {
        seen.push([name, resolved?.()?.["cidr"], isNew]);
        return [];
      },
    });
    await create({
      kind: "ConfigMap",
      metadata: { name: "net", namespace: "default" },
      data: { range: "10.0.0.0/24" },
    } as Omit<Draft, "apiVersion">);
    const known: Wanted = made("known", { spec: { cidr: "${configMap.net.data.range}" } });
    const open: Wanted = { action: "update", name: "open", spec: { cidr: "${configMap.later.data.range}" } };
    await asked(known, open);
    expect(seen).toEqual([
      ["known", "10.0.0.0/24", true],
      ["open", undefined, undefined],
    ]);
  });
});

describe("what is adopted", () => {
  const found = (id: string, more: Partial<Found> = {}): Found => ({
    id,
    name: id,
    spec: {},
    description: "",
    ...more,
  });
  const adopting = (name: string, adopts: string, more: Partial<Wanted> = {}): Wanted => ({
    action: "adopt",
    name,
    adopts,
    ...more,
  });
  const codes = async (...all: readonly Wanted[]): Promise<unknown> =>
    (await asked(...all)).map(({ code, address }) => [code, address]);

  it("must be there, be nobody's, and be adopted once", async () => {
    let times = 0;
    offer("Network", "docker", {
      adopt: () => expect.fail("not now"),
      list: async () => {
        times += 1;
        return [found("free"), found("theirs", { ownedBy: "another control plane" })];
      },
    });
    const all = [adopting("a", "free"), adopting("b", "theirs"), adopting("c", "fre"), adopting("d", "free")];
    expect(await codes(...all)).toEqual([
      ["OwnedByAnother", "network/b"],
      ["NothingToAdopt", "network/c"],
      ["AdoptedTwice", "network/d"],
    ]);
    expect(times).toBe(1);
    expect((await asked(adopting("c", "fre")))[0]?.hint).toContain("free");
  });

  it("is not adopted by a class that adopts nothing", async () => {
    offer("Network", "docker");
    expect(await codes(adopting("a", "x"))).toEqual([["NotAdoptable", "network/a"]]);
  });

  it("is looked for where the declaration says, and later where that is not known yet", async () => {
    const places: unknown[] = [];
    offer("Database", "docker", {
      features: ["existing servers"],
      adopt: () => expect.fail("not now"),
      list: async (_, where) => {
        places.push(where);
        return [found("orders")];
      },
    });
    const at = (host: string): Partial<Wanted> => ({
      kind: "Database",
      spec: { engine: "postgres", server: { host, user: "admin" } },
    });
    expect(await codes(adopting("orders", "true", at("db1")), adopting("o", "orders", at("db2")))).toEqual(
      [],
    );
    expect(await codes(adopting("p", "orders", at("${database.main.status.host}")))).toEqual([]);
    expect(places).toEqual([
      { engine: "postgres", server: { host: "db1", user: "admin" } },
      { engine: "postgres", server: { host: "db2", user: "admin" } },
    ]);
  });
});
