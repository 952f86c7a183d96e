/**
 * A kind as a type of Terraform's: `tutti_volume`. What it is made of comes from the kind's definition alone.
 *
 *   name, namespace, labels, annotations, wait, timeouts | spec (or what the kind has instead) | outputs, id: computed
 *
 *  - What is declared is in the state as it is declared (content.ts); outputs are unknown whenever something else changes.
 *  - One of the same name that is there already is not taken over: that is what `terraform import` is for.
 */
import { ApiError } from "../client/error.ts";
import type { Client } from "../client/client.ts";
import type { AnyKind, KindResource } from "../kinds/kind.ts";
import { type JsonSchema, bodySchema, schemaAt, statusSchema, withDefaults } from "../kinds/schema.ts";
import { validateAs } from "../kinds/validate.ts";
import { equal } from "../model/equality.ts";
import type { Draft, Resource } from "../model/resource.ts";
import { rootName } from "../model/resource.ts";
import { valueAt } from "../model/walk.ts";
import type { AttributePath } from "../terraform/diagnostic.ts";
import type { WireAttribute } from "../terraform/messages.ts";
import { type Type, objectOf } from "../terraform/types.ts";
import { type Members, UNKNOWN, type Value, isMembers, sameValue } from "../terraform/value.ts";
import {
  ID,
  NAME,
  NAMESPACE,
  WAITING,
  attribute,
  declaredOr,
  described,
  idOf,
  textOf,
  textsIn,
} from "./common.ts";
import { Refused, complaint, complaintsOf, told } from "./complaints.ts";
import { jsonOf, valueRead, valueSeen } from "./content.ts";
import { type Member, type Place, attributeOf, placeOf, snake } from "./place.ts";
import type { DataType, Outcome, Planned, ResourceType, Session } from "./resource-type.ts";
import { bodyOf } from "./secret-body.ts";
import { becomesReady, patience, readyOrNot, until } from "./waiting.ts";

export function typeNameOf(kind: AnyKind): string {
  return `tutti_${snake(kind.kind)}`;
}

interface Output {
  readonly attribute: string;
  readonly place: Place;
  readonly path: readonly string[];
  readonly secret: boolean;
  readonly description: string;
}

interface Shape {
  readonly kind: AnyKind;
  readonly body: readonly Member[];
  readonly outputs: readonly Output[];
}

const TEXTS: Type = ["map", "string"];

function shapeOf(kind: AnyKind): Shape {
  const place = placeOf(bodySchema(kind));
  const body = place.form === "members" ? place.members : [];
  const taken = new Set([
    ...body.map((member) => member.attribute),
    ...[ID, NAME, NAMESPACE, ...WAITING].map(({ name }) => name),
    "labels",
    "annotations",
  ]);
  const outputs = Object.entries(kind.outputs).map(([name, { path, secret, description }]): Output => {
    const own = snake(name);
    const schema: JsonSchema = schemaAt(statusSchema(kind), path.slice(1)) ?? {};
    return {
      attribute: taken.has(own) ? `${snake(kind.kind)}_${own}` : own,
      place: placeOf(schema),
      path,
      secret,
      description,
    };
  });
  return { kind, body, outputs };
}

function placeOfBody({ body }: Shape): Place {
  return { form: "members", members: body };
}

function outputAttributes({ outputs }: Shape): readonly WireAttribute[] {
  return outputs.map((one) => {
    const { path, place, attribute: name, secret, description } = one;
    const member = {
      name: path.at(-1) ?? "",
      attribute: name,
      place,
      schema: { description },
      required: false,
    };
    return attributeOf({ ...member, sensitive: secret }, true);
  });
}

export function kindType(kind: AnyKind): ResourceType {
  const shape = shapeOf(kind);
  const attributes = [
    ID,
    NAME,
    ...(kind.namespaced ? [NAMESPACE] : []),
    attribute("labels", TEXTS, { optional: true }, "Labels to find it by."),
    attribute("annotations", TEXTS, { optional: true }, "Notes for programs."),
    ...shape.body.map((member) => attributeOf(member, false)),
    ...outputAttributes(shape),
    ...WAITING,
  ];
  return {
    ...described(kind.description, attributes),
    validate: (config) => {
      const { diagnostics } = validateAs(kind, draftOf(shape, config, "default"));
      return diagnostics.map((one) => told(one, placeOfBody(shape)));
    },
    plan: (session, prior, config) => Promise.resolve(planned(shape, session, prior, config)),
    apply: (session, prior, value) => applied(shape, session, prior, value),
    remove: (session, prior) => removed(shape, session, prior),
    read: (session, prior) => seen(shape, session, prior),
    taken: (session, id) => taken(shape, attributes, session, id),
  };
}

/** As it is written to the control plane. What is not known yet is an expression, and may be anything. */
function draftOf(
  { kind, body }: Shape,
  value: Members,
  namespace: string,
): Draft & Readonly<Record<string, unknown>> {
  const labels = textsIn(value["labels"]);
  const annotations = textsIn(value["annotations"]);
  const content = jsonOf(value, { form: "members", members: body }, undefined) as object;
  return {
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: {
      name: textOf(value["name"]) ?? "unknown",
      ...(kind.namespaced ? { namespace: textOf(value["namespace"]) ?? namespace } : {}),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    ...content,
  };
}

function planned(shape: Shape, session: Session, prior: Members | null, config: Members): Planned {
  const { kind, outputs } = shape;
  const namespace = kind.namespaced ? declaredOr(config["namespace"], session.namespace) : null;
  const place = { ...config, ...(kind.namespaced ? { namespace } : {}) };
  const isSame =
    prior !== null &&
    Object.entries(place).every(
      ([name, one]) => isBeside(shape, name) || sameValue(one, prior[name] ?? null, "dynamic"),
    );
  const made = outputs.map((output): [string, Value] => [
    output.attribute,
    isSame ? (prior[output.attribute] ?? null) : UNKNOWN,
  ]);
  const value = objectOf<Value>([...Object.entries(place), ...made, ["id", idOf(namespace, config["name"])]]);
  return { value, replaceBecause: prior === null ? [] : replacing(shape, prior, value) };
}

/** What says nothing of the thing itself: its outputs stay as they are. */
function isBeside({ outputs }: Shape, name: string): boolean {
  return (
    name === "id" || name === "wait" || name === "timeouts" || outputs.some((one) => one.attribute === name)
  );
}

function replacing(shape: Shape, prior: Members, value: Members): readonly AttributePath[] {
  const moved = ["name", "namespace"].filter(
    (name) => !sameValue(prior[name] ?? null, value[name] ?? null, "string"),
  );
  const name = textOf(prior["name"]) ?? "";
  return [...moved.map((one) => [one]), ...fixedIn(shape.body, prior, value, name)];
}

/** Fields that cannot change in place, and are to say something else. */
function fixedIn(
  members: readonly Member[],
  prior: Members,
  value: Members,
  own: string,
): readonly AttributePath[] {
  return members.flatMap(({ attribute: name, place, schema }) => {
    const [before, after] = [prior[name] ?? null, value[name] ?? null];
    if (schema.immutable === true) {
      const usual = schema.nameWhenAbsent === true ? own : undefined;
      const [one, other] = [before, after].map(
        (each) => withDefaults(schema, jsonOf(each, place, schema)) ?? usual,
      );
      return equal(one, other) ? [] : [[name]];
    }
    if (place.form !== "members") return [];
    const below = fixedIn(place.members, isMembers(before) ? before : {}, isMembers(after) ? after : {}, own);
    return below.map((path) => [name, ...path]);
  });
}

async function applied(
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

/** With everything that was not known. */
function withOutputs({ outputs }: Shape, value: Members, resource: Resource | undefined): Members {
  return {
    ...value,
    ...objectOf(
      outputs.map(({ attribute: name, path, place }) => [name, valueRead(valueAt(resource, path), place)]),
    ),
  };
}

async function fetched(
  kind: AnyKind,
  client: Client,
  { name, namespace = "" }: Draft["metadata"],
): Promise<Resource | undefined> {
  const found = await client.find(kind, name, { namespace, reveal: true });
  return found?.metadata.deletionTimestamp === undefined ? found : undefined;
}

async function removed({ kind }: Shape, session: Session, prior: Members): Promise<void> {
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

async function seen(shape: Shape, session: Session, prior: Members): Promise<Members | null> {
  const { kind, body } = shape;
  const [name = "", namespace = session.namespace] = [textOf(prior["name"]), textOf(prior["namespace"])];
  const resource = await fetched(kind, await session.client(), { name, namespace });
  if (resource === undefined) return null;
  const content = bodyOf(kind, resource, prior);
  const members = body.map(({ name: field, attribute: own, place, schema }): [string, Value] => [
    own,
    valueSeen(prior[own] ?? null, content[field], place, schema),
  ]);
  return {
    ...withOutputs(shape, prior, resource),
    ...objectOf(members),
    labels: textsSeen(prior["labels"] ?? null, resource.metadata.labels),
    annotations: textsSeen(prior["annotations"] ?? null, resource.metadata.annotations),
  };
}

/** Only those that are declared: others note theirs there too. */
function textsSeen(prior: Value, there: Readonly<Record<string, string>> = {}): Value {
  if (!isMembers(prior)) return prior;
  const names = Object.keys(prior).filter((name) => there[name] !== undefined);
  return objectOf(names.map((name) => [name, there[name] ?? null]));
}

function taken({ kind }: Shape, attributes: readonly WireAttribute[], session: Session, id: string): Members {
  const parts = id.split("/");
  const [name = "", namespace = session.namespace] = parts.toReversed();
  if (name === "" || namespace === "" || parts.length > (kind.namespaced ? 2 : 1))
    throw new Refused([
      complaint(
        `'${id.slice(0, 80)}' is no ${rootName(kind.kind)}.`,
        kind.namespaced ? "Write <namespace>/<name>, or the name alone." : "Write its name.",
      ),
    ]);
  return {
    ...objectOf<Value>(attributes.map((one) => [one.name, null])),
    name,
    ...(kind.namespaced ? { namespace } : {}),
    id: idOf(kind.namespaced ? namespace : null, name),
  };
}

/** `data "tutti_volume"`: one that is there, whoever declared it. */
export function kindData(kind: AnyKind): DataType {
  const shape = shapeOf(kind);
  const READ = { computed: true } as const;
  const attributes = [
    ID,
    NAME,
    ...(kind.namespaced ? [NAMESPACE] : []),
    attribute("labels", TEXTS, READ, "Its labels."),
    attribute("annotations", TEXTS, READ, "Its notes for programs."),
    ...shape.body.map((member) => attributeOf(member, true)),
    ...outputAttributes(shape),
  ];
  return {
    ...described(kind.description, attributes),
    look: async (session, config) => {
      const name = textOf(config["name"]) ?? "";
      const namespace = kind.namespaced ? String(declaredOr(config["namespace"], session.namespace)) : "";
      const resource = await fetched(kind, await session.client(), { name, namespace });
      if (resource === undefined)
        throw new Refused([
          complaint(`There is no ${kind.kind} '${name}'${namespace === "" ? "" : ` in ${namespace}`}.`, "", [
            "name",
          ]),
        ]);
      const content = resource as unknown as KindResource;
      return {
        ...withOutputs(shape, config, resource),
        ...objectOf(shape.body.map((one) => [one.attribute, valueRead(content[one.name], one.place)])),
        ...(kind.namespaced ? { namespace } : {}),
        labels: valueRead(resource.metadata.labels, {
          form: "map",
          element: { form: "value", type: "string" },
          schema: {},
        }),
        annotations: valueRead(resource.metadata.annotations, {
          form: "map",
          element: { form: "value", type: "string" },
          schema: {},
        }),
        id: idOf(kind.namespaced ? namespace : null, name),
      };
    },
  };
}
