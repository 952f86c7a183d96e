/** A silence: alerts that all its matchers match are not notified of between its start and its end. */
import type { MatchOperator, Matcher } from "../matcher.ts";
import { MatcherSyntaxError, checkedMatcher } from "./matchers.ts";

export interface SilenceMatcher {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  readonly isEqual: boolean;
}

export interface Silence {
  /** A UUID. */
  readonly id: string;
  readonly matchers: readonly SilenceMatcher[];
  /** Milliseconds since the epoch. */
  readonly startsAt: number;
  readonly endsAt: number;
  readonly updatedAt: number;
  readonly createdBy: string;
  readonly comment: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export type SilenceState = "pending" | "active" | "expired";

export function silenceState(silence: Silence, now: number): SilenceState {
  if (now < silence.startsAt) return "pending";
  return now < silence.endsAt ? "active" : "expired";
}

/** Throws a MatcherSyntaxError. */
export function compiled(matchers: readonly SilenceMatcher[]): readonly Matcher[] {
  return matchers.map(({ name, value, isRegex, isEqual }) =>
    checkedMatcher(name, operatorOf(isRegex, isEqual), value),
  );
}

function operatorOf(isRegex: boolean, isEqual: boolean): MatchOperator {
  if (isRegex) return isEqual ? "=~" : "!~";
  return isEqual ? "=" : "!=";
}

/** Why this is no silence, or undefined. */
export function problemOf(silence: Omit<Silence, "id" | "updatedAt">): string | undefined {
  if (silence.matchers.length === 0) return "A silence needs at least one matcher.";
  if (silence.matchers.some(({ name }) => name === "")) return "A matcher has no label name.";
  try {
    if (compiled(silence.matchers).every((one) => isPositive(one) && one.matches("")))
      return "At least one matcher must not match the empty text, else the silence would match every alert.";
  } catch (error) {
    if (error instanceof MatcherSyntaxError) return error.message;
    throw error;
  }
  if (!Number.isFinite(silence.startsAt) || !Number.isFinite(silence.endsAt))
    return "A silence needs a start and an end.";
  return silence.endsAt < silence.startsAt ? "The end must not be before the start." : undefined;
}

/** Alertmanager lets a silence of negative matchers alone be. */
function isPositive(one: Matcher): boolean {
  return one.operator === "=" || one.operator === "=~";
}
