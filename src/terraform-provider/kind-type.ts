/**
 * A kind as a type of Terraform's: `tutti_volume`. What it is made of comes from the kind's definition alone.
 *
 *   name, namespace, labels, annotations, wait, timeouts | spec (or what the kind has instead) | outputs, id: computed
 *
 *  - What is declared is in the state as it is declared (content.ts); outputs are unknown whenever something else changes.
 *  - One of the same name that is there already is not taken over: that is what `terraform import` is for.
 */
import type { AnyKind, KindResource } from "../kinds/kind.ts";
import { bodySchema, withDefaults } from "../kinds/schema.ts";
import { validateAs } from "../kinds/validate.ts";
import { equal } from "../model/equality.ts";
import type { AttributePath, PluginDiagnostic } from "../terraform/diagnostic.ts";
import type { WireAttribute } from "../terraform/messages.ts";
import { type Type, objectOf } from "../terraform/types.ts";
import {
  type Members,
  UNKNOWN,
  type Value,
  isList,
  isMembers,
  isUnknown,
  isWhollyKnown,
  sameValue,
} from "../terraform/value.ts";
import { ID, NAME, NAMESPACE, WAITING, attribute, declaredOr, described, idOf, textOf } from "./common.ts";
import { Refused, complaint, told } from "./complaints.ts";
import { jsonOf, valueRead, valueSeen } from "./content.ts";
import { applied, fetched, removed } from "./kind-apply.ts";
import { type Shape, draftOf, outputAttributes, placeOfBody, shapeOf, withOutputs } from "./kind-shape.ts";
import { type Member, type Place, attributeOf } from "./place.ts";
import type { DataType, Planned, ResourceType, Session } from "./resource-type.ts";
import { bodyOf } from "./secret-body.ts";

const TEXTS: Type = ["map", "string"];
const TEXT_MAP: Place = { form: "map", element: { form: "value", type: "string" }, schema: {} };

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
      const found = diagnostics.map((one) => told(one, placeOfBody(shape)));
      return found.filter(({ path }) => !isUnknownAt(config, path));
    },
    plan: (session, prior, config) => Promise.resolve(planned(shape, session, prior, config)),
    apply: (session, prior, value) => applied(shape, session, prior, value),
    remove: (session, prior) => removed(shape, session, prior),
    read: (session, prior) => seen(shape, session, prior),
    taken: (session, id) => taken(shape, attributes, session, id),
  };
}

/** What is unknown is not wrong, and nothing is missing in it. */
function isUnknownAt(config: Members, path: AttributePath): boolean {
  let value: Value = config;
  for (const step of path) {
    if (isList(value)) value = value[Number(step)] ?? null;
    else if (isMembers(value)) value = value[step] ?? null;
    if (isUnknown(value)) return true;
  }
  return false;
}

function planned(shape: Shape, session: Session, prior: Members | null, config: Members): Planned {
  const { kind, outputs } = shape;
  const namespace = kind.namespaced ? declaredOr(config["namespace"], session.namespace) : null;
  const place = { ...config, ...(kind.namespaced ? { namespace } : {}) };
  const isSame = prior !== null && saysTheSame(shape, prior, place);
  const made = outputs.map((output): [string, Value] => [
    output.attribute,
    isSame ? (prior[output.attribute] ?? null) : UNKNOWN,
  ]);
  const value = objectOf<Value>([...Object.entries(place), ...made, ["id", idOf(namespace, config["name"])]]);
  return { value, replaceBecause: prior === null ? [] : replacing(shape, prior, value) };
}

/** With what stands for what is left out: then its outputs stay as they are. */
function saysTheSame({ kind, body }: Shape, prior: Members, value: Members): boolean {
  const [before, after] = [prior, value].map((one) =>
    withDefaults(bodySchema(kind), jsonOf(one, { form: "members", members: body }, undefined)),
  );
  const isPlaced = ["name", "namespace"].every((name) =>
    sameValue(prior[name] ?? null, value[name] ?? null, "string"),
  );
  return (
    isPlaced &&
    body.every(({ attribute: name }) => isWhollyKnown(value[name] ?? null)) &&
    equal(before, after)
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

async function taken(
  shape: Shape,
  attributes: readonly WireAttribute[],
  session: Session,
  id: string,
): Promise<Members> {
  const { kind } = shape;
  const { name, namespace } = placeIn(kind, id, session.namespace);
  const known = {
    ...objectOf<Value>(attributes.map((one) => [one.name, null])),
    name,
    ...(kind.namespaced ? { namespace } : {}),
    id: idOf(kind.namespaced ? namespace : null, name),
  };
  const found = await seen(shape, session, known);
  if (found === null) throw new Refused([absent(kind, name, namespace)]);
  const resource = await fetched(kind, await session.client(), { name, namespace });
  return {
    ...found,
    labels: own(resource?.metadata.labels),
    annotations: own(resource?.metadata.annotations),
  };
}

interface Named {
  readonly name: string;
  readonly namespace: string;
}

function placeIn(kind: AnyKind, id: string, usual: string): Named {
  const parts = id.split("/");
  const [name = "", namespace = usual] = parts.toReversed();
  if (name !== "" && namespace !== "" && parts.length <= (kind.namespaced ? 2 : 1))
    return { name, namespace };
  const hint = kind.namespaced ? "Write <namespace>/<name>, or the name alone." : "Write its name.";
  throw new Refused([complaint(`'${id.slice(0, 80)}' is no ${kind.kind}.`, hint)]);
}

/** Those that people have written; null when there are none. */
function own(texts: Readonly<Record<string, string>> = {}): Value {
  const entries = Object.entries(texts).filter(([name]) => !/^[^/]*(tutti\.dev|kubernetes\.io)\//.test(name));
  return entries.length === 0 ? null : objectOf(entries);
}

function absent(kind: AnyKind, name: string, namespace: string): PluginDiagnostic {
  const where = kind.namespaced ? ` in ${namespace}` : "";
  return complaint(`There is no ${kind.kind} '${name}'${where}.`, "", ["name"]);
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
      if (resource === undefined) throw new Refused([absent(kind, name, namespace)]);
      const content = resource as unknown as KindResource;
      return {
        ...withOutputs(shape, config, resource),
        ...objectOf(shape.body.map((one) => [one.attribute, valueRead(content[one.name], one.place)])),
        ...(kind.namespaced ? { namespace } : {}),
        labels: valueRead(resource.metadata.labels, TEXT_MAP),
        annotations: valueRead(resource.metadata.annotations, TEXT_MAP),
        id: idOf(kind.namespaced ? namespace : null, name),
      };
    },
  };
}
