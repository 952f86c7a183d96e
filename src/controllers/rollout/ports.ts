/**
 * Which port numbers instances have. Kept as a count for each number, so that choosing some costs no look at all instances.
 *
 *  N1 A number given out is taken until the instance that has it is gone, also in the time between choosing it and writing
 *     it down: choices are made one after another, and each reserves what it gets.
 */
import type { View } from "../../controller/view.ts";
import type { Resource } from "../../model/resource.ts";
import type { Change, Snapshot } from "../../store/store.ts";

export class PortsInUse implements View {
  readonly #counts = new Map<number, number>();
  readonly #taken = new Set<number>();
  #turn: Promise<unknown> = Promise.resolve();

  fill(snapshot: Snapshot): void {
    for (const instance of snapshot.list({ kind: "Instance" }).items) this.#add(portsOf(instance), 1);
  }

  apply({ type, key, resource }: Change): void {
    if (key.kind !== "Instance") return;
    // The ports of an instance never change.
    if (type === "ADDED") this.#add(portsOf(resource), 1);
    else if (type === "DELETED") this.#add(portsOf(resource), -1);
  }

  /** Has `choose` pick numbers that are not taken and reserves them until `write`, which puts them into the store, is over. */
  async reserve<T>(
    choose: (taken: ReadonlySet<number>) => Promise<readonly number[]>,
    write: (ports: readonly number[]) => Promise<T>,
  ): Promise<T> {
    const chosen = this.#turn.then(async () => {
      const ports = await choose(this.#taken);
      this.#add(ports, 1);
      return ports;
    });
    this.#turn = chosen.catch(() => {});
    const ports = await chosen;
    try {
      return await write(ports);
    } finally {
      this.#add(ports, -1);
    }
  }

  #add(ports: readonly number[], by: 1 | -1): void {
    for (const port of ports) {
      const count = (this.#counts.get(port) ?? 0) + by;
      if (count > 0) {
        this.#counts.set(port, count);
        this.#taken.add(port);
      } else {
        this.#counts.delete(port);
        this.#taken.delete(port);
      }
    }
  }
}

function portsOf(instance: Resource): readonly number[] {
  return Object.values((instance.spec as { readonly ports: Readonly<Record<string, number>> }).ports);
}
