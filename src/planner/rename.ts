/**
 * A resource that refers to others by other names, and has values in place of parameters. What is a reference is told by the kind's
 * schema and by CEL's grammar, never by how a text looks.
 */
import { isOwnExpression } from "../kinds/edges.ts";
import { findKind, kindNamed, kindOfRoot } from "../kinds/registry.ts";
import { type JsonSchema, bodySchema, childSchema } from "../kinds/schema.ts";
import { type Reference, hasExpression } from "../model/expression.ts";
import type { Draft } from "../model/resource.ts";
import { type Substitute, substituted } from "../model/substitution.ts";
import { type Path, mapStrings, pathText } from "../model/walk.ts";
import { specOfSet } from "./set-template.ts";

export interface Names {
  /** The name that the resource goes by; several where a list of names can hold them; undefined when it keeps its own. */
  of(kind: string, name: string): string | readonly string[] | undefined;
  /** Undefined when it stays a parameter. */
  parameter(name: string): unknown;
}

/** A place where one name is wanted and there are several. */
export interface Ambiguity {
  readonly path: string;
  /** `service/api`. */
  readonly address: string;
  readonly names: readonly string[];
}

export interface Renamed {
  readonly resource: Draft;
  readonly ambiguities: readonly Ambiguity[];
}

/** `resource` as validated: defaults filled in, so that each of its names stands where the schema says. */
export function renamed(resource: Draft, names: Names): Renamed {
  const kind = kindNamed(resource.kind);
  if (kind === undefined) return { resource, ambiguities: [] };
  const { apiVersion, kind: kindName, metadata, ...body } = resource;
  const walk = new Walk(kindName, names);
  const changed = walk.value(body, bodySchema(kind), []) as object;
  const texts = mapStrings({ labels: metadata.labels, annotations: metadata.annotations }, (text, path) =>
    walk.text(text, ["metadata", ...path]),
  ) as object;
  const plain = Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== undefined));
  const made = { apiVersion, kind: kindName, metadata: { ...metadata, ...plain }, ...changed } as Draft;
  return {
    resource: made.kind === "ResourceSet" ? withTemplate(made, walk) : made,
    ambiguities: walk.ambiguities,
  };
}

/** The template is the members' own, so it is walked by their kind's schema. */
function withTemplate(set: Draft, walk: Walk): Draft {
  const spec = specOfSet(set);
  const { template } = spec;
  const kind = kindNamed(template.kind);
  if (kind === undefined) return set;
  const schema = bodySchema(kind);
  const within = "spec" in kind.body.shape ? childSchema(schema, "spec") : schema;
  const members = new Walk(template.kind, walk.names, walk.ambiguities, isOwnInTemplate(template.kind));
  const made = members.value(template.spec, within, ["spec", "template", "spec"]);
  return {
    ...set,
    spec: { ...spec, template: { ...template, ...(made === undefined ? {} : { spec: made }) } },
  };
}

function isOwnInTemplate(kind: string): (path: Path) => boolean {
  return (path) => isOwnExpression(kind, path.slice(2));
}

class Walk {
  readonly names: Names;
  readonly ambiguities: Ambiguity[];
  readonly #isOwn: (path: Path) => boolean;

  constructor(kind: string, names: Names, ambiguities: Ambiguity[] = [], isOwn?: (path: Path) => boolean) {
    this.names = names;
    this.ambiguities = ambiguities;
    this.#isOwn = isOwn ?? ((path) => isOwnExpression(kind, path));
  }

  value(value: unknown, schema: JsonSchema | undefined, path: Path): unknown {
    if (schema?.ownExpressions === true) return value;
    if (typeof value === "string") {
      const name = this.#name(value, schema, path);
      return Array.isArray(name) ? this.#single(value, schema, name as readonly string[], path) : name;
    }
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value))
      return value.flatMap((item, index) => this.#item(item, schema, [...path, index]));
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [
        name,
        this.value(member, childSchema(schema, name), [...path, name]),
      ]),
    );
  }

  /** Expressions within a text. */
  text(text: string, path: Path): unknown {
    if (!hasExpression(text) || this.#isOwn(path)) return text;
    try {
      return substituted(text, (reference) => this.#substitute(reference, path));
    } catch {
      return text; // the check of references says what is wrong with it
    }
  }

  /** One name in a list may stand for several. */
  #item(item: unknown, schema: JsonSchema | undefined, path: Path): unknown {
    const child = childSchema(schema, 0);
    return typeof item === "string" && child?.ownExpressions !== true
      ? this.#name(item, child, path)
      : [this.value(item, child, path)];
  }

  #name(text: string, schema: JsonSchema | undefined, path: Path): unknown {
    const marked = schema?.references;
    if (hasExpression(text) || marked === undefined) return this.text(text, path);
    if (marked !== "*") return this.names.of(marked, text) ?? text;
    const [word = "", name = ""] = text.split("/");
    const kind = findKind(word) ?? kindOfRoot(word);
    const other = kind === undefined ? undefined : this.names.of(kind.kind, name);
    if (other === undefined) return text;
    return typeof other === "string" ? `${word}/${other}` : other.map((each) => `${word}/${each}`);
  }

  #single(text: string, schema: JsonSchema | undefined, names: readonly string[], path: Path): string {
    const root = kindNamed(schema?.references ?? "")?.root;
    const address = root === undefined ? text : `${root}/${text}`;
    this.ambiguities.push({ path: pathText(path), address, names });
    return text;
  }

  #substitute({ root, name }: Reference, path: Path): Substitute | undefined {
    if (root === "param") {
      const value = this.names.parameter(name);
      return value === undefined ? undefined : { value };
    }
    const kind = kindOfRoot(root);
    const other = kind === undefined ? undefined : this.names.of(kind.kind, name);
    if (other === undefined) return undefined;
    if (typeof other === "string") return { name: other };
    this.ambiguities.push({ path: pathText(path), address: `${root}/${name}`, names: other });
    return undefined;
  }
}
