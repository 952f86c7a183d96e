/**
 * From what a client sent to what may be stored, for one resource: shape and defaults by its kind, metadata, references
 * as far as one resource tells, fields that may not change, secrets sealed. Everything wrong is found at once.
 */
import { type Diagnostic, hasErrors } from "../diagnostics/diagnostic.ts";
import { edgesOf } from "../kinds/edges.ts";
import type { AnyKind } from "../kinds/kind.ts";
import { type JsonSchema, bodySchema, childSchema } from "../kinds/schema.ts";
import { validateAs } from "../kinds/validate.ts";
import { equal } from "../model/equality.ts";
import { type Draft, type Resource, addressOf } from "../model/resource.ts";
import { type Keyring, containsSealed } from "../model/sealed.ts";
import { type Path, pathText } from "../model/walk.ts";
import { type SecretDraft, isSecret, keepGenerated, sealSecret, withGenerated } from "../planner/secrets.ts";
import { TerminalError } from "../provider/provider.ts";
import { isObject } from "./body.ts";
import { unmasked, withSealedAnnotations } from "./present.ts";
import { badRequest, invalid } from "./status-error.ts";

export interface Admission {
  readonly kind: AnyKind;
  readonly namespace: string;
  /** What is there now; undefined for a new resource. */
  readonly current: Resource | undefined;
  readonly keyring: Keyring;
  readonly random: (size: number) => Uint8Array;
  /** Unknown fields are dropped instead of refused, as Kubernetes' fieldValidation Ignore and Warn ask for. */
  readonly lenient: boolean;
  /** Sealed texts are taken as they are: `value` was made from what is stored, not sent. */
  readonly fromStored?: boolean;
  /** Refuses with TerminalError what no class can do, or not the one that is asked for. */
  readonly checkPlacement: (kind: string, spec: Readonly<Record<string, unknown>>) => void;
  /** What is wrong with rules and their templates, which only machinery above the kinds can read. */
  readonly checkRules?: (resource: Draft) => readonly Diagnostic[];
}

/** Refuses with Invalid (422), or with BadRequest when the body is about something else than the path. */
export function admitResource(value: Readonly<Record<string, unknown>>, admission: Admission): Draft {
  const { kind, current, namespace } = admission;
  requireIdentity(value, admission);
  const name = nameOf(value);
  const complete = {
    ...value,
    metadata: { ...(value["metadata"] as object | undefined), ...(kind.namespaced ? { namespace } : {}) },
  };
  const wanted = unmasked(admission.lenient ? pruned(kind, complete) : complete, current) as Readonly<
    Record<string, unknown>
  >;
  const before = admission.fromStored === true ? [] : checkSealed(kind, value);
  const { resource, diagnostics } =
    before.length > 0 ? { resource: undefined, diagnostics: before } : validateAs(kind, wanted);
  if (resource === undefined) throw invalid(kind, name, diagnostics);
  const sealed = sealedDraft(resource, admission);
  const found = [
    ...sealed.diagnostics,
    ...edgesOf(sealed.resource).diagnostics,
    ...selfReference(sealed.resource),
    ...checkImmutable(kind, sealed.resource, current),
    ...checkPlacement(sealed.resource, admission),
    ...(admission.checkRules?.(sealed.resource) ?? []),
  ];
  if (hasErrors(found)) throw invalid(kind, name, found);
  return sealed.resource;
}

/** Only what is asked for anew: what is stored may have been made by engines that are not there any more. */
function checkPlacement(
  resource: Draft,
  { current, checkPlacement: check }: Admission,
): readonly Diagnostic[] {
  const spec = resource.spec as Readonly<Record<string, unknown>> | undefined;
  if (spec === undefined || (current !== undefined && equal(current.spec, spec))) return [];
  try {
    check(resource.kind, spec);
    return [];
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return [{ severity: "error", address: addressOf(resource), ...error.diagnostic }];
  }
}

function nameOf(value: Readonly<Record<string, unknown>>): string {
  const metadata = value["metadata"];
  return isObject(metadata) && typeof metadata["name"] === "string" ? metadata["name"].slice(0, 253) : "";
}

/** What the body says of itself must be what the path says. */
function requireIdentity(
  value: Readonly<Record<string, unknown>>,
  { kind, namespace, current }: Admission,
): void {
  const metadata = value["metadata"];
  if (value["kind"] !== undefined && value["kind"] !== kind.kind)
    throw badRequest(
      `the object provided is a ${JSON.stringify(value["kind"]).slice(0, 80)}, not a ${kind.kind}`,
    );
  if (!isObject(metadata)) return;
  if (kind.namespaced && metadata["namespace"] !== undefined && metadata["namespace"] !== namespace)
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  if (current !== undefined && metadata["name"] !== undefined && metadata["name"] !== current.metadata.name)
    throw badRequest("the name of the object does not match the name on the URL");
}

/** Sealed text comes from the store only: who could hand it in could have another's secret opened for him. */
function checkSealed(kind: AnyKind, value: unknown): readonly Diagnostic[] {
  if (!containsSealed(value)) return [];
  return [
    {
      severity: "error",
      code: "SealedValue",
      address: kind.root,
      message: "A value is in the form in which the control plane stores secrets.",
      hint: "Give the secret itself in a Secret, and refer to it.",
    },
  ];
}

function sealedDraft(
  draft: Draft,
  { keyring, current, random }: Admission,
): { readonly resource: Draft; readonly diagnostics: readonly Diagnostic[] } {
  if (!isSecret(draft)) return { resource: draft, diagnostics: [] };
  const { resource, diagnostics } = sealSecret(withSealedAnnotations(draft, keyring), keyring);
  return {
    resource: withGenerated(keepGenerated(resource, current as SecretDraft | undefined), keyring, random),
    diagnostics,
  };
}

function selfReference(draft: Draft): readonly Diagnostic[] {
  const address = addressOf(draft);
  return edgesOf(draft)
    .edges.filter((edge) => edge.to === address && !edge.weak)
    .map((edge) => ({
      severity: "error",
      code: "ReferenceCycle",
      address,
      path: pathText(edge.path),
      message: `It refers to itself: ${address} -> ${address}.`,
      hint: "Remove the reference.",
    }));
}

function checkImmutable(kind: AnyKind, draft: Draft, current: Resource | undefined): readonly Diagnostic[] {
  if (current === undefined) return [];
  const [before, after] = [
    current as unknown as Readonly<Record<string, unknown>>,
    draft as unknown as Readonly<Record<string, unknown>>,
  ];
  const address = addressOf(draft);
  const paths = [...changedImmutable(bodySchema(kind), before, after, [])];
  if (before["immutable"] === true)
    paths.push(
      ...["data", "binaryData", "immutable"]
        .filter((member) => !equal(before[member], after[member]))
        .map((member) => [member]),
    );
  return paths.map((path) => ({
    severity: "error",
    code: "Immutable",
    address,
    path: pathText(path),
    message: "It cannot be changed once the resource is there.",
    hint: "Delete the resource and create it anew, or apply the change as part of a system, whose plan replaces it.",
  }));
}

function* changedImmutable(schema: JsonSchema, before: unknown, after: unknown, path: Path): Generator<Path> {
  if (equal(before, after)) return;
  if (schema.immutable === true) {
    yield path;
    return;
  }
  for (const name of Object.keys(schema.properties ?? {})) {
    const child = childSchema(schema, name);
    if (child !== undefined)
      yield* changedImmutable(child, member(before, name), member(after, name), [...path, name]);
  }
}

function member(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}

/** Without the members that the schema does not know. */
function pruned(kind: AnyKind, value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const schema = bodySchema(kind);
  const kept = Object.entries(value).filter(
    ([name]) => OWN.has(name) || schema.properties?.[name] !== undefined,
  );
  return Object.fromEntries(
    kept.map(([name, content]) => [
      name,
      OWN.has(name) ? content : pruneValue(childSchema(schema, name), content),
    ]),
  );
}

const OWN: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata", "status"]);

function pruneValue(schema: JsonSchema | undefined, value: unknown): unknown {
  if (schema === undefined || schema.anyOf !== undefined) return value;
  if (Array.isArray(value)) return value.map((item) => pruneValue(schema.items, item));
  if (!isObject(value)) return value;
  const isClosed = schema.additionalProperties === false;
  const kept = Object.entries(value).filter(([name]) => !isClosed || schema.properties?.[name] !== undefined);
  return Object.fromEntries(
    kept.map(([name, content]) => [name, pruneValue(childSchema(schema, name), content)]),
  );
}
