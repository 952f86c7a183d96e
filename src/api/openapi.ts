/**
 * OpenAPI 3 of each group and version, made from the kinds' schemas: what `kubectl explain` shows, and where kubectl reads
 * that the server checks fields and knows dry runs. Clients before 1.27 ask for version 2 in protobuf; an empty document is
 * a valid one and tells them to leave the checking to the server.
 */
import { createHash } from "node:crypto";
import type { AnyKind } from "../kinds/kind.ts";
import { kindsRevision } from "../kinds/registry.ts";
import { bodySchema, statusSchema } from "../kinds/schema.ts";
import { ownSubresources } from "./subresources/index.ts";

/** Go's parser of media types refuses the '@' in the name that clients ask for. */
export const OPENAPI_V2_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

export class OpenApi {
  readonly #kinds: readonly AnyKind[];
  readonly #version: string;
  readonly #texts = new Map<string, string>();
  #revision = kindsRevision();

  constructor(kinds: readonly AnyKind[], version: string) {
    this.#kinds = kinds;
    this.#version = version;
  }

  /** The index for `/openapi/v3`, the document of one group and version below it; undefined for what is not served. */
  document(path: string): string | undefined {
    if (this.#revision !== kindsRevision()) {
      this.#revision = kindsRevision();
      this.#texts.clear();
    }
    const known = this.#texts.get(path);
    if (known !== undefined) return known;
    const roots = new Map(this.#kinds.map((kind) => [rootOf(kind), kind]));
    const text =
      path === "/openapi/v3"
        ? this.#index([...roots.keys()])
        : this.#ofRoot(path.replace(/^\/openapi\/v3\//, ""), roots);
    if (text !== undefined) this.#texts.set(path, text);
    return text;
  }

  #index(roots: readonly string[]): string {
    const entries = roots.map((root) => {
      const hash = createHash("sha256")
        .update(this.document(`/openapi/v3/${root}`) ?? "")
        .digest("hex")
        .slice(0, 32);
      return [root, { serverRelativeURL: `/openapi/v3/${root}?hash=${hash}` }];
    });
    return JSON.stringify({ paths: Object.fromEntries(entries) });
  }

  #ofRoot(root: string, roots: ReadonlyMap<string, AnyKind>): string | undefined {
    if (!roots.has(root)) return undefined;
    const kinds = this.#kinds.filter((kind) => rootOf(kind) === root);
    return JSON.stringify({
      openapi: "3.0.0",
      info: { title: "Tutti", version: this.#version },
      paths: Object.assign({}, ...kinds.map(pathsOf)) as object,
      components: {
        schemas: Object.assign(
          { [META]: OBJECT_META },
          ...kinds.map((kind) => ({ [schemaName(kind)]: schemaOf(kind) })),
        ) as object,
      },
    });
  }
}

function rootOf(kind: AnyKind): string {
  return kind.group === "" ? `api/${kind.version}` : `apis/${kind.group}/${kind.version}`;
}

function schemaName(kind: AnyKind): string {
  return `${[...(kind.group === "" ? ["core"] : kind.group.split(".").toReversed()), kind.version, kind.kind].join(".")}`;
}

const META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const text = { type: "string" };
const texts = { type: "object", additionalProperties: text };
const OBJECT_META = {
  type: "object",
  description: "Identity and bookkeeping that every resource has.",
  properties: {
    name: { ...text, description: "Unique within its namespace and kind." },
    namespace: text,
    labels: { ...texts, description: "Texts to select by." },
    annotations: texts,
    uid: text,
    resourceVersion: text,
    generation: { type: "integer" },
    creationTimestamp: { ...text, format: "date-time" },
    deletionTimestamp: { ...text, format: "date-time" },
    generateName: text,
    finalizers: { type: "array", items: text },
    ownerReferences: { type: "array", items: { type: "object" } },
  },
};

function schemaOf(kind: AnyKind): object {
  const body = withoutDialect(bodySchema(kind));
  const properties = (body as { readonly properties?: object }).properties ?? {};
  return {
    type: "object",
    description: kind.description,
    properties: {
      apiVersion: { ...text, description: `Always ${kind.apiVersion}.` },
      kind: { ...text, description: `Always ${kind.kind}.` },
      metadata: { description: "Standard metadata.", allOf: [{ $ref: `#/components/schemas/${META}` }] },
      ...properties,
      status: {
        description: "What controllers have found and done.",
        ...(withoutDialect(statusSchema(kind)) as object),
      },
    },
    "x-kubernetes-group-version-kind": [groupVersionKind(kind)],
  };
}

/** OpenAPI 3.0 has no dialects and no lists of types. */
function withoutDialect(schema: unknown): unknown {
  if (typeof schema !== "object" || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map(withoutDialect);
  const kept = Object.entries(schema).filter(([name]) => name !== "$schema" && name !== "propertyNames");
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutDialect(member)]));
}

/** What it takes and gives is its own: docs/reference. */
function subresource(kind: AnyKind, name: string, method: string): object {
  return {
    operationId: `${method.toLowerCase()}${kind.kind}${name.replaceAll(/(^|[-/])([a-z])/g, (_all, _sign, letter: string) => letter.toUpperCase())}`,
    "x-kubernetes-action": method === "GET" ? "get" : "post",
    "x-kubernetes-group-version-kind": groupVersionKind(kind),
    responses: {
      200: { description: "OK", content: { "application/json": { schema: { type: "object" } } } },
    },
  };
}

function groupVersionKind(kind: AnyKind): object {
  return { group: kind.group, version: kind.version, kind: kind.kind };
}

function pathsOf(kind: AnyKind): object {
  const path = `/${rootOf(kind)}${kind.namespaced ? "/namespaces/{namespace}" : ""}/${kind.plural}`;
  const operation = (verb: string, action: string, more: object = {}): object => ({
    operationId: `${verb}${kind.kind}`,
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": groupVersionKind(kind),
    responses: {
      200: {
        description: "OK",
        content: { "application/json": { schema: { $ref: `#/components/schemas/${schemaName(kind)}` } } },
      },
    },
    ...more,
  });
  const write = {
    parameters: ["dryRun", "fieldManager", "fieldValidation"].map((name) => ({
      name,
      in: "query",
      schema: { type: "string", uniqueItems: true },
    })),
  };
  return {
    [path]: {
      get: operation("list", "list"),
      post: operation("create", "post", write),
      delete: operation("deleteCollection", "deletecollection"),
    },
    [`${path}/{name}`]: {
      get: operation("read", "get"),
      put: operation("replace", "put", write),
      patch: operation("patch", "patch", write),
      delete: operation("delete", "delete", write),
    },
    ...Object.fromEntries(
      ownSubresources(kind).map(({ name, methods }) => [
        `${path}/{name}/${name}`,
        Object.fromEntries(methods.map((method) => [method.toLowerCase(), subresource(kind, name, method)])),
      ]),
    ),
  };
}
