/**
 * What a declaration needs that not every class has: the marks `needs` on the fields it uses. A class says what it has
 * (provider/provider.ts); a declaration that needs more is refused at admission with the classes that could.
 */
import { kindNamed } from "./registry.ts";
import { type JsonSchema, bodySchema, childSchema } from "./schema.ts";
import { pathText } from "../model/walk.ts";

export interface Need {
  readonly feature: string;
  readonly path: string;
}

/** Every need of a resource's spec, once each, at the place that has it first. Defaults need nothing. */
export function needsOf(kindName: string, spec: unknown): readonly Need[] {
  const kind = kindNamed(kindName);
  if (kind === undefined) return [];
  const found = new Map<string, Need>();
  collect(spec, childSchema(bodySchema(kind), "spec"), ["spec"], found);
  return [...found.values()];
}

function collect(
  value: unknown,
  schema: JsonSchema | undefined,
  path: readonly (string | number)[],
  found: Map<string, Need>,
): void {
  if (value === undefined || value === null || schema === undefined) return;
  const feature = featureOf(schema, value);
  if (feature !== undefined && !found.has(feature)) found.set(feature, { feature, path: pathText(path) });
  if (typeof value !== "object") return;
  const steps: readonly (string | number)[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  for (const step of steps)
    collect(
      (value as Record<string | number, unknown>)[step],
      childSchema(schema, step),
      [...path, step],
      found,
    );
}

function featureOf({ needs }: JsonSchema, value: unknown): string | undefined {
  if (needs === undefined || value === false) return undefined;
  if (typeof needs === "string") return Array.isArray(value) && value.length === 0 ? undefined : needs;
  return typeof value === "string" && Object.hasOwn(needs, value) ? needs[value] : undefined;
}
