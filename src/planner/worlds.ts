/** The two worlds that a plan compares: what is live, and what it leads to. */
import { kindNamed, kindOfRoot } from "../kinds/registry.ts";
import { statusSchema } from "../kinds/schema.ts";
import { isReady } from "../model/condition.ts";
import { type Draft, type Resource, addressOf } from "../model/resource.ts";
import { valueAt } from "../model/walk.ts";
import type { Snapshot } from "../store/store.ts";
import type { World } from "./effective.ts";
import { liveSystem } from "./ownership.ts";
import { parameterValues } from "./parameters.ts";

interface Place {
  readonly live: Snapshot;
  readonly system: string;
  readonly namespace: string;
}

export function liveWorld({ live, namespace, system }: Place): World {
  const find = (key: { readonly kind: string; readonly name: string }): Resource | undefined =>
    live.get({ ...key, namespace: kindNamed(key.kind)?.namespaced === false ? "" : namespace });
  const named = (address: string): Resource | undefined => {
    const [root = "", name = ""] = address.split("/");
    const kind = kindOfRoot(root);
    return kind === undefined ? undefined : find({ kind: kind.kind, name });
  };
  return {
    parameters: parameterValues(liveSystem(live, system, namespace)),
    resource: find,
    pending: () => false,
    ready: (address) => {
      const resource = named(address);
      return resource !== undefined && isSettled(resource);
    },
    output: (address, path) => valueAt(named(address), path),
  };
}

/** Configuration has no conditions: it is there as soon as it is written. */
function isSettled(resource: Resource): boolean {
  const kind = kindNamed(resource.kind);
  return isReady(resource) || kind === undefined || !("conditions" in (statusSchema(kind).properties ?? {}));
}

export interface Coming {
  /** The declared resources as they will be, by address. */
  readonly target: (address: string) => Draft | undefined;
  readonly system: Draft | undefined;
  /** Made, or made anew, or perhaps made anew. */
  readonly pending: (address: string) => boolean;
  /** The address that a declared resource has had so far. */
  readonly former: (address: string) => string;
}

export function comingWorld(before: World, { target, system, pending, former }: Coming): World {
  return {
    parameters: parameterValues(system),
    resource: (key) => target(addressOf({ ...key, namespace: "" })) ?? before.resource(key),
    pending,
    ready: (address) => before.ready(former(address)),
    output: (address, path) => before.output(former(address), path),
  };
}
