import { type DraftMetadata, REQUESTS } from "./resource.ts";

/** The name under which a resource's thing was made: another than its own when it has been renamed since. */
export function madeName({ name, annotations }: DraftMetadata): string {
  const identity = annotations?.[REQUESTS.identity];
  if (identity === undefined) return name;
  try {
    const { name: former } = JSON.parse(identity) as { readonly name?: unknown };
    return typeof former === "string" ? former : name;
  } catch {
    return name;
  }
}
