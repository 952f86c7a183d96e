/**
 * What certificates are kept in: Secrets, so that whoever serves TLS reads them as it reads given ones. What may be known
 * of one without opening it stands in its annotations.
 */
import { CERTIFICATE } from "../../controller/certificates.ts";
import type { Draft, OwnerReference, Resource } from "../../model/resource.ts";
import type { Keyring } from "../../model/sealed.ts";
import { type Cause, type Operation, type Store, StoreError } from "../../store/store.ts";
import { timestamp } from "../../model/condition.ts";
import { type Held, lifeOf } from "./wanted.ts";

export type Annotations = Readonly<Record<string, string>>;
export type SecretResource = Resource & { readonly data?: Readonly<Record<string, string>> };

export interface SecretContent {
  readonly name: string;
  readonly namespace: string;
  readonly type: string;
  readonly annotations: Annotations;
  readonly owner?: Resource;
  /** As they are; sealed here. */
  readonly data: Readonly<Record<string, string>>;
}

export interface Kept {
  readonly store: Store;
  readonly keyring: Keyring;
}

export function readSecret(
  store: Pick<Store, "get">,
  namespace: string,
  name: string,
): SecretResource | undefined {
  return store.get({ kind: "Secret", namespace, name }) as SecretResource | undefined;
}

export function isOwnedBy(secret: Resource, owner: Resource): boolean {
  return secret.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid) === true;
}

/** Creates it, or replaces the one that was read before (`present`). */
export function secretOperation(
  { name, namespace, type, annotations, owner, data }: SecretContent,
  keyring: Keyring,
  present: Resource | undefined,
): Operation {
  const resource = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name,
      namespace,
      ...(present?.metadata.labels === undefined ? {} : { labels: present.metadata.labels }),
      annotations,
      ...(owner === undefined ? {} : { ownerReferences: [ownerOf(owner)] }),
    },
    type,
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, keyring.seal(value)])),
  } satisfies Draft & Record<string, unknown>;
  return present === undefined
    ? { type: "create", resource }
    : { type: "update", resource, expectedVersion: present.metadata.resourceVersion };
}

function ownerOf({ apiVersion, kind, metadata }: Resource): OwnerReference {
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true };
}

/**
 * The Secret of that name, made if there is none. Of several that make it at the same time one wins, and all get that one:
 * what it holds exists once, whoever crashes when.
 */
export async function madeOnce(
  { store, keyring }: Kept,
  key: { readonly namespace: string; readonly name: string },
  cause: Cause,
  make: () => Promise<Pick<SecretContent, "type" | "annotations" | "data">>,
): Promise<SecretResource> {
  const present = readSecret(store, key.namespace, key.name);
  if (present !== undefined) return present;
  const content = { ...key, ...(await make()) };
  try {
    await store.commit([secretOperation(content, keyring, undefined)], cause);
  } catch (error) {
    if (!(error instanceof StoreError && error.code === "AlreadyExists")) throw error;
  }
  const made = readSecret(store, key.namespace, key.name);
  if (made === undefined) throw new Error(`The Secret '${key.name}' went while it was being made.`);
  return made;
}

/** The certificate that a Secret of ours holds; undefined when there is none to be read. */
export function heldIn(secret: SecretResource | undefined, keyring: Keyring): Held | undefined {
  const { data, metadata } = secret ?? {};
  const life = lifeOf(chainIn(secret, keyring));
  if (life === undefined || data?.["tls.key"] === undefined) return undefined;
  const { [CERTIFICATE.issuer]: issuer = "", [CERTIFICATE.hosts]: hosts = "" } = metadata?.annotations ?? {};
  return { issuer, hosts: hosts.split(",").filter((host) => host !== ""), ...life };
}

/** PEM; undefined also when it was sealed with another key, for then nobody can use it. */
export function chainIn(secret: SecretResource | undefined, keyring: Keyring): string | undefined {
  try {
    return opened(secret?.data?.["tls.crt"], keyring);
  } catch {
    return undefined;
  }
}

export function opened(sealed: string | undefined, keyring: Keyring): string | undefined {
  return sealed === undefined ? undefined : keyring.openAll(sealed);
}

export interface Issued {
  /** PEM, the server's own certificate first. */
  readonly chain: string;
  /** PEM (PKCS#8). A secret. */
  readonly key: string;
  /** PEM of who is to be trusted, where clients do not know it by themselves. */
  readonly authority?: string;
}

/** The content of the Secret that holds an issued certificate. */
export function certificateContent(
  { chain, key, authority }: Issued,
  wanted: { readonly secret: string; readonly issuer: string; readonly hosts: readonly string[] },
  owner: Resource,
): SecretContent {
  const life = lifeOf(chain);
  return {
    name: wanted.secret,
    namespace: owner.metadata.namespace ?? "default",
    type: "kubernetes.io/tls",
    owner,
    annotations: {
      [CERTIFICATE.issuer]: wanted.issuer,
      [CERTIFICATE.hosts]: wanted.hosts.join(","),
      ...(life === undefined ? {} : { [CERTIFICATE.notAfter]: timestamp(life.notAfter) }),
    },
    data: { "tls.crt": chain, "tls.key": key, ...(authority === undefined ? {} : { "ca.crt": authority }) },
  };
}
