/**
 * Who works on a Change, and so holds the resources it touches: one Lease a Change, whatever its size (I13). What it
 * covers is told by the Change itself (view.ts, `holderOf`).
 *
 *   (none) ──take──▶ mine, epoch 1 ──renew──▶ mine ──the Change ends──▶ (none)
 *                      │ not renewed in time: another takes it, epoch + 1
 *                      '──▶ whoever writes with the former epoch is refused
 *
 *  L1 Whoever writes for a Change names the version of the Lease it holds in the same commit: taken over meanwhile, all of
 *     the commit is refused. The epoch is `leaseTransitions`.
 *  L2 A control plane that starts again is the same holder with another epoch: its store admits one process, so the former
 *     is dead, and need not be waited for.
 *  L3 It goes with its Change.
 */
import type { Draft, Key, Resource } from "../../model/resource.ts";
import type { Operation, Snapshot } from "../../store/store.ts";

export const LEASE_SECONDS = 60;
const RENEW_AFTER = (LEASE_SECONDS * 1000) / 3;

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}
type Lease = Resource<LeaseSpec>;

export type Standing =
  /** `operations`: to be in the commit that does something. */
  | { readonly mine: true; readonly operations: readonly Operation[]; readonly due: number }
  /** Milliseconds until it may be taken over. */
  | { readonly mine: false; readonly holder: string; readonly wait: number };

export function leaseKey(change: Key): Key {
  return { kind: "Lease", namespace: change.namespace, name: `change-${change.name}` };
}

export class ChangeLeases {
  readonly #store: Snapshot;
  readonly #holder: string;
  /** Epochs by which this process holds. */
  readonly #epochs = new Map<string, number>();

  constructor(store: Snapshot, holder: string) {
    this.#store = store;
    this.#holder = holder;
  }

  /** What must be in a commit so that it counts as made by the holder. */
  claim(change: Key, now: number): Standing {
    const key = leaseKey(change);
    const lease = this.#store.get(key) as Lease | undefined;
    if (lease === undefined) return this.#taken(key, undefined, 1, now);
    const { holderIdentity = "", leaseTransitions = 0, renewTime = "" } = lease.spec;
    const renewed = Date.parse(renewTime);
    if (holderIdentity !== this.#holder) {
      const wait = renewed + (lease.spec.leaseDurationSeconds ?? LEASE_SECONDS) * 1000 - now;
      if (wait > 0) return { mine: false, holder: holderIdentity, wait };
      return this.#taken(key, lease, leaseTransitions + 1, now);
    }
    // Ours, but of a process before this one.
    if (this.#epochs.get(key.name) !== leaseTransitions)
      return this.#taken(key, lease, leaseTransitions + 1, now);
    return {
      mine: true,
      operations: [this.#renewal(lease, lease.spec.acquireTime ?? "", leaseTransitions, now)],
      due: Math.max(0, renewed + RENEW_AFTER - now),
    };
  }

  /** To be in the commit with which a Change ends. */
  released(change: Key): readonly Operation[] {
    const key = leaseKey(change);
    this.#epochs.delete(key.name);
    const lease = this.#store.get(key);
    return lease === undefined
      ? []
      : [{ type: "delete", key, expectedVersion: lease.metadata.resourceVersion }];
  }

  #taken(key: Key, lease: Lease | undefined, epoch: number, now: number): Standing {
    this.#epochs.set(key.name, epoch);
    const acquired = new Date(now).toISOString();
    if (lease !== undefined)
      return { mine: true, operations: [this.#renewal(lease, acquired, epoch, now)], due: 0 };
    const resource: Draft = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: key.name, namespace: key.namespace },
      spec: this.#spec(acquired, epoch, now),
    };
    return { mine: true, operations: [{ type: "create", resource }], due: 0 };
  }

  #renewal(lease: Lease, acquired: string, epoch: number, now: number): Operation {
    const { status: _status, ...draft } = lease;
    return {
      type: "update",
      resource: { ...draft, spec: this.#spec(acquired, epoch, now) } as Draft,
      expectedVersion: lease.metadata.resourceVersion,
    };
  }

  #spec(acquireTime: string, leaseTransitions: number, now: number): LeaseSpec {
    return {
      holderIdentity: this.#holder,
      leaseDurationSeconds: LEASE_SECONDS,
      acquireTime,
      renewTime: new Date(now).toISOString(),
      leaseTransitions,
    };
  }
}
