/** What a provider says would come of a declaration is in the plan that is agreed to, and is what is done. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import { Keyring } from "../model/sealed.ts";
import { submissionOf } from "../planner/change-operations.ts";
import { requestOf } from "../planner/change.ts";
import type { Foresight } from "../planner/foreseen.ts";
import type { Plan, Step } from "../planner/plan.ts";
import { type ProposeInput, type Proposal, propose } from "../planner/propose.ts";
import {
  type Desired,
  type Expectation,
  type Foreseen,
  type Observation,
  type Provider,
  TerminalError,
  UNKNOWN,
} from "../provider/provider.ts";
import type { Store } from "../store/store.ts";
import { createMemoryStore } from "../testing/index.ts";
import { type ControlPlane, createControlPlane } from "./control-plane.ts";

interface Disk {
  readonly config: { readonly size?: unknown; readonly of?: unknown };
}

/** Disks that can grow, but not shrink: a smaller one is another disk, with another address. */
class Disks implements Provider<Disk> {
  readonly kind = "Resource";
  readonly class = "disks";
  readonly capabilities = [];
  readonly asked: string[] = [];
  readonly expected: Expectation<Disk>[] = [];
  #made = 0;
  readonly #there = new Map<string, Observation>();

  plan(expected: Expectation<Disk>): Promise<Foreseen> {
    this.expected.push(expected);
    const { size } = expected.spec.config;
    const before = expected.current?.spec.config.size;
    if (size === -1)
      return Promise.reject(
        new TerminalError({ code: "NoSize", path: "spec.config.size", message: "A disk has a size." }),
      );
    const address = { path: "status.output.address", unknown: true } as const;
    if (before === undefined) return Promise.resolve({ changes: [address] });
    if (Number(size) >= Number(before)) return Promise.resolve({});
    return Promise.resolve({
      replaceBecause: ["spec.config.size"],
      changes: [{ ...address, before: `disk-${this.#made}` }],
      remarks: ["What is on it is not copied."],
    });
  }
  observe({ identity }: Desired<Disk>): Promise<Observation | undefined> {
    return Promise.resolve(this.#there.get(identity.name));
  }
  ensure({ identity }: Desired<Disk>): Promise<Observation> {
    const known = this.#there.get(identity.name);
    if (known === undefined) this.#made += 1;
    this.asked.push(`ensure ${identity.name}`);
    const made = known ?? { ready: true, outputs: { output: { address: `disk-${this.#made}` } } };
    this.#there.set(identity.name, made);
    return Promise.resolve(made);
  }
  remove({ identity }: Desired<Disk>): Promise<readonly string[]> {
    this.asked.push(`remove ${identity.name}`);
    this.#there.delete(identity.name);
    return Promise.resolve([]);
  }
}

let clock: ManualClock;
let store: Store;
let plane: ControlPlane;
let provider: Disks;
const keyring = new Keyring(new Uint8Array(32));

beforeEach(async () => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  provider = new Disks();
  plane = createControlPlane({ store, clock, keyring, local: { instances: [], providers: [provider] } });
  await plane.start();
});
afterEach(() => plane.stop());

const disk = (name: string, config: object): unknown => ({
  kind: "Resource",
  metadata: { name },
  spec: { class: "disks", config },
});
const user = disk("user", { size: 1, of: "${resource.data.status.output.address}" });

interface Made {
  readonly plan: Plan;
  readonly proposal: Proposal;
  readonly foresight: Foresight;
}

async function plan(resources: readonly unknown[]): Promise<Made> {
  const input: ProposeInput = {
    system: "shop",
    namespace: "default",
    action: "apply",
    live: store,
    keyring,
    resources,
  };
  const planOf = (proposal: Proposal): Plan => {
    if (proposal.plan === undefined) throw new Error(JSON.stringify(proposal.diagnostics));
    return proposal.plan;
  };
  const foresight = await plane.foresee(planOf(propose(input)), (foreseen) =>
    planOf(propose({ ...input, foreseen })),
  );
  const proposal = propose({ ...input, foreseen: foresight.foreseen });
  return { plan: planOf(proposal), proposal, foresight };
}

async function apply(resources: readonly unknown[]): Promise<void> {
  const { plan: made, proposal, foresight } = await plan(resources);
  const request = requestOf({ foreseen: foresight.foreseen }, made);
  const { declared = [] } = proposal;
  const actor = "user:test";
  const { operations } = submissionOf({ plan: made, declared, request, actor, live: store, keyring });
  await store.commit(operations, { actor, action: "apply" });
  await clock.advance(30_000);
}

const stepOf = (made: Plan, name: string): Step | undefined => made.steps.find((one) => one.name === name);

it("what shows only when it is made is in the plan as unknown until then", async () => {
  const { plan: made } = await plan([disk("data", { size: 10 })]);
  expect(stepOf(made, "data")).toMatchObject({
    action: "create",
    changes: expect.arrayContaining([
      { path: "status.output.address", unknownUntil: ["resource/data"] },
    ]) as unknown,
  });
});

it("a provider that has to make a thing anew is believed, and it is made anew", async () => {
  await apply([disk("data", { size: 10 })]);
  const grown = await plan([disk("data", { size: 20 })]);
  expect(stepOf(grown.plan, "data")?.action).toBe("update");
  const shrunk = await plan([disk("data", { size: 5 })]);
  expect(stepOf(shrunk.plan, "data")).toMatchObject({
    action: "replace",
    replaceBecause: ["spec.config.size"],
  });
  expect(shrunk.foresight.diagnostics.map(({ message }) => message)).toEqual([
    "What is on it is not copied.",
  ]);
  expect(shrunk.plan.destructive).toBe(true);
  provider.asked.length = 0;
  await apply([disk("data", { size: 5 })]);
  expect([...new Set(provider.asked)]).toEqual(["remove data", "ensure data"]);
});

it("what refers to something that is made anew is planned with its value unknown", async () => {
  await apply([disk("data", { size: 10 }), user]);
  expect(await plan([disk("data", { size: 10 }), user])).toMatchObject({
    plan: { summary: { none: 3 } },
    foresight: { foreseen: {} },
  });
  provider.expected.length = 0;
  await plan([disk("data", { size: 5 }), user]);
  const asked = provider.expected.filter(({ name }) => name === "user");
  expect(asked.at(-1)?.spec.config.of).toBe(UNKNOWN);
  expect(asked.at(-1)?.current?.spec.config.of).toBe("disk-1");
});

it("what it refuses is an error at its address, and nothing is foreseen of it", async () => {
  const { foresight } = await plan([disk("data", { size: -1 })]);
  expect(foresight).toMatchObject({
    foreseen: {},
    diagnostics: [{ severity: "error", code: "NoSize", address: "resource/data", path: "spec.config.size" }],
  });
});

it("its answers are part of the record: the same plan comes of them without asking again", async () => {
  await apply([disk("data", { size: 10 })]);
  const { plan: made, proposal, foresight } = await plan([disk("data", { size: 5 })]);
  provider.expected.length = 0;
  const { declared = [] } = proposal;
  const again = propose({
    system: "shop",
    namespace: "default",
    action: "apply",
    live: store,
    keyring,
    resources: [],
    admitted: declared,
    ...requestOf({ foreseen: foresight.foreseen }, made),
  });
  expect(again.plan?.hash).toBe(made.hash);
  expect(provider.expected).toEqual([]);
});
