/**
 * From a URL to what is asked for. There is one shape for all kinds, that of Kubernetes:
 *
 *     /api/v1 or /apis/<group>/<version>  [/namespaces/<namespace>]  /<plural>  [/<name>  [/<subresource>[/<format>]]]
 */
import type { AnyKind } from "../kinds/kind.ts";
import { kindsRevision } from "../kinds/registry.ts";
import { badRequest } from "./status-error.ts";

export type Target =
  /** One of the fixed documents: discovery, health, metrics, OpenAPI. */
  | { readonly type: "document"; readonly path: string }
  /** `namespace` is undefined for all namespaces, "" for kinds that belong to none. */
  | { readonly type: "collection"; readonly kind: AnyKind; readonly namespace: string | undefined }
  | {
      readonly type: "resource";
      readonly kind: AnyKind;
      readonly namespace: string;
      readonly name: string;
      readonly subresource: string | undefined;
    };

export type FindKind = (group: string, version: string, plural: string) => AnyKind | undefined;

export function kindFinder(kinds: readonly AnyKind[]): FindKind {
  let known: ReadonlyMap<string, AnyKind> = new Map();
  let revision: number | undefined;
  return (group, version, plural) => {
    if (revision !== kindsRevision()) {
      revision = kindsRevision();
      known = new Map(kinds.map((kind) => [`${kind.group}/${kind.version}/${kind.plural}`, kind]));
    }
    return known.get(`${group}/${version}/${plural}`);
  };
}

/** Refuses with BadRequest when the path's escapes are broken. What is no kind's path is a document's. */
export function parsePath(path: string, find: FindKind): Target {
  const segments = decode(path);
  const [root, ...rest] = segments;
  const document: Target = { type: "document", path: `/${segments.join("/")}` };
  if (root === "api" && rest.length > 1) return kindTarget("", rest, find) ?? document;
  if (root === "apis" && rest.length > 2) return kindTarget(rest[0] ?? "", rest.slice(1), find) ?? document;
  return document;
}

function kindTarget(
  group: string,
  [version = "", ...rest]: readonly string[],
  find: FindKind,
): Target | undefined {
  const within = (plural: string | undefined): AnyKind | undefined => find(group, version, plural ?? "");
  const namespaced = rest[0] === "namespaces" && rest.length > 2 ? within(rest[2]) : undefined;
  if (namespaced?.namespaced === true) return target(namespaced, rest[1], rest.slice(3));
  // Kinds of any group may be in a namespace; the Namespace itself is of the core group.
  const kind = within(rest[0]);
  if (kind === undefined) return undefined;
  if (!kind.namespaced) return target(kind, "", rest.slice(1));
  return rest.length === 1 ? { type: "collection", kind, namespace: undefined } : undefined;
}

function target(
  kind: AnyKind,
  namespace: string | undefined,
  [name, subresource, ...more]: readonly string[],
): Target | undefined {
  if (name === undefined) return { type: "collection", kind, namespace };
  if (more.length > 1) return undefined;
  const [format] = more;
  const wanted = format === undefined ? subresource : `${subresource ?? ""}/${format}`;
  return { type: "resource", kind, namespace: namespace ?? "", name, subresource: wanted };
}

function decode(path: string): readonly string[] {
  try {
    return path
      .split("/")
      .filter((segment) => segment !== "")
      .map(decodeURIComponent);
  } catch {
    throw badRequest("The path holds a broken escape.");
  }
}
