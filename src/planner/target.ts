/**
 * What a declared resource is to become, given what is live under its name. The body is taken from the declaration, but for
 * the replicas of a service that is scaled by what is measured, which are the autoscaler's to write (I6), and for the paths
 * whose changes are ignored.
 * Labels and annotations are merged three ways, as `kubectl apply` does: what the last revision declared and this one
 * does not goes, what others wrote (`tutti.dev/restarted-at`) stays. Finalizers and owners are the controllers' own.
 */
import { keepReplicas } from "../kinds/autoscale.ts";
import { kindNamed } from "../kinds/registry.ts";
import { type Draft, type DraftMetadata, REQUESTS, type Resource } from "../model/resource.ts";
import { keepIgnored } from "./ignored.ts";
import { SYSTEM_FINALIZER } from "./ownership.ts";
import { isSecret, keepGenerated } from "./secrets.ts";

export interface TargetInput {
  readonly draft: Draft;
  readonly live: Resource | undefined;
  /** The same resource in the latest revision. */
  readonly previous: Draft | undefined;
}

export function targetOf({ draft, live, previous }: TargetInput): Draft {
  const complete = isSecret(draft)
    ? keepGenerated(draft, live as Draft | undefined)
    : draft.kind === "Service"
      ? withReplicas(draft, live)
      : draft;
  const target = { ...complete, metadata: targetMetadata(complete, live, previous) };
  return live === undefined ? target : keepIgnored(target, live);
}

type Spec = Readonly<Record<string, unknown>>;

function withReplicas(draft: Draft, live: Resource | undefined): Draft {
  const spec = keepReplicas(draft.spec as Spec, live?.spec as Spec | undefined);
  return spec === draft.spec ? draft : ({ ...draft, spec } as Draft);
}

function targetMetadata(
  draft: Draft,
  live: Resource | undefined,
  previous: Draft | undefined,
): DraftMetadata {
  const now = live?.metadata;
  const finalizers = finalizersOf(draft, live);
  return present({
    name: draft.metadata.name,
    namespace: draft.metadata.namespace,
    labels: merged(draft.metadata.labels, now?.labels, previous?.metadata.labels),
    annotations: merged(
      withoutRequests(draft.metadata.annotations),
      now?.annotations,
      withoutRequests(previous?.metadata.annotations),
    ),
    finalizers: finalizers.length === 0 ? undefined : finalizers,
    ownerReferences: now?.ownerReferences,
  });
}

function finalizersOf({ kind }: Draft, live: Resource | undefined): readonly string[] {
  const held = live === undefined ? (kindNamed(kind)?.finalizers ?? []) : (live.metadata.finalizers ?? []);
  return kind === "System" ? [...new Set([...held, SYSTEM_FINALIZER])] : held;
}

const OWN_REQUESTS: ReadonlySet<string> = new Set([
  REQUESTS.replace,
  REQUESTS.retry,
  REQUESTS.identity,
  REQUESTS.adopt,
  REQUESTS.forget,
]);

/** What a plan alone may say to controllers cannot be declared: it would take another's thing for one's own. */
function withoutRequests(texts: Texts): Texts {
  const entries = Object.entries(texts ?? {});
  return entries.some(([name]) => OWN_REQUESTS.has(name))
    ? Object.fromEntries(entries.filter(([name]) => !OWN_REQUESTS.has(name)))
    : texts;
}

/** Without the members that are undefined. */
function present(metadata: {
  readonly [member in keyof DraftMetadata]-?: DraftMetadata[member] | undefined;
}): DraftMetadata {
  return Object.fromEntries(
    Object.entries(metadata).filter(([, value]) => value !== undefined),
  ) as unknown as DraftMetadata;
}

type Texts = Readonly<Record<string, string>> | undefined;

function merged(declared: Texts, live: Texts, previous: Texts): Texts {
  const kept = Object.entries(live ?? {}).filter(([name]) => !Object.hasOwn(previous ?? {}, name));
  const all = [...kept, ...Object.entries(declared ?? {})];
  return all.length === 0 ? undefined : Object.fromEntries(all);
}

/** Everything of a resource but its identity, metadata and status. */
export function bodyOf(resource: Draft | Resource): Readonly<Record<string, unknown>> {
  const {
    apiVersion: _apiVersion,
    kind: _kind,
    metadata: _metadata,
    status: _status,
    ...body
  } = resource as Resource;
  return body;
}
