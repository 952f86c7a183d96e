/**
 * Where a declared resource is that does not say so itself: where its System says. What holds data or an address (its
 * location is immutable) stays where it is once it is there, since a default moves no data; a service follows by a rollout.
 */
import { kindNamed } from "../kinds/registry.ts";
import { type JsonSchema, bodySchema, schemaAt } from "../kinds/schema.ts";
import { rootName } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";
import { isTerminating } from "./ownership.ts";

/** There from the start, without being declared. */
export const LOCATIONS: ReadonlySet<string> = new Set(["local", "docker"]);

interface Manifest {
  readonly kind?: unknown;
  readonly metadata?: { readonly name?: unknown };
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** The System's own location among manifests that came from outside; undefined when none is given. */
export function systemLocation(manifests: readonly unknown[]): string | undefined {
  const location = manifests
    .filter((manifest) => isObject(manifest))
    .find((manifest) => manifest.kind === "System" && isObject(manifest.spec))?.spec?.["location"];
  return typeof location === "string" ? location : undefined;
}

/** By present address, the former one, as the System among the manifests tells. Whether they are right is checked elsewhere. */
export function formerAddresses(manifests: readonly unknown[]): ReadonlyMap<string, string> {
  const system = manifests.filter((manifest) => isObject(manifest)).find(({ kind }) => kind === "System");
  const moved = isObject(system?.spec) ? (system.spec as { readonly moved?: unknown }).moved : undefined;
  if (!Array.isArray(moved)) return new Map();
  return new Map(
    moved.flatMap((line: unknown) => {
      const { from, to } = (line ?? {}) as { readonly from?: unknown; readonly to?: unknown };
      return typeof from === "string" && typeof to === "string" ? [[to, from] as const] : [];
    }),
  );
}

interface Place {
  readonly former: ReadonlyMap<string, string>;
  readonly live: Snapshot;
  readonly namespace: string;
  /** The System's own. */
  readonly location: string | undefined;
}

/** The manifest with a location, or as it is where it has one, needs none, or is not a manifest at all. */
export function withLocation(manifest: unknown, place: Place): unknown {
  if (!isObject(manifest) || typeof manifest.kind !== "string" || manifest.kind === "System") return manifest;
  const { kind, spec = {}, metadata } = manifest;
  const field = locationField(kind);
  if (field === undefined || !isObject(spec) || "location" in spec) return manifest;
  // Said also where it is the default: what is not there yet reads as it will when it is.
  const location = keptAt(kind, metadata?.name, field, place) ?? place.location ?? field.default;
  return location === undefined ? manifest : { ...manifest, spec: { ...spec, location } };
}

function keptAt(kind: string, name: unknown, { immutable }: JsonSchema, place: Place): string | undefined {
  return immutable === true ? present(kind, name, place) : undefined;
}

function locationField(kindName: string): JsonSchema | undefined {
  const kind = kindNamed(kindName);
  return kind === undefined ? undefined : schemaAt(bodySchema(kind), ["spec", "location"]);
}

/** Where the resource of this name is now, or was under the name that it had so far. */
function present(kind: string, name: unknown, { live, namespace, former }: Place): string | undefined {
  if (typeof name !== "string") return undefined;
  const passed = new Set<string>();
  let there = live.get({ kind, namespace, name });
  let address = former.get(`${rootName(kind)}/${name}`);
  while (there === undefined && address !== undefined && !passed.has(address)) {
    passed.add(address);
    there = live.get({ kind, namespace, name: address.split("/")[1] ?? "" });
    address = former.get(address);
  }
  if (there === undefined || isTerminating(there)) return undefined;
  const location = (there.spec as { readonly location?: unknown } | undefined)?.location;
  return typeof location === "string" ? location : undefined;
}

function isObject(value: unknown): value is Manifest {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
