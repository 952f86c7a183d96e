/** L1 to L3: who holds a Change, for how long, and that nobody who lost it writes any more. */
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import type { Key, Resource } from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { ChangeLeases, LEASE_SECONDS, leaseKey } from "./lease.ts";

const cause = { actor: "test", action: "test" };
const change: Key = { kind: "Change", namespace: "default", name: "shop-1" };

let clock: ManualClock;
let store: Store;
beforeEach(() => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
});

const lease = (): Resource<Record<string, unknown>> =>
  store.get(leaseKey(change)) as Resource<Record<string, unknown>>;

async function hold(leases: ChangeLeases): Promise<boolean> {
  const claim = leases.claim(change, clock.now());
  if (claim.mine) await store.commit(claim.operations, cause);
  return claim.mine;
}

describe("a lease", () => {
  it("is taken by one, and by nobody else as long as it is renewed", async () => {
    const [one, other] = [new ChangeLeases(store, "one"), new ChangeLeases(store, "other")];
    expect(await hold(one)).toBe(true);
    for (let count = 0; count < 10; count += 1) {
      await clock.advance((LEASE_SECONDS * 1000) / 2);
      expect(await hold(other)).toBe(false);
      expect(await hold(one)).toBe(true);
    }
    expect(lease().spec).toMatchObject({ holderIdentity: "one", leaseTransitions: 1 });
  });

  it("that is not renewed is taken over, with another epoch", async () => {
    const [one, other] = [new ChangeLeases(store, "one"), new ChangeLeases(store, "other")];
    await hold(one);
    await clock.advance(LEASE_SECONDS * 1000 - 1);
    expect(other.claim(change, clock.now())).toMatchObject({ mine: false, holder: "one", wait: 1 });
    await clock.advance(1);
    expect(await hold(other)).toBe(true);
    expect(lease().spec).toMatchObject({ holderIdentity: "other", leaseTransitions: 2 });
    expect(await hold(one)).toBe(false);
  });

  it("refuses all of a commit of who has lost it meanwhile", async () => {
    const [one, other] = [new ChangeLeases(store, "one"), new ChangeLeases(store, "other")];
    await hold(one);
    const claim = one.claim(change, clock.now());
    await clock.advance(LEASE_SECONDS * 1000);
    await hold(other);
    const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x", namespace: "default" } };
    const operations = claim.mine ? claim.operations : [];
    await expect(
      store.commit([{ type: "create", resource: map }, ...operations], cause),
    ).rejects.toMatchObject({ code: "Conflict" });
    expect(store.list({ kind: "ConfigMap" }).items).toEqual([]);
  });

  it("of a process that is gone is taken at once by the next of the same store, with another epoch", async () => {
    await hold(new ChangeLeases(store, "plane"));
    expect(await hold(new ChangeLeases(store, "plane"))).toBe(true);
    expect(lease().spec).toMatchObject({ leaseTransitions: 2 });
  });

  it("goes with its Change", async () => {
    const leases = new ChangeLeases(store, "plane");
    await hold(leases);
    await store.commit(leases.released(change), cause);
    expect(lease()).toBeUndefined();
    expect(leases.released(change)).toEqual([]);
  });
});
