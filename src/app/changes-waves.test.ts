/** Waves of what is not an apply: taken down the other way round, going back like any other. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { revisionsOf } from "../planner/revisions.ts";
import { addressOf } from "../model/resource.ts";
import {
  apply,
  ask,
  behave,
  change,
  clock,
  crash,
  made,
  open,
  state,
  stop,
  store,
  submit,
  system,
} from "./fixtures/changes.ts";
import { TerminalError } from "../provider/provider.ts";

beforeEach(open);
afterEach(stop);

const PLACES = ["north", "south"];
const shop = (changes: object = {}): object => ({
  ...system({}),
  spec: {
    changes,
    locations: PLACES.map((name) => ({ name })),
    waves: [{ locations: ["north"], gate: { timeout: "1m" } }],
  },
});
const locations = PLACES.map((name) => ({ kind: "Location", metadata: { name }, spec: {} }));
const declared = (config: object, changes: object = {}): readonly object[] => [
  shop(changes),
  ...locations,
  { kind: "Resource", metadata: { name: "disk" }, spec: { class: "simulated", config } },
];
const wavesOf = (name: string): readonly unknown[] =>
  (change(name).status?.stages ?? []).map(({ wave }) => wave);
const up = async (changes: object = {}): Promise<void> => {
  await apply(...declared({ simulated: { remove: "5s" } }, changes));
  await clock.advance(10_000);
  expect(state("shop-1")).toBe("Succeeded");
  expect(made()).toEqual(["disk-north", "disk-south"]);
};
/** Name of the Change. */
const down = async (): Promise<string> => {
  const { change: name = "" } = await submit({ resources: [], action: "down" });
  return name;
};
/** Nothing of this name can be removed. */
const stuck = (name: string): void =>
  behave({
    onCall: ({ operation, identity }) =>
      operation === "remove" && identity?.name === name
        ? { fail: new TerminalError({ code: "Refused", message: "It is refused." }) }
        : undefined,
  });

describe("a System in several Locations that is taken down", () => {
  it("goes from the Location that was reached last, and leaves the first when that is gone", async () => {
    await up();
    const name = await down();
    await clock.advance(2_000);
    expect(state(name)).toBe("InProgress");
    const going = store.list({ kind: "Resource" }).items.filter(({ metadata }) => metadata.deletionTimestamp);
    expect(going.map(({ metadata }) => metadata.name)).toEqual(["disk-south"]);
    expect(revisionsOf(store, "shop", "default")[0]?.resources.map(addressOf)).not.toContain(
      "resource/disk-south",
    );
    await crash();
    await clock.advance(20_000);
    expect(made()).toEqual([]);
    expect(store.list({ kind: "System" }).items).toEqual([]);
    expect(state(name)).toBe("Succeeded");
    expect(wavesOf(name)).toEqual([0, 1]);
    await submit({ resources: [], action: "undo", undoes: name });
    await clock.advance(5_000);
    expect(made()).toEqual(["disk-north", "disk-south"]);
  });

  it("stays in the others when it cannot be removed from one, and goes on when somebody says so", async () => {
    await up({ onFailure: "hold" });
    stuck("disk-south");
    const name = await down();
    await clock.advance(10_000);
    expect(state(name)).toBe("Held");
    expect(made()).toEqual(["disk-north", "disk-south"]);
    behave({});
    await ask(name, { resumes: 1 });
    await clock.advance(30_000);
    expect(made()).toEqual([]);
    expect(state(name)).toBe("Succeeded");
  });

  it("comes back as a whole when that is taken back between two waves", async () => {
    await up();
    const name = await down();
    await ask(name, { hold: true });
    await clock.advance(10_000);
    expect(state(name)).toBe("Held");
    expect(made()).toEqual(["disk-north"]);
    await submit({ resources: [], action: "undo", undoes: name });
    await clock.advance(30_000);
    expect(state(name)).toBe("Superseded");
    expect(made()).toEqual(["disk-north", "disk-south"]);
    const resources = store.list({ kind: "Resource" }).items;
    expect(resources.map(({ metadata }) => metadata.deletionTimestamp)).toEqual([undefined, undefined]);
  });
});

describe("going back to a revision", () => {
  it("reaches one Location after the other, each when the gate of the one before has passed", async () => {
    await up();
    const { change: name = "" } = await apply(...declared({ simulated: { remove: "5s" }, n: 2 }));
    await clock.advance(10_000);
    expect(state(name)).toBe("Succeeded");
    const { change: back = "" } = await submit({ resources: [], action: "rollback" });
    await clock.advance(20_000);
    expect(state(back)).toBe("Succeeded");
    expect(wavesOf(back)).toEqual([0, 1]);
    // Not to what there was between its two waves.
    expect(change(back).spec.plan.toRevision).toBe(2);
    const specs = store.list({ kind: "Resource" }).items.map(({ spec }) => spec);
    for (const spec of specs) expect(spec).toMatchObject({ config: { simulated: { remove: "5s" } } });
    expect(JSON.stringify(specs)).not.toContain('"n":2');
  });
});
