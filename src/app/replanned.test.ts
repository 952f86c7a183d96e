/** What a plan could not tell is planned again when it is known, and nothing is made anew before. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import { conditionOf } from "../model/condition.ts";
import { Keyring } from "../model/sealed.ts";
import type { Draft } from "../model/resource.ts";
import { submissionOf } from "../planner/change-operations.ts";
import type { Plan } from "../planner/plan.ts";
import { propose } from "../planner/propose.ts";
import type { Desired, Observation, Provider } from "../provider/provider.ts";
import type { Store } from "../store/store.ts";
import { createMemoryStore } from "../testing/index.ts";
import { type ControlPlane, createControlPlane } from "./control-plane.ts";

/** Puts out its config, and writes down what it was asked. */
class Recording implements Provider {
  readonly kind = "Resource";
  readonly class = "recording";
  readonly capabilities = [];
  readonly asked: string[] = [];
  readonly #made = new Map<string, Observation>();

  observe({ identity }: Desired): Promise<Observation | undefined> {
    return Promise.resolve(this.#made.get(identity.name));
  }
  ensure({ identity, spec }: Desired): Promise<Observation> {
    const { config, replaceOn } = spec as { readonly config: object; readonly replaceOn?: unknown };
    this.asked.push(`ensure ${identity.name} ${String(replaceOn)}`);
    const observation = { ready: true, outputs: { output: config } };
    this.#made.set(identity.name, observation);
    return Promise.resolve(observation);
  }
  remove({ identity }: Desired): Promise<readonly string[]> {
    this.asked.push(`remove ${identity.name}`);
    this.#made.delete(identity.name);
    return Promise.resolve([]);
  }
}

let clock: ManualClock;
let store: Store;
let plane: ControlPlane;
let provider: Recording;
const keyring = new Keyring(new Uint8Array(32));

beforeEach(async () => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  provider = new Recording();
  plane = createControlPlane({ store, clock, keyring, local: { instances: [], providers: [provider] } });
  await plane.start();
});
afterEach(() => plane.stop());

const thing = (name: string, spec: object) => ({
  kind: "Resource",
  metadata: { name },
  spec: { class: "recording", ...spec },
});
const source = (zone: string, replaceOn: number) => thing("source", { config: { zone }, replaceOn });
const user = thing("user", { replaceOn: "${resource.source.status.output.zone}" });

function proposal(resources: readonly unknown[]): {
  readonly plan: Plan;
  readonly declared: readonly Draft[];
} {
  const asked = { system: "shop", namespace: "default", action: "apply" } as const;
  const { plan, declared = [], diagnostics } = propose({ ...asked, live: store, keyring, resources });
  if (plan === undefined) throw new Error(JSON.stringify(diagnostics));
  return { plan, declared };
}

const planned = (resources: readonly unknown[]): Plan => proposal(resources).plan;

async function apply(resources: readonly unknown[]): Promise<Plan> {
  const { plan, declared } = proposal(resources);
  const actor = "user:test";
  const { operations } = submissionOf({ plan, declared, request: {}, actor, live: store, keyring });
  if (operations.length > 0) await store.commit(operations, { actor, action: "apply" });
  await clock.advance(30_000);
  return plan;
}

/** Each the first time: what is there is looked at again now and then. */
const deeds = (): readonly string[] => [...new Set(provider.asked)];
const actionOf = (made: Plan, address: string) => made.steps.find((step) => step.address === address)?.action;
const ready = (name: string) => {
  const found = store.get({ kind: "Resource", namespace: "default", name });
  return found === undefined ? undefined : conditionOf(found, "Ready");
};

it("what depends on a value that is not known yet is made anew by the same change once the value is another", async () => {
  await apply([source("a", 1), user]);
  expect(ready("user")?.status).toBe("True");
  provider.asked.length = 0;
  expect(actionOf(await apply([source("b", 2), user]), "resource/user")).toBe("unknown");
  expect(deeds()).toEqual(["remove source", "ensure source 2", "remove user", "ensure user b"]);
  expect(ready("user")?.status).toBe("True");
  expect(planned([source("b", 2), user]).summary).toMatchObject({ none: 3 });
});

it("what turns out to be the same is never made anew", async () => {
  await apply([source("a", 1), user]);
  provider.asked.length = 0;
  expect(actionOf(await apply([source("a", 2), user]), "resource/user")).toBe("unknown");
  expect(provider.asked).not.toContain("remove user");
  expect(ready("user")?.status).toBe("True");
  expect(planned([source("a", 2), user]).summary).toMatchObject({ none: 3 });
});

it("what would have to be made anew because something else was edited is held back until a plan says so", async () => {
  await apply([source("a", 1), user]);
  provider.asked.length = 0;
  const live = store.get({ kind: "Resource", namespace: "default", name: "source" }) as Draft;
  const spec = { ...(live.spec as object), config: { zone: "b" } };
  await store.commit([{ type: "update", resource: { ...live, spec } }], { actor: "user:x", action: "edit" });
  await clock.advance(10_000);
  expect(deeds()).toEqual(["ensure source 1"]);
  expect(ready("user")).toMatchObject({
    status: "False",
    reason: "NeedsReplacement",
    message:
      "Another value of spec.replaceOn cannot be had in place: apply the system again, and it is made anew.",
  });
  expect(actionOf(await apply([source("b", 1), user]), "resource/user")).toBe("replace");
  expect(deeds().slice(1)).toEqual(["remove user", "ensure user b"]);
});
