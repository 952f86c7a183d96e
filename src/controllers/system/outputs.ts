/**
 * What a System puts out: each output by itself, so that one which waits holds up no other. What others refer to does not go for
 * the moment in which its source is not ready: the last value stays until there is another, or no source.
 */
import { type Resolver, resolve, waitsText } from "../../controller/resolve.ts";
import { targetKey } from "../../controller/view.ts";
import { edgesOf } from "../../kinds/edges.ts";
import type { NewCondition } from "../../model/condition.ts";
import { type Draft, type Key, type Resource, keyOf, keyText } from "../../model/resource.ts";
import { holderOf, outputsOf } from "../../planner/outputs.ts";
import { TerminalError } from "../../provider/provider.ts";

export interface Outputs {
  /** Those that are known; what is made from a secret is sealed. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Absent when none is declared. */
  readonly condition?: NewCondition;
}

export const CONDITION = "OutputsKnown";

export function evaluateOutputs(system: Resource, resolver: Resolver): Outputs {
  const declared = Object.entries(outputsOf(system));
  if (declared.length === 0) return { values: {} };
  const { outputs: last = {} } = (system.status ?? {}) as {
    readonly outputs?: Readonly<Record<string, unknown>>;
  };
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, text] of declared) {
    const found = outputOf(system, text, resolver);
    if ("value" in found) values[name] = found.value;
    else {
      problems.push(`${name}: ${found.problem}`);
      if (found.keep && last[name] !== undefined) values[name] = last[name];
    }
  }
  const known = problems.length === 0;
  return {
    values,
    condition: {
      type: CONDITION,
      status: known ? "True" : "False",
      reason: known ? "Known" : "WaitingFor",
      message: known ? "All outputs are known." : problems.join(" "),
      observedGeneration: system.metadata.generation,
    },
  };
}

type Found = { readonly value: unknown } | { readonly problem: string; readonly keep: boolean };

function outputOf(system: Resource, text: string, resolver: Resolver): Found {
  const holder = holderOf(system, { value: text }) as Resource;
  try {
    const { spec, waits } = resolve(holder, resolver);
    if (waits.length === 0)
      return { value: (spec as { readonly config: { readonly value: unknown } }).config.value };
    const keep = waits.every(({ reason }) => reason === "is not ready");
    return { problem: waitsText(waits), keep };
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return { problem: error.message, keep: false };
  }
}

/** Which Systems put out something of a resource that is not theirs, and so does not name them. */
export class Sources {
  readonly #systems = new Map<string, Map<string, Key>>();
  readonly #sources = new Map<string, readonly string[]>();

  of(key: Key): Iterable<Key> {
    return this.#systems.get(keyText(key))?.values() ?? [];
  }

  keep(system: Resource): void {
    const key = keyOf(system);
    this.forget(key);
    const holder = holderOf(system);
    const sources = edgesOf(holder).edges.map((edge) => keyText(targetKey(edge, holder as Draft)));
    this.#sources.set(keyText(key), sources);
    for (const source of sources) {
      const systems = this.#systems.get(source);
      if (systems === undefined) this.#systems.set(source, new Map([[keyText(key), key]]));
      else systems.set(keyText(key), key);
    }
  }

  forget(system: Key): void {
    for (const source of this.#sources.get(keyText(system)) ?? []) {
      const systems = this.#systems.get(source);
      systems?.delete(keyText(system));
      if (systems?.size === 0) this.#systems.delete(source);
    }
    this.#sources.delete(keyText(system));
  }
}
