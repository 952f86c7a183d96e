/**
 * What the functions of an own kind are given and give, and how the control plane's processes find and check them.
 *
 *     call ──spec parsed──> function ──> checked: outputs against their schema ──> answer in JSON, null when nothing is there
 */
import { z } from "zod";
import { parseDuration } from "../model/duration.ts";
import { RetryableError, TerminalError } from "../workflow/worker/failures.ts";
import { type HandlerContext, offerHandler } from "../workflow/worker/handler.ts";

/** What every function is told of the thing. */
export interface ResourceCall<
  Spec = Readonly<Record<string, unknown>>,
  Outputs = Readonly<Record<string, unknown>>,
> {
  /** As declared, with references resolved and secrets open; of `remove` and `observe` that by which it was made. */
  readonly spec: Spec;
  readonly name: string;
  readonly namespace: string;
  /** The same as long as it is this thing: write it on what you make, to find it again. */
  readonly uid: string;
  /** The name of a Location. */
  readonly location: string;
  /** As they were reported last; a hint, never the truth. */
  readonly outputs: Partial<Outputs>;
  /** What it was adopted as, or is to be. */
  readonly adopted?: string;
  /** Aborted when nobody waits any more: change nothing from then on. */
  readonly signal: AbortSignal;
  /** A line for people, as an event of the resource; so is what is written with `console`. */
  readonly log: (line: string) => void;
}

/** What is there. */
export interface Observed<Spec = unknown, Outputs = unknown> {
  readonly outputs?: Outputs;
  /** What of the spec can be read back, as it is: where it differs, the thing has drifted and is set back. */
  readonly actual?: { readonly [name in keyof Spec]?: Spec[name] | null };
  /** False: not yet; it is looked at again soon. True when absent. */
  readonly ready?: boolean;
  /** Why not. */
  readonly message?: string;
  /** Milliseconds after which it is to be looked at again although it is ready. */
  readonly lookAfter?: number;
}

/** What is there and could be adopted. */
export interface Listed {
  readonly id: string;
  readonly name: string;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly description?: string;
}

/** What stands against making it. */
export interface Objection {
  readonly message: string;
  /** Of the spec: `spec.size`. */
  readonly path?: string;
  readonly hint?: string;
  readonly code?: string;
}

export type Awaitable<T> = T | Promise<T>;
// oxlint-disable-next-line typescript/no-invalid-void-type -- a function that says nothing
export type Nothing = undefined | null | void;

export const OPTIONAL = ["list", "adopt", "release", "obstacles"] as const;

type AnyCall = ResourceCall & { readonly id?: string };

/** Of `defineResource`, where its types do not matter. */
export interface ResourceFunctions {
  readonly spec: z.ZodObject;
  readonly outputs?: z.ZodObject;
  readonly observe: (call: AnyCall) => unknown;
  readonly ensure: (call: AnyCall) => unknown;
  readonly remove: (call: AnyCall) => unknown;
  readonly list?: (call: AnyCall) => Awaitable<readonly Listed[]>;
  readonly adopt?: (call: AnyCall) => unknown;
  readonly release?: (call: AnyCall) => unknown;
  readonly obstacles?: (call: AnyCall) => Awaitable<readonly Objection[] | Nothing>;
}

/** The functions, where the control plane's processes find them. */
export function offerAll(kind: string, options: ResourceFunctions): void {
  const offer = (name: string, call: (given: AnyCall) => unknown): void =>
    offerHandler({
      name: `${kind}.${name}`,
      version: undefined,
      input: undefined,
      result: undefined,
      frame: undefined,
      call: (input: object, { signal, log }: HandlerContext) => call({ ...input, signal, log } as AnyCall),
    });
  const { observe, ensure, remove, list, adopt, release, obstacles } = options;
  const typed = (call: AnyCall): AnyCall => ({ ...call, spec: parsed(kind, options.spec, call.spec) });
  const seen = async (call: AnyCall): Promise<unknown> => observation(kind, options, await observe(call));
  const orSeen = async (call: AnyCall, given: unknown): Promise<unknown> =>
    observation(kind, options, given) ?? (await seen(call)) ?? NOT_SEEN;
  offer("observe", (call) => seen(typed(call)));
  offer("ensure", async (given) => {
    const call = typed(given);
    return orSeen(call, await ensure(call));
  });
  offer("remove", async (call) => void (await remove(typed(call))));
  if (list !== undefined) offer("list", async (call) => listing(await list(call)));
  if (adopt !== undefined)
    offer("adopt", async (given) => {
      const call = typed(given);
      return orSeen(call, await adopt(call));
    });
  if (release !== undefined) offer("release", async (call) => void (await release(typed(call))));
  if (obstacles !== undefined)
    offer("obstacles", async (call) =>
      ((await obstacles(typed(call))) ?? []).map((one) => ({ code: "Obstacle", ...one })),
    );
}

const NOT_SEEN = { outputs: {}, ready: false, message: "It was made, and is not seen yet." };

/** With the schema's own transformations and defaults. */
function parsed(kind: string, schema: z.ZodObject, spec: unknown): Readonly<Record<string, unknown>> {
  const result = schema.safeParse(spec);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new TerminalError(`The spec does not fit the schema of ${kind}: ${issue?.message ?? ""}.`, {
    name: "InvalidValue",
    details: { path: ["spec", ...(issue?.path ?? [])].map(String).join(".") },
  });
}

/** Null when nothing is there. */
function observation(kind: string, { outputs }: ResourceFunctions, given: unknown): object | null {
  if (given === undefined || given === null) return null;
  if (typeof given !== "object") throw garbage(kind, `it gave a ${typeof given}, not what is there`);
  const unknown = Object.keys(given).find((name) => !OBSERVED.has(name));
  if (unknown !== undefined) throw garbage(kind, `it gave '${unknown}'; outputs belong into 'outputs'`);
  const { ready = true, outputs: put = {} } = given as Observed;
  return { ...given, ready, outputs: checkedOutputs(kind, outputs ?? z.object({}), put, ready) };
}

/** What is not ready may not have all of them yet. */
function checkedOutputs(kind: string, schema: z.ZodObject, outputs: unknown, isWhole: boolean): unknown {
  const checked = (isWhole ? schema : schema.partial()).safeParse(outputs);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const name = issue?.path.map(String).join(".") ?? "";
  throw garbage(kind, `the output '${name}' does not fit: ${issue?.message ?? ""}`);
}

const OBSERVED: ReadonlySet<string> = new Set(["outputs", "actual", "ready", "message", "lookAfter"]);

function listing(found: readonly Listed[]): readonly object[] {
  return found.map(({ id, name, spec = {}, description = name }) => ({ id, name, spec, description }));
}

function garbage(kind: string, problem: string): TerminalError {
  return new TerminalError(`A function of ${kind} gave an answer that means nothing: ${problem}.`, {
    name: "ProviderAnsweredGarbage",
    details: { hint: "Mend the function, and apply it again." },
  });
}

/**
 * Not an error: it has to be looked at again later, for something outside takes its time.
 *
 * @example
 * throw new RequeueAfter("5s", "The server is still starting.");
 */
export class RequeueAfter extends RetryableError {
  /** `delay`: a duration, or milliseconds. */
  constructor(delay: string | number, reason: string) {
    const milliseconds = typeof delay === "number" ? delay : parseDuration(delay);
    super(reason, { name: "RequeueAfter", details: { delay: milliseconds } });
  }
}
