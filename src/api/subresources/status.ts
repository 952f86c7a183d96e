/** The status subresource: changes status and nothing else, whatever else is sent (I6). */
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { AnyKind } from "../../kinds/kind.ts";
import { type Resource, addressOf } from "../../model/resource.ts";
import { containsSealed } from "../../model/sealed.ts";
import { pathText } from "../../model/walk.ts";
import { type Answer, type ApiContext, type Call, type ResourceTarget, ok } from "../api-context.ts";
import { mediaType, objectBody } from "../body.ts";
import { formatOne } from "../formats.ts";
import { applyPatch, patchFormat } from "../patch.ts";
import { unmasked } from "../present.ts";
import { existing, formatOptions } from "../read.ts";
import { badRequest, conflict, invalid } from "../status-error.ts";
import { bodyOf, committed, keyFrom, repeatedly } from "../write.ts";
import { parseUnknown } from "../../kinds/validate.ts";

export async function status(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  if (call.method === "GET")
    return ok(formatOne(target.kind, existing(context, target), formatOptions(context, call)));
  const format = call.method === "PATCH" ? patchFormat(mediaType(call.request), false) : undefined;
  const body = await bodyOf(context, call);
  if (containsSealed(body))
    throw badRequest("A value is in the form in which the control plane stores secrets.");
  const resource = await repeatedly(undefined, async () => {
    const current = existing(context, target);
    const wanted = objectBody(
      format === undefined ? body : applyPatch(current, body, format, context.limits),
    );
    const version = versionOf(wanted);
    if (version !== undefined && version !== current.metadata.resourceVersion)
      throw conflict(
        target.kind,
        target.name,
        "the object has been modified; please apply your changes to the latest version and try again",
      );
    const next = unmasked(wanted["status"], current.status);
    requireStatus(target.kind, current, next);
    return committed(
      context,
      call,
      current,
      {
        type: "status",
        key: keyFrom(target),
        status: next,
        expectedVersion: current.metadata.resourceVersion,
      },
      "set status",
    );
  });
  return ok(formatOne(target.kind, resource, formatOptions(context, call)));
}

function versionOf(body: Readonly<Record<string, unknown>>): string | undefined {
  const version = (body["metadata"] as { readonly resourceVersion?: unknown } | null | undefined)
    ?.resourceVersion;
  return typeof version === "string" && version !== "" ? version : undefined;
}

function requireStatus(kind: AnyKind, current: Resource, status: unknown): void {
  if (status === undefined) return;
  const result = parseUnknown(kind.status, status);
  if (result === undefined) throw badRequest("The status holds a value that no field can have.");
  if (result.success) return;
  const diagnostics = result.error.issues.map((issue): Diagnostic => ({
    severity: "error",
    code: "InvalidValue",
    address: addressOf(current),
    path: pathText(["status", ...(issue.path as (string | number)[])]),
    message: `${issue.message}.`,
  }));
  throw invalid(kind, current.metadata.name, diagnostics);
}
