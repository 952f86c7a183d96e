/** The scale subresource (autoscaling/v1 Scale) of every kind that has a number of copies. */
import { handScaleProblem } from "../../kinds/autoscale-check.ts";
import type { AnyKind } from "../../kinds/kind.ts";
import type { Draft, Resource } from "../../model/resource.ts";
import { valueAt } from "../../model/walk.ts";
import { admitResource } from "../admission.ts";
import { type Answer, type ApiContext, type Call, type ResourceTarget, ok } from "../api-context.ts";
import { isObject, mediaType, objectBody } from "../body.ts";
import { mergePatch } from "../../model/merge-patch.ts";
import { applyPatch, patchFormat } from "../patch.ts";
import { existing } from "../read.ts";
import { StatusError, badRequest, conflict, invalid } from "../status-error.ts";
import { bodyOf, committed, repeatedly } from "../write.ts";

type Path = readonly string[];

export async function scale(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  if (call.method === "GET") return ok(scaleOf(target.kind, existing(context, target)));
  const format = call.method === "PATCH" ? patchFormat(mediaType(call.request), false) : undefined;
  const body = await bodyOf(context, call);
  const resource = await repeatedly(undefined, async () => {
    const current = existing(context, target);
    const before = scaleOf(target.kind, current);
    const wanted = objectBody(format === undefined ? body : applyPatch(before, body, format, context.limits));
    requireSame(wanted, current, target);
    const replicas = replicasIn(wanted, target);
    requireWithinBounds(replicas, current, target);
    const changed = mergePatch(current, nested(pathsOf(target.kind).spec, replicas)) as Readonly<
      Record<string, unknown>
    >;
    const draft: Draft = admitResource(changed, {
      kind: target.kind,
      namespace: target.namespace,
      current,
      keyring: context.keyring,
      random: () => new Uint8Array(),
      lenient: true,
      fromStored: true,
      checkPlacement: context.checkPlacement,
    });
    const action = `scale ${String(before.spec.replicas)} -> ${replicas}`;
    return committed(
      context,
      call,
      current,
      { type: "update", resource: draft, expectedVersion: current.metadata.resourceVersion },
      action,
    );
  });
  return ok(scaleOf(target.kind, resource));
}

interface Scale {
  readonly kind: "Scale";
  readonly apiVersion: "autoscaling/v1";
  readonly metadata: object;
  readonly spec: { readonly replicas: number };
  readonly status: { readonly replicas: number; readonly selector?: string };
}

function scaleOf(kind: AnyKind, resource: Resource): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = resource.metadata;
  const paths = pathsOf(kind);
  const selector = valueAt(resource, ["status", "selector"]);
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid,
      resourceVersion,
      creationTimestamp,
    },
    spec: { replicas: count(valueAt(resource, paths.spec)) },
    status: {
      replicas: count(valueAt(resource, paths.status)),
      ...(typeof selector === "string" ? { selector } : {}),
    },
  };
}

function pathsOf(kind: AnyKind): { readonly spec: Path; readonly status: Path } {
  return kind.scale ?? { spec: [], status: [] };
}

function count(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function replicasIn(body: Readonly<Record<string, unknown>>, { kind, name }: ResourceTarget): number {
  const spec = body["spec"] ?? {};
  const replicas = isObject(spec) ? (spec["replicas"] ?? 0) : undefined;
  if (Number.isSafeInteger(replicas) && (replicas as number) >= 0) return replicas as number;
  throw invalid(kind, name, [
    {
      severity: "error",
      code: "InvalidValue",
      address: `${kind.root}/${name}`,
      path: "spec.replicas",
      message: "It must be a whole number, 0 or more.",
    },
  ]);
}

/** Where an autoscaler would take it back at once. Within the bounds it goes on from there, after its window. */
function requireWithinBounds(replicas: number, current: Resource, { kind, name }: ResourceTarget): void {
  const problem = handScaleProblem(current.spec as Readonly<Record<string, unknown>> | undefined, replicas);
  if (problem !== undefined)
    throw invalid(kind, name, [{ severity: "error", address: `${kind.root}/${name}`, ...problem }]);
}

function requireSame(
  body: Readonly<Record<string, unknown>>,
  current: Resource,
  { kind, name }: ResourceTarget,
): void {
  if (body["kind"] !== undefined && body["kind"] !== "Scale")
    throw badRequest("the object provided is not a Scale");
  const metadata = isObject(body["metadata"]) ? body["metadata"] : {};
  if (metadata["name"] !== undefined && metadata["name"] !== name)
    throw new StatusError(400, "BadRequest", "the name of the object does not match the name on the URL");
  const version = metadata["resourceVersion"];
  if (typeof version === "string" && version !== "" && version !== current.metadata.resourceVersion)
    throw conflict(
      kind,
      name,
      "the object has been modified; please apply your changes to the latest version and try again",
    );
}

function nested(path: Path, value: unknown): unknown {
  return path.reduceRight<unknown>((inner, step) => ({ [step]: inner }), value);
}
