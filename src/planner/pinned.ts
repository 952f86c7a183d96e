/**
 * The exact images of services: a tag may mean another image tomorrow, so what is planned names which (`digest`). A ResourceSet
 * of services is pinned as a whole, in its template: members that come later run what was agreed to. Where the image differs
 * by member, it is not: which there are is told when they are known. So are the files that a Resource of a class is made from.
 */
import { equal } from "../model/equality.ts";
import { hasExpression } from "../model/expression.ts";
import { type Draft, type Resource, addressOf, keyOf } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";
import { SET } from "./expansion.ts";
import { specOfSet } from "./set-template.ts";

type Spec = Readonly<Record<string, unknown>>;

/** What runs an image: the spec of a service, or that of all members of a set. Or what may be made from files. */
export function imagedSpec(draft: Draft | Resource): Spec | undefined {
  if (draft.kind === "Service" || draft.kind === "Resource") return (draft.spec ?? {}) as Spec;
  if (draft.kind !== "ResourceSet") return undefined;
  const { kind, spec = {} } = specOfSet(draft as Draft).template;
  return kind === "Service" ? (spec as Spec) : undefined;
}

/** Those that name an image, or how one is built, and not which exactly. Members of a set are pinned with it. */
export function unpinnedIn(resources: readonly Draft[]): readonly Draft[] {
  const sets = new Set(
    resources.filter(({ kind }) => kind === "ResourceSet").map(({ metadata }) => metadata.name),
  );
  return resources.filter((draft) => isUnpinned(draft) && !sets.has(draft.metadata.labels?.[SET] ?? ""));
}

/** Classes of Resource that are made from what is declared alone; `auto` chooses one of them. */
const OF_NO_FILES: ReadonlySet<unknown> = new Set([undefined, "auto", "data", "terraform"]);

/** What is still to be computed is pinned when it is known. */
function isUnpinned(draft: Draft): boolean {
  const { image, build, digest, class: chosen } = imagedSpec(draft) ?? {};
  if (draft.kind === "Resource") return digest === undefined && !OF_NO_FILES.has(chosen);
  const isNamed = image !== undefined || build !== undefined;
  return isNamed && digest === undefined && !hasExpression(JSON.stringify([image, build]));
}

/** With the exact image it means, unless it says which. */
export function pinned(draft: Draft, digest: string | undefined): Draft {
  const spec = imagedSpec(draft);
  if (digest === undefined || spec === undefined || spec["digest"] !== undefined) return draft;
  const exact = { ...spec, digest };
  if (draft.kind !== "ResourceSet") return { ...draft, spec: exact };
  const set = specOfSet(draft);
  return { ...draft, spec: { ...set, template: { ...set.template, spec: exact } } };
}

/** What was pinned last, as long as the declaration names the same image. */
export function pinnedLast(draft: Draft, live: Snapshot): string | undefined {
  const former = live.get(keyOf(draft));
  const before = former === undefined ? undefined : imagedSpec(former);
  const now = imagedSpec(draft);
  if (before === undefined || now === undefined || typeof before["digest"] !== "string") return undefined;
  const fields = draft.kind === "Resource" ? ["class", "config"] : ["image", "build"];
  return fields.every((field) => equal(before[field], now[field])) ? before["digest"] : undefined;
}

/** By address: what stays pinned where no engine is asked. */
export function lastPins(drafts: readonly Draft[], live: Snapshot): ReadonlyMap<string, string> {
  return new Map(
    unpinnedIn(drafts).flatMap((draft) => {
      const digest = pinnedLast(draft, live);
      return digest === undefined ? [] : [[addressOf(draft), digest] as const];
    }),
  );
}
