/** The Secrets by which Locations are reached. */
import { type LocationSpec, SECRETS_OF_LOCATIONS } from "../kinds/location.ts";
import type { Resource } from "../model/resource.ts";
import type { Keyring } from "../model/sealed.ts";
import { TerminalError } from "../provider/provider.ts";
import type { Store } from "../store/store.ts";
import { readSecret } from "./controllers.ts";

/** Refuses with TerminalError when there is none. `path`: where the Location names it. */
export function textsOf(
  location: Resource<LocationSpec>,
  secret: string,
  path: string,
  { store, keyring }: { readonly store: Store; readonly keyring: Keyring },
): Readonly<Record<string, string>> {
  const found = readSecret(store, keyring, SECRETS_OF_LOCATIONS, secret);
  if (found !== undefined) return found;
  throw new TerminalError({
    code: "MissingSecret",
    path,
    message: `The location '${location.metadata.name}' names the Secret '${secret}', which is not in the namespace ${SECRETS_OF_LOCATIONS}.`,
    hint: "Create it there, or name another.",
  });
}

/** Refuses with TerminalError a Secret that has not all of these. */
export function required<const N extends string>(
  texts: Readonly<Record<string, string>>,
  names: readonly N[],
  { secret, path, hint }: { readonly secret: string; readonly path: string; readonly hint: string },
): Readonly<Record<N, string>> {
  const missing = names.filter((name) => (texts[name] ?? "") === "");
  if (missing.length === 0) return texts as Readonly<Record<N, string>>;
  throw new TerminalError({
    code: "MissingSecret",
    path,
    message: `The Secret '${secret}' has no ${missing.join(" and no ")}.`,
    hint,
  });
}
