/** What is done to a resource when Terraform applies: made, changed, taken away, and waited for. */
import type { Client } from "../client/client.ts";
import { ApiError } from "../client/error.ts";
import type { AnyKind } from "../kinds/kind.ts";
import type { Draft, Resource } from "../model/resource.ts";
import type { Members } from "../terraform/value.ts";
import { idOf, textOf, textsIn } from "./common.ts";
import { Refused, complaint, complaintsOf } from "./complaints.ts";
import { type Shape, draftOf, placeOfBody, typeNameOf, withOutputs } from "./kind-shape.ts";
import type { Outcome, Session } from "./resource-type.ts";
import { becomesReady, patience, readyOrNot, until } from "./waiting.ts";

export async function applied(
  shape: Shape,
  session: Session,
  prior: Members | null,
  value: Members,
): Promise<Outcome> {
  const { kind } = shape;
  const client = await session.client();
  const draft = draftOf(shape, value, session.namespace);
  const place = placeOfBody(shape);
  let resource: Resource;
  try {
    resource =
      prior === null
        ? await created(shape, session, client, draft)
        : await updated(kind, client, prior, draft);
  } catch (error) {
    return { state: prior, diagnostics: complaintsOf(error, place) };
  }
  try {
    const isAwaited = value["wait"] !== false && becomesReady(kind);
    if (isAwaited) {
      const timeout = patience(value, prior === null ? "create" : "update");
      const watched = { kind, name: draft.metadata.name, namespace: draft.metadata.namespace ?? "", timeout };
      const { generation } = resource.metadata;
      await until({ client, session, watched }, (now) =>
        now !== undefined && now.metadata.generation < generation ? "it is being changed." : readyOrNot(now),
      );
    }
    return { state: withOutputs(shape, value, await fetched(kind, client, draft.metadata)), diagnostics: [] };
  } catch (error) {
    const now = await fetched(kind, client, draft.metadata).catch(() => resource);
    return { state: withOutputs(shape, value, now ?? resource), diagnostics: complaintsOf(error, place) };
  }
}

async function created(shape: Shape, session: Session, client: Client, draft: Draft): Promise<Resource> {
  const { kind } = shape;
  const { name, namespace = "" } = draft.metadata;
  const there = await client.find(kind, name, { namespace });
  if (there?.metadata.deletionTimestamp !== undefined)
    await goneBy(session, client, { kind, name, namespace, timeout: patience({}, "delete") });
  try {
    return await client.create(kind, draft, { namespace, because: "terraform apply" });
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== "AlreadyExists") throw error;
    const id = idOf(kind.namespaced ? namespace : null, name);
    throw new Refused([
      complaint(
        `There is a ${kind.kind} '${name}' already.`,
        `To have Terraform look after it: terraform import ${typeNameOf(kind)}.<name> ${String(id)}`,
        ["name"],
      ),
    ]);
  }
}

const ATTEMPTS = 5;

/** What others have noted of it stays: labels and annotations that are not declared here. */
async function updated(kind: AnyKind, client: Client, prior: Members, draft: Draft): Promise<Resource> {
  const { name, namespace = "" } = draft.metadata;
  for (let attempt = 1; ; attempt += 1) {
    const { metadata } = await client.get(kind, name, { namespace });
    const merged = {
      ...metadata,
      ...mergedTexts("labels", metadata.labels, prior, draft),
      ...mergedTexts("annotations", metadata.annotations, prior, draft),
    };
    try {
      return await client.update(
        kind,
        { ...draft, metadata: merged },
        { namespace, because: "terraform apply" },
      );
    } catch (error) {
      const isRace = error instanceof ApiError && error.reason === "Conflict" && attempt < ATTEMPTS;
      if (!isRace) throw error;
    }
  }
}

function mergedTexts(
  field: "labels" | "annotations",
  there: Readonly<Record<string, string>> = {},
  prior: Members,
  { metadata }: Draft,
): object {
  const former = Object.keys(textsIn(prior[field]) ?? {});
  const others = Object.entries(there).filter(([name]) => !former.includes(name));
  const all = { ...Object.fromEntries(others), ...metadata[field] };
  return Object.keys(all).length === 0 ? { [field]: undefined } : { [field]: all };
}

export async function fetched(
  kind: AnyKind,
  client: Client,
  { name, namespace = "" }: Draft["metadata"],
): Promise<Resource | undefined> {
  const found = await client.find(kind, name, { namespace, reveal: true });
  return found?.metadata.deletionTimestamp === undefined ? found : undefined;
}

export async function removed({ kind }: Shape, session: Session, prior: Members): Promise<void> {
  const client = await session.client();
  const [name = "", namespace = ""] = [textOf(prior["name"]), textOf(prior["namespace"])];
  try {
    await client.remove(kind, name, { namespace, because: "terraform destroy" });
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return;
    throw error;
  }
  await goneBy(session, client, { kind, name, namespace, timeout: patience(prior, "delete") });
}

function goneBy(
  session: Session,
  client: Client,
  watched: Parameters<typeof until>[0]["watched"],
): Promise<undefined> {
  return until({ client, session, watched }, (resource) =>
    resource === undefined ? { done: undefined } : "it is being deleted.",
  );
}
