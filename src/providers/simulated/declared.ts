/**
 * What a Resource of class `simulated` says of itself in `spec.config.simulated`, so that a plan can be rehearsed with it:
 *
 *     config:
 *       simulated:
 *         create: 30s              # how long it takes; also update, remove, ready (from made to ready)
 *         fails: {create: 2}       # so many times; "always"; "for good": no use in trying again
 *         hangs: [remove]          # never answers
 */
import { parseDuration } from "../../model/duration.ts";
import { TerminalError } from "../../provider/provider.ts";
import type { Call, Twist } from "./world.ts";

interface Declared {
  readonly create?: string;
  readonly update?: string;
  readonly remove?: string;
  readonly ready?: string;
  readonly fails?: Readonly<Record<string, number | string>>;
  readonly hangs?: readonly string[];
}

export function declaredOf(spec: unknown): Declared {
  const config = (spec as { readonly config?: { readonly simulated?: Declared } } | undefined)?.config;
  return typeof config?.simulated === "object" && config.simulated !== null ? config.simulated : {};
}

/** Milliseconds from made to ready. */
export function readyAfter(spec: unknown): number {
  const { ready } = declaredOf(spec);
  return ready === undefined ? 0 : parseDuration(ready);
}

export function declaredTwist({ operation, spec, nth }: Call): Twist {
  const declared = declaredOf(spec);
  const takes = declared[operation as keyof Declared];
  const fail = failure(declared.fails?.[operation], operation, nth);
  return {
    ...(typeof takes === "string" ? { delay: parseDuration(takes) } : {}),
    ...(declared.hangs?.includes(operation) === true ? { hangs: "obedient" as const } : {}),
    ...(fail === undefined ? {} : { fail }),
  };
}

function failure(fails: number | string | undefined, operation: string, nth: number): Error | undefined {
  if (fails === "for good")
    return new TerminalError({
      code: "SimulatedFailure",
      path: "spec.config.simulated.fails",
      message: `It is declared to fail for good at ${operation}.`,
      hint: "Take that out of the declaration.",
    });
  const isFailing = fails === "always" || (typeof fails === "number" && nth <= fails);
  return isFailing ? new Error(`It is declared to fail at ${operation}.`) : undefined;
}
