/**
 * Asks providers, while a plan is made, what would come of what is to be made or changed: what has to be made anew, and what
 * else will be different (`Provider.plan`).
 *
 *     plan --what is made or changed--> expected specs --providers--> foreseen --planned again--> plan ... until nothing new is asked
 *
 *  - What a provider has to make anew puts out something else, so who refers to it is asked again.
 *  - Its answers are an input of the plan and recorded with it: carrying it out asks nobody again (I7).
 *  - Changes nothing, and always ends: each provider has its time (bounded.ts), a silent one is one warning.
 */
import { desiredOf } from "../controller/desired.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { equal } from "../model/equality.ts";
import { type Draft, type Resource, addressOf, keyOf } from "../model/resource.ts";
import { expectedSpecs } from "../planner/expected.ts";
import type { Foresee, Foresight } from "../planner/foreseen.ts";
import type { Plan, Step } from "../planner/plan.ts";
import {
  type Expectation,
  type Foreseen,
  type Provider,
  type ProviderContext,
  TerminalError,
  UNKNOWN,
} from "../provider/provider.ts";
import type { Snapshot } from "../store/store.ts";
import { asked } from "./bounded.ts";
import { type PreflightParts, folderOf, providerOf, resolvedSpec, whomOf } from "./preflight.ts";

export type ForesightParts = Omit<PreflightParts, "context" | "store"> & {
  readonly store: Snapshot;
  readonly context: Omit<ProviderContext, "signal">;
};

/** What is asked about: adopted things stay as they are, and of what is unknown nothing is planned yet. */
const ASKED: ReadonlySet<Step["action"]> = new Set(["create", "update", "replace"]);

interface Answer {
  readonly spec: unknown;
  readonly current: unknown;
  readonly foreseen?: Foreseen;
  readonly problem?: Diagnostic;
}

export async function foresee(
  [first, again]: Parameters<Foresee>,
  parts: ForesightParts,
): Promise<Foresight> {
  const answers = new Map<string, Answer>();
  // Each round asks only about what the one before has changed, and what is to be made anew stays so.
  for (let plan = first; ;) {
    const questions = questionsOf(plan, parts).filter(({ address, expected }) => {
      const known = answers.get(address);
      return known === undefined || !isSame(known, expected);
    });
    if (questions.length === 0) return foresightOf(answers);
    const found = await Promise.all(questions.map((question) => answerTo(question, parts)));
    for (const [index, { address }] of questions.entries())
      answers.set(address, sticking(found[index] as Answer, answers.get(address)));
    const { foreseen } = foresightOf(answers);
    if (Object.keys(foreseen).length === 0) return foresightOf(answers);
    plan = again(foreseen);
  }
}

/** Once anew, always anew: otherwise two that depend on each other's answers would be asked for ever. */
function sticking(answer: Answer, before: Answer | undefined): Answer {
  const { replaceBecause = [] } = before?.foreseen ?? {};
  if (replaceBecause.length === 0) return answer;
  const paths = new Set([...replaceBecause, ...(answer.foreseen?.replaceBecause ?? [])]);
  return { ...answer, foreseen: { ...answer.foreseen, replaceBecause: [...paths] } };
}

interface Question {
  readonly address: string;
  readonly provider: Provider;
  readonly whom: string;
  readonly expected: Expectation;
}

function questionsOf(plan: Plan, parts: ForesightParts): readonly Question[] {
  const steps = plan.steps.filter(({ action }) => ASKED.has(action));
  if (steps.length === 0) return [];
  const changing = new Map(steps.map((step) => [step.address, step]));
  const found = plan.resources.flatMap((draft) => {
    const step = changing.get(addressOf(draft));
    const provider = step === undefined ? undefined : planning(draft, parts);
    return step === undefined || provider === undefined ? [] : [{ draft, step, provider }];
  });
  if (found.length === 0) return [];
  const { store, resolver } = parts;
  const specOf = expectedSpecs(plan, store, (draft) => resolvedSpec(draft, plan.namespace, resolver));
  const folder = folderOf(plan);
  return found.map(({ draft, step, provider }) => {
    const { address, namespace, name } = step;
    const expected = { namespace, name, folder, spec: specOf(draft), ...currentOf(draft, step, parts) };
    const spec = (draft.spec ?? {}) as Readonly<Record<string, unknown>>;
    return { address, provider, whom: whomOf(draft.kind, provider, spec), expected };
  });
}

/** Undefined for what no provider plans; that there is no such class is told by the preflight. */
function planning({ kind, spec }: Draft, { classes }: ForesightParts): Provider | undefined {
  if (kind === "Service") return undefined;
  try {
    const provider = providerOf(kind, (spec ?? {}) as Readonly<Record<string, unknown>>, classes);
    return provider !== undefined && "plan" in provider ? (provider as Provider) : undefined;
  } catch (error) {
    if (error instanceof TerminalError) return undefined;
    throw error;
  }
}

function currentOf(draft: Draft, step: Step, { store }: ForesightParts): Pick<Expectation, "current"> {
  const replaced = step.action === "replace" && step.replaceRequested === true;
  if (step.action === "create" || replaced) return {};
  const name = step.movedFrom?.split("/")[1] ?? step.name;
  const live = store.get({ ...keyOf(draft), namespace: step.namespace, name }) as
    | Resource<unknown, { readonly made?: unknown } | undefined>
    | undefined;
  const made = live?.status?.made;
  return live === undefined || made === undefined ? {} : { current: desiredOf(live, made) };
}

async function answerTo(question: Question, { context }: ForesightParts): Promise<Answer> {
  const { provider, expected, whom, address } = question;
  const seen = { spec: expected.spec, current: expected.current?.spec };
  const reply = await asked<Foreseen>({
    whom,
    what: "what would come of it",
    ask: async (signal) => (await provider.plan?.(expected, { ...context, signal })) ?? {},
    isSound: isForeseen,
    clock: context.clock,
    patience: provider.patience,
  });
  if ("answer" in reply) return { ...seen, foreseen: reply.answer };
  const { problem } = reply;
  return { ...seen, problem: problem.severity === "error" ? { ...problem, address } : problem };
}

function isSame(known: Answer, { spec, current }: Expectation): boolean {
  return equal(plain(known.spec), plain(spec)) && equal(known.current, current?.spec);
}

/** The mark for what is unknown is no JSON. */
function plain(value: unknown): unknown {
  if (value === UNKNOWN) return { unknown: true };
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}

function foresightOf(answers: ReadonlyMap<string, Answer>): Foresight {
  const all = [...answers].toSorted(([left], [right]) => (left < right ? -1 : 1));
  const foreseen = all.filter(([, answer]) => answer.foreseen !== undefined && saysAnything(answer.foreseen));
  const remarks = all.flatMap(([address, answer]) =>
    (answer.foreseen?.remarks ?? []).map((message): Diagnostic => ({
      severity: "warning",
      code: "ProviderRemark",
      address,
      message,
    })),
  );
  const problems = all.flatMap(([, { problem }]) => (problem === undefined ? [] : [problem]));
  const silent = new Map(
    problems.filter(({ severity }) => severity !== "error").map((one) => [one.message, one]),
  );
  const errors = problems.filter(({ severity }) => severity === "error");
  return {
    foreseen: Object.fromEntries(foreseen.map(([address, answer]) => [address, answer.foreseen as Foreseen])),
    diagnostics: [...errors, ...remarks, ...silent.values()],
  };
}

function saysAnything({ replaceBecause = [], changes = [] }: Foreseen): boolean {
  return replaceBecause.length > 0 || changes.length > 0;
}

function isForeseen(answer: unknown): boolean {
  if (typeof answer !== "object" || answer === null) return false;
  const { replaceBecause = [], changes = [], remarks = [] } = answer as Record<string, unknown>;
  const isText = (one: unknown): boolean => typeof one === "string";
  return (
    Array.isArray(replaceBecause) &&
    replaceBecause.every(isText) &&
    Array.isArray(remarks) &&
    remarks.every(isText) &&
    Array.isArray(changes) &&
    changes.every((one: unknown) => isText((one as { path?: unknown } | null)?.path))
  );
}
