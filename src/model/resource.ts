/**
 * The shape that every declared or observed thing shares: the Kubernetes resource. `spec` (or, for the kinds that
 * Kubernetes defines without one, the body) is written by people, `status` by controllers (I6). Values are frozen once
 * they are in a store: to change one, build another.
 */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export type ConditionStatus = "True" | "False" | "Unknown";

export interface Condition {
  readonly type: string;
  readonly status: ConditionStatus;
  /** One word in upper camel case, for programs. */
  readonly reason: string;
  /** One sentence, for people. */
  readonly message: string;
  /** RFC 3339. */
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

export interface Metadata {
  readonly name: string;
  /** Absent on kinds that belong to no namespace. */
  readonly namespace?: string;
  readonly uid: string;
  /** The store's revision at which this content was written. */
  readonly resourceVersion: string;
  /** Counts the changes of what people write; status does not count. */
  readonly generation: number;
  /** RFC 3339, whole seconds. */
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface Status {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
}

/** `Spec` and `Status` are the kind's own; a store holds resources of every kind and sees only this. */
export interface Resource<S = unknown, T = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly spec: S;
  readonly status?: T;
}

/** What a person hands in: no uid, no version yet. */
export interface DraftMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface Draft<S = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: DraftMetadata;
  readonly spec?: S;
}

/** Identity within one control plane. Kind names are unique over all groups served, so the group is not part of it. */
export interface Key {
  readonly kind: string;
  /** Empty for kinds that belong to no namespace. */
  readonly namespace: string;
  readonly name: string;
}

export function keyOf(resource: { readonly kind: string; readonly metadata: DraftMetadata }): Key {
  return { kind: resource.kind, namespace: resource.metadata.namespace ?? "", name: resource.metadata.name };
}

/** `Service/default/api`. Names hold no slash, so the text is unique and can be parsed back. */
export function keyText(key: Key): string {
  return `${key.kind}/${key.namespace}/${key.name}`;
}

export function parseKeyText(text: string): Key {
  const [kind = "", namespace = "", name = ""] = text.split("/");
  return { kind, namespace, name };
}

/** How people and diagnostics name a resource: `service/api`, `loadBalancer/front`. */
export function addressOf(
  resource: { readonly kind: string; readonly metadata: { readonly name: string } } | Key,
): string {
  return `${rootName(resource.kind)}/${"metadata" in resource ? resource.metadata.name : resource.name}`;
}

/** The kind in lower camel case, as references spell it: `Service` is `service`, `DNSZone` is `dnsZone`. */
export function rootName(kind: string): string {
  const acronym = /^[A-Z]+(?=[A-Z][a-z])/.exec(kind);
  if (acronym !== null) return acronym[0].toLowerCase() + kind.slice(acronym[0].length);
  return kind.charAt(0).toLowerCase() + kind.slice(1);
}

/** RFC 1123 label or subdomain, as Kubernetes asks of names. */
export const NAME_PATTERN = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

export const LABELS = {
  /** The System a resource was applied with. */
  system: "tutti.dev/system",
  /** Of a System in several Locations: which one the copy is for. */
  location: "tutti.dev/location",
  /** The Service an Instance is a copy of. */
  service: "tutti.dev/service",
  /** The hash of the template an Instance was made from. */
  template: "tutti.dev/template",
} as const;

/** Setting this annotation of a Service to another value restarts all its instances, one rollout. */
export const RESTARTED_AT = "tutti.dev/restarted-at";

/** Annotations with which a plan speaks to controllers; no part of a declaration, and kept until another plan writes them. */
export const REQUESTS = {
  /** Make it anew, once for each value: the hash of the plan. */
  replace: "tutti.dev/replace",
  /** Try again what has failed, once for each value: `UID/N`, the Change that was resumed for the Nth time. */
  retry: "tutti.dev/retry",
  /** JSON `{"name", "uid"}` by which the thing was made, of a resource that has been renamed since. */
  identity: "tutti.dev/identity",
  /** Take what has this id as the thing, instead of making one. */
  adopt: "tutti.dev/adopts",
  /** `true`: when the resource goes, let go of the thing and leave it there. */
  forget: "tutti.dev/forget",
  /** Set back what is found other than it was made, once for each value, whatever the policy says. */
  revert: "tutti.dev/revert",
  /** JSON `[{"path", "until", "by", "reason"}]`: what is allowed to be other than it was made, for a while. */
  tolerate: "tutti.dev/tolerate",
  /** JSON `{PATH: hash}`: values written past the newest Revision that are in the declaration by now. */
  accepted: "tutti.dev/accepted",
} as const;

export const FINALIZERS = {
  /** A Service: its instances are gone. */
  rollout: "tutti.dev/rollout",
  /** An Instance: its process is gone. */
  instance: "tutti.dev/instance",
  /** What a provider made is gone. */
  provision: "tutti.dev/provision",
  /** A Location: nothing is there any more. */
  location: "tutti.dev/location",
  /** A Run: it has ended, and what it left is forgotten. */
  run: "tutti.dev/run",
  /** A System: its resources are gone. */
  system: "tutti.dev/system",
} as const;

/** Freezes a value and all it holds. Stops at what is frozen already, so shared structure is walked once. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
