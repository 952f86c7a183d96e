/** What is served, in the documents by which `kubectl` and client libraries find it. */
import type { AnyKind } from "../kinds/kind.ts";
import { ownSubresources } from "./subresources/index.ts";

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const VERBS_OF: Readonly<Record<string, string>> = {
  GET: "get",
  POST: "create",
  PUT: "update",
  PATCH: "patch",
};
/** The version of the Kubernetes API whose behaviour is followed. */
const KUBERNETES = { major: "1", minor: "32" };

/** The document at a path, or undefined. `address`: `host:port` that the client reached us by. */
export function discoveryDocument(
  path: string,
  kinds: readonly AnyKind[],
  address: string,
): object | undefined {
  if (path === "/")
    return { paths: [...FIXED, ...groupsOf(kinds).map((name) => `/apis/${name}`)].toSorted() };
  const [, root, first, second, ...more] = path.split("/");
  if (more.length > 0) return undefined;
  if (root === "api") return second === undefined ? coreDocument(first, kinds, address) : undefined;
  return root === "apis" ? groupDocument(first, second, kinds) : undefined;
}

const FIXED = [
  "/api",
  "/api/v1",
  "/apis",
  "/healthz",
  "/livez",
  "/metrics",
  "/openapi/v2",
  "/openapi/v3",
  "/readyz",
  "/version",
];

function coreDocument(
  version: string | undefined,
  kinds: readonly AnyKind[],
  address: string,
): object | undefined {
  if (version !== undefined) return resourceList("", version, kinds);
  return {
    kind: "APIVersions",
    versions: ["v1"],
    serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: address }],
  };
}

function groupDocument(
  name: string | undefined,
  version: string | undefined,
  kinds: readonly AnyKind[],
): object | undefined {
  const groups = groupsOf(kinds);
  if (name === undefined)
    return { kind: "APIGroupList", apiVersion: "v1", groups: groups.map((one) => group(one, kinds)) };
  if (version !== undefined) return resourceList(name, version, kinds);
  return groups.includes(name) ? { ...group(name, kinds), kind: "APIGroup", apiVersion: "v1" } : undefined;
}

export function groupsOf(kinds: readonly AnyKind[]): readonly string[] {
  return [...new Set(kinds.map((kind) => kind.group))].filter((name) => name !== "").toSorted();
}

export function versionDocument(version: string): object {
  return {
    ...KUBERNETES,
    gitVersion: `v${KUBERNETES.major}.${KUBERNETES.minor}.0+tutti.${version}`,
    tutti: version,
    gitCommit: "",
    gitTreeState: "clean",
    buildDate: "",
    goVersion: "",
    compiler: `node ${process.versions.node}`,
    platform: `${process.platform}/${process.arch}`,
  };
}

function group(name: string, kinds: readonly AnyKind[]): object {
  const versions = [...new Set(kinds.filter((kind) => kind.group === name).map((kind) => kind.version))].map(
    (version) => ({ groupVersion: `${name}/${version}`, version }),
  );
  return { name, versions, preferredVersion: versions[0] };
}

function resourceList(groupName: string, version: string, kinds: readonly AnyKind[]): object | undefined {
  const served = kinds.filter((kind) => kind.group === groupName && kind.version === version);
  if (served.length === 0) return undefined;
  const groupVersion = groupName === "" ? version : `${groupName}/${version}`;
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources: served.flatMap(entries) };
}

function entries(kind: AnyKind): readonly object[] {
  const { plural, namespaced } = kind;
  const main = {
    name: plural,
    singularName: kind.singular,
    namespaced,
    kind: kind.kind,
    verbs: VERBS,
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
    storageVersionHash: "",
  };
  const status = {
    name: `${plural}/status`,
    singularName: "",
    namespaced,
    kind: kind.kind,
    verbs: ["get", "patch", "update"],
  };
  const scale = {
    name: `${plural}/scale`,
    singularName: "",
    namespaced,
    group: "autoscaling",
    version: "v1",
    kind: "Scale",
    verbs: ["get", "patch", "update"],
  };
  const own = ownSubresources(kind).map(({ name, methods }) => ({
    name: `${plural}/${name}`,
    singularName: "",
    namespaced,
    kind: kind.kind,
    verbs: methods.flatMap((method) => VERBS_OF[method] ?? []),
  }));
  return [main, status, ...(kind.scale === undefined ? [] : [scale]), ...own];
}
