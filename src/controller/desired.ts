/** What a provider is asked about a resource, in one place for all who ask. */
import { type Resource, REQUESTS } from "../model/resource.ts";
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

/** By which its thing is found: what has been renamed by the name under which it was made. */
export function identityOf(resource: Resource, incarnation = incarnationOf(resource)): Identity {
  const { kind, metadata } = resource;
  const { namespace = "", name, uid, annotations } = metadata;
  return {
    kind,
    namespace,
    name: formerName(annotations?.[REQUESTS.identity]) ?? name,
    uid: incarnation === 1 ? uid : `${uid}.${incarnation}`,
  };
}

/** The uid is never taken from there: it goes on with the resource, and an annotation could name another's. */
function formerName(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    const { name } = JSON.parse(text) as { readonly name?: unknown };
    return typeof name === "string" ? name : undefined;
  } catch {
    return undefined;
  }
}
