/**
 * How a resource leaves the control plane. Sealed text never does (I10): where a value is sealed, `(secret)` stands; only
 * the data of a Secret, asked for by name or listed as such by somebody with access, and what `reveal` asks for, are
 * opened. And the way back: a `(secret)` that comes in again with an edited resource is what it stood for.
 */
import { MASK, masked } from "../model/masked.ts";
import { mapStrings, valueAt } from "../model/walk.ts";
import type { Draft, Resource } from "../model/resource.ts";
import { type Keyring, containsSealed, isSealed } from "../model/sealed.ts";
import { secretBytes } from "../planner/secrets.ts";

export { MASK, masked };

/** As clients see it. Secrets are opened to base64. */
export function presented(resource: Resource, keyring: Keyring): Resource {
  return (resource.kind === "Secret" ? opened(resource, keyring) : masked(resource)) as Resource;
}

/** With every sealed value opened. */
export function revealed(resource: Resource, keyring: Keyring): Resource {
  return resource.kind === "Secret" ? opened(resource, keyring) : keyring.openAll(resource);
}

function opened(secret: Resource, keyring: Keyring): Resource {
  const { data } = secret as Resource & { readonly data?: Readonly<Record<string, string>> };
  const { annotations } = secret.metadata;
  const metadata =
    annotations === undefined
      ? secret.metadata
      : { ...secret.metadata, annotations: keyring.openAll(annotations) };
  if (data === undefined) return { ...secret, metadata };
  const plain = Object.entries(data).map(([name, value]) => [
    name,
    isSealed(value) ? secretBytes(keyring.open(value)).toString("base64") : value,
  ]);
  return { ...secret, metadata, data: Object.fromEntries(plain) } as Resource;
}

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** `kubectl apply` notes the whole manifest in an annotation: of a Secret, with the values. So that is sealed too. */
export function withSealedAnnotations<D extends Draft>(secret: D, keyring: Keyring): D {
  const applied = secret.metadata.annotations?.[LAST_APPLIED];
  if (applied === undefined) return secret;
  const annotations = { ...secret.metadata.annotations, [LAST_APPLIED]: keyring.seal(applied) };
  return { ...secret, metadata: { ...secret.metadata, annotations } };
}

/** `value`, with each `(secret)` that stands where `current` has something sealed put back. */
export function unmasked(value: unknown, current: unknown): unknown {
  return mapStrings(value, (text, path) => {
    if (text !== MASK) return text;
    const before = valueAt(current, path);
    return typeof before === "string" && containsSealed(before) ? before : text;
  });
}
