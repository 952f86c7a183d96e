/** What a provider is asked about a resource, in one place for all who ask. */
import { madeName } from "../model/made-name.ts";
import type { Resource } from "../model/resource.ts";
import type { Desired, Identity } from "../provider/provider.ts";

/** `spec`: resolved, or that by which it was made. `incarnation`: of one that was made anew beside it, when not of now. */
export function desiredOf(resource: Resource, spec: unknown, incarnation = incarnationOf(resource)): Desired {
  const { metadata, status } = resource;
  return {
    identity: identityOf(resource, incarnation),
    spec,
    status: status as Readonly<Record<string, unknown>> | undefined,
    ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
  };
}

/** How often it was made anew beside the former one, from 1. */
export function incarnationOf({ status }: Resource): number {
  return (status as { readonly incarnation?: number } | undefined)?.incarnation ?? 1;
}

/** By which its thing is found: what has been renamed by the name under which it was made. Its uid goes on with it. */
export function identityOf(resource: Resource, incarnation = incarnationOf(resource)): Identity {
  const { kind, metadata } = resource;
  const { namespace = "", uid } = metadata;
  return {
    kind,
    namespace,
    name: madeName(metadata),
    uid: incarnation === 1 ? uid : `${uid}.${incarnation}`,
  };
}
