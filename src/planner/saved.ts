/**
 * A plan in a file: what `plan -o plan.json` writes and `apply plan.json` carries out, exactly that or not at all (I7).
 *
 * The file says what was planned, for people, and what it was planned from, to propose it again: admitted, with secrets
 * sealed by the control plane's key. A code over all of it, made with a key derived from that one, tells whether it is as it
 * was written. Whatever is wrong with a file is said: no plan, cut off, edited, of another version, of another control plane.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { canonicalJson } from "../model/equality.ts";
import { masked } from "../model/masked.ts";
import type { Draft } from "../model/resource.ts";
import type { Keyring } from "../model/sealed.ts";
import type { Snapshot } from "../store/store.ts";
import { type Base, type Requested, type ShownPlan, baseOf, controlPlaneId } from "./change.ts";
import type { Plan } from "./plan.ts";

export const SAVED_FORMAT = "tutti.plan/1";

export interface SavedPlan {
  readonly format: typeof SAVED_FORMAT;
  /** Version that wrote it. */
  readonly tutti: string;
  readonly controlPlane: string;
  readonly system: string;
  readonly namespace: string;
  readonly action: Plan["action"];
  readonly declared: readonly Draft[];
  readonly request: Requested;
  /** Masked. */
  readonly plan: ShownPlan;
  readonly hash: string;
  readonly base: Base;
  readonly mac: string;
}

interface Making {
  readonly plan: Plan;
  readonly declared: readonly Draft[];
  readonly request: Requested;
  readonly live: Snapshot;
  readonly keyring: Keyring;
  readonly version: string;
}

export function savedPlan({ plan, declared, request, live, keyring, version }: Making): SavedPlan {
  const { resources: _resources, ...shown } = plan;
  const content: Omit<SavedPlan, "mac"> = {
    format: SAVED_FORMAT,
    tutti: version,
    controlPlane: controlPlaneId(keyring),
    system: plan.system,
    namespace: plan.namespace,
    action: plan.action,
    declared,
    request,
    plan: masked(shown) as ShownPlan,
    hash: plan.hash,
    base: baseOf(plan, live),
  };
  // As it is read again: members that are undefined are not written.
  const written = JSON.parse(JSON.stringify(content)) as typeof content;
  return { ...written, mac: macOf(written, keyring) };
}

export type Read =
  | { readonly saved: SavedPlan; readonly diagnostic?: undefined }
  | { readonly saved?: undefined; readonly diagnostic: Diagnostic };

/** `value`: any JSON. */
export function readSaved(
  value: unknown,
  { keyring, version }: { readonly keyring: Keyring; readonly version: string },
): Read {
  const saved = value as (Partial<Omit<SavedPlan, "format">> & { readonly format?: unknown }) | null;
  if (typeof saved !== "object" || saved === null || typeof saved.format !== "string")
    return refused("NoPlan", "This is no saved plan.", "Make one: tutti plan -o plan.json.");
  if (saved.format !== SAVED_FORMAT)
    return refused(
      "OtherPlanFormat",
      `The plan is in the format '${saved.format.slice(0, 60)}', not in ${SAVED_FORMAT}.`,
      "Make it anew with this version: tutti plan -o plan.json.",
    );
  if (saved.tutti !== version)
    return refused(
      "OtherVersion",
      `The plan was made by version ${String(saved.tutti).slice(0, 40)}; this control plane is version ${version}, and might come to another.`,
      "Make it anew with this version: tutti plan -o plan.json.",
    );
  const own = controlPlaneId(keyring);
  if (saved.controlPlane !== own)
    return refused(
      "OtherControlPlane",
      `The plan was made for the control plane ${String(saved.controlPlane).slice(0, 40)}; this is ${own}.`,
      "Apply it there, or plan here.",
    );
  const missing = MEMBERS.filter((name) => saved[name] === undefined);
  if (missing.length > 0)
    return refused("PlanCutOff", `The plan lacks: ${missing.join(", ")}.`, "Make it anew: it was cut off.");
  const { mac, ...content } = saved as unknown as SavedPlan;
  if (!isSame(macOf(content, keyring), String(mac)))
    return refused(
      "PlanEdited",
      "The plan is not as it was written: somebody has edited it, so what would be done is not what it shows.",
      "Make it anew from the declaration: tutti plan -o plan.json.",
    );
  return { saved: saved as unknown as SavedPlan };
}

const MEMBERS = [
  "system",
  "namespace",
  "action",
  "declared",
  "request",
  "plan",
  "hash",
  "base",
  "mac",
] as const satisfies readonly (keyof SavedPlan)[];

function refused(code: string, message: string, hint: string): Read {
  return { diagnostic: { severity: "error", code, message, hint } };
}

function macOf(content: object, keyring: Keyring): string {
  return createHmac("sha256", keyring.derive("tutti/saved-plan"))
    .update(canonicalJson(content))
    .digest("hex");
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
