/** How declared networks and volumes are called on the engine: by name, so that a later declaration of it finds them again. */
import type { Ownership } from "../../provider/adoption.ts";
import type { Identity } from "../../provider/provider.ts";
import { digestOf, identityIn } from "./identity.ts";

interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** `home`: of the control plane, unique among all that use the engine. */
export function networkName(home: string, { namespace, name }: Named): string {
  return ["tutti", namespace, name, digestOf(home, "Network", namespace, name)].join("-");
}

export function volumeName(home: string, { namespace, name }: Named): string {
  return ["tutti", namespace, name, digestOf(home, "Volume", namespace, name)].join("-");
}

export function snapshotName(home: string, { namespace, name }: Named): string {
  return ["tutti", namespace, name, "snapshot", digestOf(home, "VolumeSnapshot", namespace, name)].join("-");
}

/** Of a database's container, and of the volume that its data is in. */
export function databaseName(home: string, { namespace, name }: Named): string {
  return ["tutti", namespace, name, "database", digestOf(home, "Database", namespace, name)].join("-");
}

export function resourceLabels(home: string, identity: Identity): Record<string, string> {
  const { kind, namespace, name, uid } = identity;
  return {
    "tutti.dev/home": home,
    "tutti.dev/kind": kind,
    "tutti.dev/namespace": namespace,
    "tutti.dev/name": name,
    "tutti.dev/uid": uid,
  };
}

/** I9: it was made by this control plane. */
export function isOf(home: string, labels: Readonly<Record<string, string>> | null | undefined): boolean {
  return labels?.["tutti.dev/home"] === home;
}

/** Whose it is, by its labels; nobody's when it was not made by a control plane. */
export function ownerIn(
  home: string,
  labels: Readonly<Record<string, string>> | null | undefined,
): Ownership {
  const maker = labels?.["tutti.dev/home"];
  if (labels === null || labels === undefined || maker === undefined) return {};
  return maker === home ? { owner: identityIn(labels) } : { ownedBy: "another control plane" };
}

export function uidOf(labels: Readonly<Record<string, string>> | null | undefined): string | undefined {
  return labels?.["tutti.dev/uid"];
}
