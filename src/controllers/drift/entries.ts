/**
 * From what a provider read back to what a status says of it: which places differ, since when, what is done about each.
 *
 *   made, actual --compare--> differences --policy (answer.ts), noise (noise.ts)--> entries
 */
import type { DriftEntry, DriftStatus, SetBack } from "../../controller/drift.ts";
import { kindNamed } from "../../kinds/registry.ts";
import { bodySchema } from "../../kinds/schema.ts";
import { canonicalJson, equal } from "../../model/equality.ts";
import type { Resource } from "../../model/resource.ts";
import { type Keyring, containsSealed } from "../../model/sealed.ts";
import type { Desired, Observation, Provider, ProviderContext } from "../../provider/provider.ts";
import { answerOf, isAsked, revertRequestOf } from "./answer.ts";
import { type Difference, type Step, compare, isMembers, valueAtSteps } from "./compare.ts";
import { type Occurrence, countOf, isLeft } from "./noise.ts";

const MASK = "(secret)";

/** How one thing is found. */
export interface Findings {
  readonly isGone: boolean;
  readonly differences: readonly Difference[];
}

export interface Judged {
  readonly entry: DriftEntry;
  readonly steps: readonly Step[];
  /** With the values open; of a secret, digests. */
  readonly occurrence: Occurrence;
  /** As found, to be ensured where it is not set back. Sealed where it came sealed. */
  readonly actual: unknown;
  readonly count: SetBack | undefined;
  /** It is to be set back, but came back too often for that to be tried now. */
  readonly isLeft: boolean;
}

/** Asks the provider. Rejects as it does, and with an Error when it answers with what is no observation. */
export async function inspect(
  provider: Provider,
  desired: Desired,
  context: ProviderContext,
): Promise<Findings> {
  const observation: unknown = await provider.observe(desired, context);
  if (observation === undefined) return { isGone: true, differences: [] };
  const actual = actualIn(observation, desired);
  if (actual === undefined) return { isGone: false, differences: [] };
  const kind = kindNamed(desired.identity.kind);
  const differences = compare(context.keyring.openAll(desired.spec), context.keyring.openAll(actual), {
    kind: desired.identity.kind,
    name: desired.identity.name,
    schema: kind === undefined ? undefined : bodySchema(kind),
  });
  return {
    isGone: false,
    differences: differences.map((one) => resealed(one, desired.spec, actual)),
  };
}

/** A value that came sealed stays so. */
function resealed(one: Difference, made: unknown, actual: unknown): Difference {
  const left = valueAtSteps(made, one.steps);
  const right = valueAtSteps(actual, one.steps);
  if (!containsSealed(left) && !containsSealed(right)) return one;
  return {
    ...one,
    ...(one.expected === undefined ? {} : { expected: left }),
    ...(one.actual === undefined ? {} : { actual: right }),
    secret: true,
  };
}

/** What `inspect` resolves with. */
export function isFindings(value: unknown): value is Findings {
  return isMembers(value) && typeof value["isGone"] === "boolean" && Array.isArray(value["differences"]);
}

function actualIn(observation: unknown, { identity }: Desired): unknown {
  const { ready, outputs, actual } = (observation ?? {}) as Partial<Observation>;
  const isPlain = actual === undefined || (isMembers(actual) && isJson(actual));
  if (typeof ready === "boolean" && isMembers(outputs) && isPlain) return actual;
  throw new Error(`What the provider says of ${identity.kind} '${identity.name}' is no observation.`);
}

function isJson(value: unknown): boolean {
  try {
    JSON.stringify(value);
    return true;
  } catch {
    return false;
  }
}

/** What becomes of each difference; those that are ignored are left out, with how to keep them. */
export function judge(
  resource: Resource,
  { isGone, differences }: Findings,
  { keyring, now }: { readonly keyring: Keyring; readonly now: number },
): { readonly judged: readonly Judged[]; readonly ignored: readonly Difference[] } {
  const status = (resource.status ?? {}) as DriftStatus;
  const before = status.drift ?? [];
  if (isGone) return { judged: [gone(before, now)], ignored: [] };
  const ignored: Difference[] = [];
  const judged: Judged[] = [];
  for (const difference of differences) {
    const { answer, until } = answerOf(resource, difference.path, now);
    if (answer === "ignore") {
      ignored.push(difference);
      continue;
    }
    const occurrence = occurrenceOf(difference, keyring);
    const count = countOf(status.setBack, occurrence);
    const shown = shownOf(difference);
    const known = before.find((one) => one.path === difference.path && equal(one.actual, shown.actual));
    const entry: DriftEntry = {
      path: difference.path,
      ...shown,
      since: known?.since ?? new Date(now).toISOString(),
      answer,
      ...(until === undefined ? {} : { until }),
    };
    const isForced = isAsked(revertRequestOf(resource), difference.path);
    judged.push({
      entry,
      steps: difference.steps,
      occurrence,
      actual: difference.actual,
      count,
      isLeft: answer === "revert" && !isForced && isLeft(count, now),
    });
  }
  return { judged, ignored };
}

function gone(before: readonly DriftEntry[], now: number): Judged {
  const since = before.find(({ path }) => path === "")?.since ?? new Date(now).toISOString();
  return {
    entry: { path: "", since, answer: "revert" },
    steps: [],
    occurrence: { path: "" },
    actual: undefined,
    count: undefined,
    isLeft: false,
  };
}

function shownOf({
  expected,
  actual,
  secret,
}: Difference): Pick<DriftEntry, "expected" | "actual" | "secret"> {
  if (secret)
    return {
      ...(expected === undefined ? {} : { expected: MASK }),
      ...(actual === undefined ? {} : { actual: MASK }),
      secret,
    };
  return { ...(expected === undefined ? {} : { expected }), ...(actual === undefined ? {} : { actual }) };
}

/** What tells one occurrence from another goes into the status as a digest: of a secret, one that only the key can make. */
function occurrenceOf({ path, expected, actual, secret }: Difference, keyring: Keyring): Occurrence {
  if (!secret) return { path, expected, actual };
  return { path, actual: keyring.derive(`drift ${canonicalJson([path, expected ?? null, actual ?? null])}`) };
}
