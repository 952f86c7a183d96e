/**
 * Whether there is enough of what is bounded for a whole plan: what it makes, together, against what is left at each
 * provider. Pure, apart from asking.
 *
 *   (provider, what it gains and loses) --capacities, once--> used + gained - lost against the limit --> diagnostics
 *
 *  - What the plan frees counts as free: it is one plan.
 *  - Beyond the limit is an error that names what does not fit, in the order of the plan; where more may be promised than
 *    there is, a warning. Nearly all of it is a warning.
 *  - What is undefined about a limit is not guessed.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { formatBytes } from "../model/quantity.ts";
import type { CallContext, Capacity } from "../provider/provider.ts";
import { asked } from "./bounded.ts";

type Spec = Readonly<Record<string, unknown>>;

/** Of one resource of the plan. */
export interface Claim {
  readonly address: string;
  /** What it is to be; absent when it goes. */
  readonly after?: Spec;
  /** What it is; absent when it is new. */
  readonly before?: Spec;
}

export interface Claims {
  readonly provider: { capacities?(context: CallContext): Promise<readonly Capacity[]> };
  /** "the class 'docker' of Network at the location 'local'". */
  readonly whom: string;
  /** In the order of the plan. */
  readonly claims: readonly Claim[];
}

/** From this share of a limit on there is a warning. */
const NEARLY = 0.9;
/** So many addresses are named. */
const NAMED = 8;

export async function shortages(
  all: readonly Claims[],
  context: CallContext,
): Promise<readonly Diagnostic[]> {
  const found = await Promise.all(all.map((claims) => shortagesAt(claims, context)));
  return found.flat();
}

async function shortagesAt(
  { provider, whom, claims }: Claims,
  context: CallContext,
): Promise<readonly Diagnostic[]> {
  if (provider.capacities === undefined) return [];
  const reply = await asked({
    whom,
    what: "what is left of it",
    ask: async () => {
      const capacities = (await provider.capacities?.(context)) ?? [];
      if (!Array.isArray(capacities) || !capacities.every(isCapacity)) return undefined;
      return capacities.flatMap((capacity) => judged(capacity, whom, claims));
    },
    isSound: (answer) => answer !== undefined,
    clock: context.clock,
  });
  return "answer" in reply ? (reply.answer ?? []) : [reply.problem];
}

function isCapacity(value: unknown): boolean {
  const { name, limit, used, needs } = (value ?? {}) as Partial<Record<keyof Capacity, unknown>>;
  const isAmount = (amount: unknown): boolean => Number.isFinite(amount) && Number(amount) >= 0;
  return (
    typeof name === "string" &&
    isAmount(used) &&
    (limit === undefined || isAmount(limit)) &&
    typeof needs === "function"
  );
}

function judged(capacity: Capacity, whom: string, claims: readonly Claim[]): readonly Diagnostic[] {
  const { limit, used } = capacity;
  if (limit === undefined) return [];
  const changes = claims.map(({ address, before, after }) => ({
    address,
    amount: amountOf(capacity, after) - amountOf(capacity, before),
  }));
  const wanted = sum(changes.filter(({ amount }) => amount > 0));
  const freed = -sum(changes.filter(({ amount }) => amount < 0));
  if (wanted === 0) return [];
  const left = Math.max(0, limit - used + freed);
  if (wanted > left) return [beyond(capacity, { whom, left, wanted, changes })];
  const total = used - freed + wanted;
  return total >= limit * NEARLY && total > 0 && limit > 1 ? [nearly(capacity, whom, limit - total)] : [];
}

function amountOf({ needs }: Capacity, spec: Spec | undefined): number {
  const amount = spec === undefined ? 0 : needs(spec);
  if (!Number.isFinite(amount) || amount < 0) throw new Error("it cannot tell how much a thing takes");
  return amount;
}

interface Change {
  readonly address: string;
  readonly amount: number;
}

function sum(changes: readonly Change[]): number {
  return changes.reduce((total, { amount }) => total + amount, 0);
}

interface Beyond {
  readonly whom: string;
  readonly left: number;
  readonly wanted: number;
  readonly changes: readonly Change[];
}

function beyond(capacity: Capacity, { whom, left, wanted, changes }: Beyond): Diagnostic {
  const { name, limit = 0, overcommit } = capacity;
  const tell = (amount: number): string => told(capacity, amount);
  const takers = overflowing(changes, left);
  const [first = ""] = takers;
  const more = takers.length > NAMED ? ` and ${takers.length - NAMED} more` : "";
  const numbers = `${tell(left)} of ${tell(limit)} ${name} left, ${tell(wanted)} wanted`;
  const place = whom.charAt(0).toUpperCase() + whom.slice(1);
  if (overcommit === true)
    return {
      severity: "warning",
      code: "Overcommitted",
      address: first,
      message: `${place} is promised more than there is: ${numbers}.`,
      hint: "It works as long as not all of it is used at once.",
    };
  return {
    severity: "error",
    code: "QuotaExceeded",
    address: first,
    message: `${place} fails: ${numbers}. What does not fit: ${takers.slice(0, NAMED).join(", ")}${more}.`,
    hint: "Declare less, remove what nobody uses, or raise the limit there.",
  };
}

/** Whoever comes when nothing is left for it any more, in the order of the plan; smaller ones behind it may fit. */
function overflowing(changes: readonly Change[], left: number): readonly string[] {
  let free = left;
  return changes.flatMap(({ address, amount }) => {
    if (amount <= 0) return [];
    if (amount > free) return [address];
    free -= amount;
    return [];
  });
}

function nearly(capacity: Capacity, whom: string, left: number): Diagnostic {
  const { name, limit = 0 } = capacity;
  const place = whom.charAt(0).toUpperCase() + whom.slice(1);
  return {
    severity: "warning",
    code: "NearlyExhausted",
    message: `${place} will have ${told(capacity, left)} of ${told(capacity, limit)} ${name} left.`,
  };
}

function told({ unit }: Capacity, amount: number): string {
  return unit === "bytes" ? formatBytes(amount) : String(Math.round(amount * 1000) / 1000);
}
