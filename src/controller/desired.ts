/** What a provider is asked about a resource, in one place for all who ask. */
import { type Resource, REQUESTS } from "../model/resource.ts";
import type { Desired, Identity } from "../provider/provider.ts";

/** `spec`: resolved, or that by which it was made. `incarnation`: of one that was made anew beside it, when not of now. */
export function desiredOf(resource: Resource, spec: unknown, incarnation = incarnationOf(resource)): Desired {
  const { metadata, status } = resource;
  const identity = identityOf(resource);
  return {
    identity: incarnation === 1 ? identity : { ...identity, uid: `${identity.uid}.${incarnation}` },
    spec,
    status: status as Readonly<Record<string, unknown>> | undefined,
    ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
  };
}

/** How often it was made anew beside the former one, from 1. */
export function incarnationOf({ status }: Resource): number {
  return (status as { readonly incarnation?: number } | undefined)?.incarnation ?? 1;
}

/** What has been renamed is found by the name under which it was made. */
function identityOf({ kind, metadata }: Resource): Identity {
  const { namespace = "", name, uid, annotations } = metadata;
  return { kind, namespace, name, uid, ...former(annotations?.[REQUESTS.identity]) };
}

function former(text: string | undefined): Partial<Pick<Identity, "name" | "uid">> {
  if (text === undefined) return {};
  try {
    const { name, uid } = JSON.parse(text) as { readonly name?: unknown; readonly uid?: unknown };
    return { ...(typeof name === "string" ? { name } : {}), ...(typeof uid === "string" ? { uid } : {}) };
  } catch {
    return {};
  }
}
