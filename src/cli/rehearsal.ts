/**
 * What the command line asks of a rehearsal and what it shows of it; `src/app/rehearsal` plays it. What only providers know is
 * asked of the control plane, when one runs: it makes the plan as for `tutti plan`, and what stands against that is where the
 * rehearsal stops first.
 */
import type { Client, Proposed } from "../client/client.ts";
import { ApiError } from "../client/error.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { type Draft, addressOf } from "../model/resource.ts";
import { imagedSpec } from "../planner/pinned.ts";
import type { Action } from "../planner/plan.ts";

export interface RehearsalRequest {
  readonly system: string;
  readonly namespace: string;
  readonly proposed: Proposed;
  /** Absolute path of a file of assumptions. */
  readonly file?: string;
  /** As written on the command line; they win over the file. */
  readonly flags: RehearsalFlags;
  /** Nothing is there yet, whatever is. */
  readonly empty: boolean;
  /** The exact images that a control plane found, by address. */
  readonly pins?: ReadonlyMap<string, string>;
}

export interface RehearsalFlags {
  readonly seed?: string;
  readonly latency?: readonly string[];
  readonly fail?: readonly string[];
  readonly hang?: readonly string[];
  readonly quota?: readonly string[];
  readonly crashAt?: string;
  readonly approveAfter?: string;
  readonly until?: string;
}

export type MomentType =
  | "begins"
  | "retries"
  | "waits"
  | "fails"
  | "failed"
  | "ready"
  | "gone"
  | "change"
  | "stage"
  | "approval"
  | "crash"
  | "outside";

/** One line of the timeline. */
export interface Moment {
  /** Milliseconds since the plan was applied. */
  readonly at: number;
  readonly type: MomentType;
  readonly address: string;
  /** Behind the address: `begins (create)`. */
  readonly text: string;
}

/** Something that is not done at the end. */
export interface Stop {
  readonly at: number;
  readonly address: string;
  /** One sentence: why it does not go on by itself. */
  readonly why: string;
  /** Addresses of what cannot begin or end before it. */
  readonly holdsUp: readonly string[];
}

/** A stretch of the critical path. */
export interface Stretch {
  readonly address: string;
  readonly from: number;
  readonly until: number;
}

export interface Rehearsal {
  readonly system: string;
  readonly namespace: string;
  readonly seed: number;
  /** `runs to its end`, or where it would stop. */
  readonly outcome: "done" | "stops";
  readonly summary: Readonly<Record<Action, number>>;
  /** Of the plan that was played. */
  readonly hash: string;
  /** What was taken to be so, one phrase each. */
  readonly assumed: readonly string[];
  readonly timeline: readonly Moment[];
  /** Milliseconds until everything was done, or stood still. */
  readonly total: number;
  /** So many were worked on at once, at most. */
  readonly mostAtOnce: number;
  readonly criticalPath: readonly Stretch[];
  readonly stops: readonly Stop[];
  /** It would not even begin: what stands against the plan is among `stops`, at 0. */
  readonly isRefused?: true;
  /** What had been done and was taken back. */
  readonly undone: readonly string[];
  /** The Changes that it took, with how they ended. */
  readonly changes: readonly { readonly name: string; readonly state: string; readonly message?: string }[];
  readonly warnings: readonly Diagnostic[];
}

/** What the control plane's providers say of the plan that is played. */
export interface Preflight {
  readonly pins: ReadonlyMap<string, string>;
  readonly obstacles: readonly Diagnostic[];
  readonly warnings: readonly Diagnostic[];
}

/** Of a declaration that is refused as such nothing is said: the rehearsal refuses it too. */
export async function preflightOf(
  client: Pick<Client, "plan">,
  { system, namespace, proposed }: Pick<RehearsalRequest, "system" | "namespace" | "proposed">,
  signal: AbortSignal,
): Promise<Preflight> {
  try {
    const { resources, warnings } = await client.plan(
      system,
      { ...proposed, refresh: false },
      { namespace, signal },
    );
    return { pins: pinsIn(resources), obstacles: [], warnings };
  } catch (error) {
    if (!(error instanceof ApiError) || error.diagnostics.length === 0) throw error;
    const { diagnostics } = error;
    const isError = ({ severity }: Diagnostic): boolean => severity === "error";
    return {
      pins: new Map(),
      obstacles: diagnostics.filter(isError),
      warnings: diagnostics.filter((diagnostic) => !isError(diagnostic)),
    };
  }
}

function pinsIn(resources: readonly Draft[]): ReadonlyMap<string, string> {
  return new Map(
    resources.flatMap((draft) => {
      const digest = imagedSpec(draft)?.["digest"];
      return typeof digest === "string" ? [[addressOf(draft), digest] as const] : [];
    }),
  );
}

/** Where the plan would be refused as a whole, it stops before it begins. */
export function withPreflight(rehearsal: Rehearsal, preflight: Preflight | undefined): Rehearsal {
  if (preflight === undefined) return { ...rehearsal, assumed: [...rehearsal.assumed, NOBODY_ASKED] };
  const known = new Set(rehearsal.warnings.map(({ message }) => message));
  const added = preflight.warnings.filter(({ message }) => !known.has(message));
  const warned = { ...rehearsal, warnings: [...rehearsal.warnings, ...added] };
  if (preflight.obstacles.length === 0) return warned;
  const stops = preflight.obstacles.map(({ address = `system/${rehearsal.system}`, message, hint }) => ({
    at: 0,
    address,
    why: hint === undefined ? message : `${message} ${hint}`,
    holdsUp: [],
  }));
  return { ...warned, outcome: "stops", isRefused: true, stops: [...stops, ...rehearsal.stops] };
}

const NOBODY_ASKED =
  "nothing stands against the plan (ports, programs, images, room): no control plane was asked";
