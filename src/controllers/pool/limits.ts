/** What Pools and Namespaces say about the engine's admission. Pure, and asked before the engine takes up its runs. */
import { parseDuration } from "../../model/duration.ts";
import type { Resource } from "../../model/resource.ts";
import type { PoolLimits } from "../../workflow/admission/admission.ts";

export type Pool = Resource<
  {
    readonly slots?: number;
    readonly rate?: { readonly limit: number; readonly per: string };
  },
  { readonly held?: number; readonly waiting?: number } | undefined
>;

export type Namespace = Resource<{ readonly weight?: number }>;

/**
 * As the engine calls the pool of a step: those of two namespaces are two. A name with a slash is of a dialect's own locks,
 * which name their namespace themselves.
 */
export function poolId(namespace: string, name: string): string {
  return name.includes("/") ? name : `${namespace}/${name}`;
}

export function limitsOf({ spec: { slots, rate } }: Pool): PoolLimits {
  return {
    ...(slots === undefined ? {} : { slots }),
    ...(rate === undefined ? {} : { rate: { limit: rate.limit, per: parseDuration(rate.per) } }),
  };
}

export function weightOf({ spec }: Namespace): number {
  return spec.weight ?? 1;
}
