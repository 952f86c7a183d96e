/** What a provider answers is checked before anything of it is recorded: a provider may be anybody's program. */
import { type Observation, type Provider, TerminalError } from "../../provider/provider.ts";

const DEEPEST = 64;
/** Values in all outputs together. */
const MOST = 100_000;

/** Written here; no output can be called so. */
export const OWN: ReadonlySet<string> = new Set([
  "conditions",
  "observedGeneration",
  "made",
  "replaced",
  "retried",
  "incarnation",
  "former",
  "attempt",
  "drift",
  "setBack",
  "reverted",
]);

/** Refuses with TerminalError ProviderAnsweredGarbage. */
export function checkedObservation(provider: Provider, answer: unknown): Observation {
  const problem = problemOf(answer);
  if (problem !== undefined) throw garbage(provider, problem);
  return answer as Observation;
}

/** What was kept, as `remove` tells it. */
export function checkedPhrases(provider: Provider, answer: unknown): readonly string[] {
  if (!Array.isArray(answer) || !answer.every((phrase) => typeof phrase === "string"))
    throw garbage(provider, `what was kept is ${nameOf(answer)}, not a list of texts`);
  return answer;
}

function problemOf(answer: unknown): string | undefined {
  if (!isObject(answer)) return `the answer is ${nameOf(answer)}, not an object`;
  const { outputs, actual } = answer;
  if (!isObject(outputs)) return `'outputs' is ${nameOf(outputs)}, not an object`;
  const own = Object.keys(outputs).find((name) => OWN.has(name));
  if (own !== undefined) return `there is an output '${own}', which is a name of the control plane's own`;
  const left = { values: MOST };
  return (
    memberProblem(answer) ??
    jsonProblem(outputs, "outputs", 0, left) ??
    (actual === undefined ? undefined : jsonProblem(actual, "actual", 0, left))
  );
}

function memberProblem(answer: Readonly<Record<string, unknown>>): string | undefined {
  const { ready, message, lookAfter, actual } = answer;
  if (typeof ready !== "boolean") return `'ready' is ${nameOf(ready)}, not true or false`;
  if (message !== undefined && typeof message !== "string")
    return `'message' is ${nameOf(message)}, not a text`;
  if (lookAfter !== undefined && !(typeof lookAfter === "number" && lookAfter >= 0))
    return `'lookAfter' is ${nameOf(lookAfter)}, not a number of milliseconds`;
  if (actual !== undefined && !isObject(actual)) return `'actual' is ${nameOf(actual)}, not an object`;
  return undefined;
}

const PLAIN: ReadonlySet<string> = new Set(["undefined", "string", "boolean"]);

/** What JSON cannot say could not be stored, or would come back as something else. */
function jsonProblem(
  value: unknown,
  path: string,
  depth: number,
  left: { values: number },
): string | undefined {
  left.values -= 1;
  if (left.values < 0) return `it holds more than ${MOST} values`;
  if (value === null || PLAIN.has(typeof value) || Number.isFinite(value)) return undefined;
  if (!Array.isArray(value) && !isObject(value))
    return `'${path}' is ${nameOf(value)}, which JSON cannot say`;
  if (depth === DEEPEST) return `'${path.slice(0, 80)}...' is nested more than ${DEEPEST} deep`;
  for (const [name, member] of Object.entries(value)) {
    const problem = jsonProblem(member, `${path}.${name}`, depth + 1, left);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !Object.hasOwn(value, "__proto__");
}

/** Never the value itself: nobody knows what is in it. */
function nameOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object of another sort";
  if (typeof value === "number") return Number.isFinite(value) ? "a number" : String(value);
  return `a ${typeof value}`;
}

function garbage(provider: Provider, problem: string): TerminalError {
  return new TerminalError({
    code: "ProviderAnsweredGarbage",
    message: `The class '${provider.class}' of ${provider.kind} gave an answer that means nothing: ${problem}. Nothing of it is recorded.`,
    hint: "This is a fault of the provider; it is asked again now and then.",
  });
}
