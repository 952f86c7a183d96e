/**
 * Why a resource is as it is: the newest change of what it should be (not of its status), and what led to that, change by
 * change, back to a person, a schedule or a measurement (I5).
 */
import { kindNamed } from "../../kinds/registry.ts";
import { type JsonSchema, bodySchema, childSchema } from "../../kinds/schema.ts";
import { equal } from "../../model/equality.ts";
import { addressOf } from "../../model/resource.ts";
import { containsSealed } from "../../model/sealed.ts";
import { pathText } from "../../model/walk.ts";
import type { Change, Moment } from "../../store/store.ts";
import { type Answer, type ApiContext, type Call, type ResourceTarget, ok } from "../api-context.ts";
import { isObject } from "../body.ts";
import { parseMoment } from "../moment.ts";
import { MASK } from "../present.ts";
import { notFound } from "../status-error.ts";
import { keyFrom } from "../write.ts";

const LONGEST = 100;
/** How far back to look: most often the change is among the newest, sometimes behind many of the status. */
const LOOK_BACK = [100, 10_000];
const SHOWN_PATHS = 3;

export async function why(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const at = call.query.get("at");
  const moment = at === null || at === "" ? undefined : parseMoment(at, context.clock);
  const first = await newest(context, target, moment);
  if (first === undefined) throw notFound(target.kind, target.name);
  const chain: Change[] = [];
  for (let change: Change | undefined = first; change !== undefined && chain.length < LONGEST;) {
    chain.push(change);
    const because: number | undefined = change.cause.because?.revision;
    // A cause lies in the past; what claims otherwise would lead round in circles.
    change =
      because === undefined || because >= change.revision ? undefined : await context.store.change(because);
  }
  return ok({ kind: "Why", apiVersion: "tutti.dev/v1", chain: chain.map(link) });
}

async function newest(
  context: ApiContext,
  target: ResourceTarget,
  moment: Moment | undefined,
): Promise<Change | undefined> {
  let fallback: Change | undefined;
  for (const limit of LOOK_BACK) {
    const changes = await context.store.history(keyFrom(target), limit);
    const past = changes.filter((change) => isUpTo(change, moment));
    const found = past.find((change) => !isStatusOnly(change));
    if (found !== undefined) return found;
    fallback = past[0];
    if (changes.length < limit) break;
  }
  return fallback;
}

function isUpTo(change: Change, moment: Moment | undefined): boolean {
  if (moment === undefined) return true;
  return "revision" in moment ? change.revision <= moment.revision : change.time <= moment.time;
}

function isStatusOnly({ previous, resource, type }: Change): boolean {
  if (previous === undefined || type === "DELETED") return false;
  const [before, after] = [previous.metadata, resource.metadata];
  return (
    before.generation === after.generation &&
    before.deletionTimestamp === after.deletionTimestamp &&
    equal(before.annotations, after.annotations)
  );
}

function link(change: Change): object {
  const { revision, time, cause, key } = change;
  return {
    revision,
    time: new Date(time).toISOString(),
    actor: cause.actor,
    action: cause.action,
    address: addressOf(key),
    summary: summaryOf(change),
  };
}

/** What changed, in one sentence. Values that may be secret are not told. */
function summaryOf({ type, previous, resource }: Change): string {
  const address = addressOf(resource);
  if (type === "ADDED" || previous === undefined) return `${address} was created.`;
  if (type === "DELETED") return `${address} was removed.`;
  if (resource.metadata.deletionTimestamp !== undefined && previous.metadata.deletionTimestamp === undefined)
    return `${address} was told to go.`;
  const schema = kindNamed(resource.kind);
  const found = [
    ...differences(part(previous), part(resource), schema === undefined ? undefined : bodySchema(schema), []),
  ];
  const shown = found.slice(0, SHOWN_PATHS).join(", ");
  const more = found.length > SHOWN_PATHS ? ` and ${found.length - SHOWN_PATHS} more` : "";
  return found.length === 0 ? `${address} was written.` : `${address} changed: ${shown}${more}.`;
}

/** Without what changes with every write. */
function part(resource: Change["resource"]): unknown {
  const { labels, annotations, finalizers } = resource.metadata;
  return { ...resource, metadata: { labels, annotations, finalizers } };
}

function* differences(
  before: unknown,
  after: unknown,
  schema: JsonSchema | undefined,
  path: readonly string[],
): Generator<string> {
  if (equal(before, after)) return;
  if (isObject(before) && isObject(after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const child = path[0] === "metadata" || path[0] === "status" ? undefined : childSchema(schema, name);
      yield* differences(before[name], after[name], child, [...path, name]);
    }
    return;
  }
  const place = pathText(path);
  if (schema?.secret === true) yield `${place} ${MASK}`;
  else if (isShort(before) && isShort(after)) yield `${place} ${show(before)} -> ${show(after)}`;
  else yield place;
}

function isShort(value: unknown): boolean {
  return typeof value !== "object" && String(value).length <= 60 && !containsSealed(value);
}

function show(value: unknown): string {
  return value === undefined ? "none" : String(value);
}
