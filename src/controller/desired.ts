/** What a provider is asked about a resource, in one place for all who ask. */
import { type Resource, REQUESTS } from "../model/resource.ts";
import type { Desired, Identity } from "../provider/provider.ts";

/** `spec`: resolved, or that by which it was made. */
export function desiredOf(resource: Resource, spec: unknown): Desired {
  const { metadata, status } = resource;
  return {
    identity: identityOf(resource),
    spec,
    status: status as Readonly<Record<string, unknown>> | undefined,
    ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
  };
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
