/** What a kind is made of, as a type of Terraform's: fields and outputs, and the values of both. */
import type { AnyKind } from "../kinds/kind.ts";
import { type JsonSchema, bodySchema, schemaAt, statusSchema } from "../kinds/schema.ts";
import type { Draft, Resource } from "../model/resource.ts";
import { valueAt } from "../model/walk.ts";
import type { WireAttribute } from "../terraform/messages.ts";
import { objectOf } from "../terraform/types.ts";
import type { Members } from "../terraform/value.ts";
import { ID, NAME, NAMESPACE, WAITING, textOf, textsIn } from "./common.ts";
import { jsonOf, valueRead } from "./content.ts";
import { type Member, type Place, attributeOf, placeOf, snake } from "./place.ts";

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

export interface Shape {
  readonly kind: AnyKind;
  readonly body: readonly Member[];
  readonly outputs: readonly Output[];
}

export function shapeOf(kind: AnyKind): Shape {
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

export function placeOfBody({ body }: Shape): Place {
  return { form: "members", members: body };
}

export function outputAttributes({ outputs }: Shape): readonly WireAttribute[] {
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

/** As it is written to the control plane. What is not known yet is an expression, and may be anything. */
export function draftOf(
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

/** With everything that was not known. */
export function withOutputs({ outputs }: Shape, value: Members, resource: Resource | undefined): Members {
  return {
    ...value,
    ...objectOf(
      outputs.map(({ attribute: name, path, place }) => [name, valueRead(valueAt(resource, path), place)]),
    ),
  };
}
