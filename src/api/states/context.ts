/** What every operation works with. */
import { z } from "zod";
import { type Arn, type ArnType, arn, readArn } from "../../dialects/states-language/engine/names.ts";
import type { Clock } from "../../clock/clock.ts";
import type { Json } from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";
import type { Definition } from "../../workflow/definition/definition.ts";
import type { Engine } from "../../workflow/engine/engine.ts";
import type { ActivityBoard } from "./activity-board.ts";
import { Fault, fault } from "./fault.ts";

export interface StatesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly engine: () => Promise<Pick<Engine, "signal" | "state" | "overview">>;
  /** Nothing when the run (`NAMESPACE/NAME`) has ended, or is not there. */
  readonly cancel: (run: string, reason: string) => Promise<void>;
  /** One that a run was started with. */
  readonly definition: (hash: string) => Promise<Definition | undefined>;
  /** Results that are too large for the journal, by their hash. */
  readonly blob: (hash: string) => Promise<string>;
  readonly activities: ActivityBoard;
}

export interface StatesContext extends StatesOptions {
  /** Where things are that no ARN tells the place of. */
  readonly namespace: string;
  /** `user:admin`. */
  readonly actor: string;
  /** Aborted when the client is gone, or the API closes. */
  readonly signal: AbortSignal;
}

/** Gives what is answered, as JSON; times are seconds since the epoch. */
export type Operation = (context: StatesContext, input: unknown) => Promise<unknown>;

/** The input as the shape has it. Refuses with ValidationException. */
export function read<T>(shape: z.ZodType<T>, input: unknown): T {
  const { data, error } = shape.safeParse(input);
  if (error === undefined) return data as T;
  const problems = error.issues.map(({ path, message }) => `'${path.join(".")}': ${message}`);
  throw new Fault(
    "ValidationException",
    `${problems.length} validation error${problems.length === 1 ? "" : "s"} detected: ${problems.join("; ")}`,
  );
}

/** Accounts of the real service stand for the namespace of the request. */
export function namespaceOf({ namespace }: Arn, context: Pick<StatesContext, "namespace">): string {
  return /^\d{12}$/.test(namespace) || namespace === "" ? context.namespace : namespace;
}

export function arnOf(text: string, ...types: readonly ArnType[]): Arn {
  const found = readArn(text);
  if (found === undefined || !types.includes(found.type))
    fault("InvalidArn", `Invalid Arn: '${text}' is no ARN of ${types.join(" or ")}.`);
  return found;
}

/** Nesting of JSON that recursion must get through. */
const DEEPEST = 500;

/** The text as JSON. Refuses with the fault of that name what is none, or nested too deep. */
export function parseJson(text: string, refusal: string): Json {
  try {
    const value = JSON.parse(text) as Json;
    if (!isDeep(text)) return value;
  } catch (error) {
    return fault(refusal, `It is no JSON: ${(error as Error).message}`);
  }
  return fault(refusal, `It is nested more than ${DEEPEST} levels deep.`);
}

/** Looked at as text: recursion would have to get through it first. */
function isDeep(text: string): boolean {
  let depth = 0;
  for (const [sign] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (sign === "[" || sign === "{") depth++;
    else if (sign === "]" || sign === "}") depth--;
    if (depth > DEEPEST) return true;
  }
  return false;
}

export { arn };

export function seconds(time: string | number): number {
  return (typeof time === "string" ? Date.parse(time) : time) / 1_000;
}

export const page = {
  maxResults: z.number().int().min(0).max(1_000).optional(),
  nextToken: z.string().optional(),
};

interface Page {
  readonly maxResults?: number | undefined;
  readonly nextToken?: string | undefined;
}

/** A page of what is listed. Refuses a token of somebody else with InvalidToken. */
export function paged<T>(
  items: readonly T[],
  { maxResults = 0, nextToken }: Page,
): { readonly items: readonly T[]; readonly nextToken?: string } {
  const from = nextToken === undefined ? 0 : Number(Buffer.from(nextToken, "base64url").toString("utf8"));
  if (!Number.isInteger(from) || from < 0) fault("InvalidToken", `Invalid Token: '${nextToken ?? ""}'`);
  const to = from + (maxResults === 0 ? 100 : maxResults);
  const next = to < items.length ? { nextToken: Buffer.from(String(to)).toString("base64url") } : {};
  return { items: items.slice(from, to), ...next };
}
