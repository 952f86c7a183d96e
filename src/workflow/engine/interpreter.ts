/**
 * Follows a definition: which step is next, with which input, and what a failure means. Knows nothing of journals, time or
 * handlers: it asks `perform` for the result of the step at a path. After a restart it is run again from the start; steps
 * whose result is recorded give it at once, so it arrives where it was. Everything it decides depends only on the
 * definition, the input and recorded results, never on which of them came first in this process.
 *
 * Paths: `load`, `fan[3].fetch` (item or branch), `poll#2` (second visit of a state), `pay!catch.refund`, `!finally.tidy`,
 * `pay!compensate`.
 */
import { failed } from "../run/events.ts";
import { matches } from "../run/failure.ts";
import type { Compensation, MapStep, ParallelStep, Scope, Step } from "../definition/workflow.ts";
import { StepFailure, Stopped } from "./failures.ts";
import type { Performed } from "./program.ts";
import { View } from "./values.ts";

export type TaskStep = Exclude<
  Step,
  { readonly type: "map" | "parallel" | "choice" | "pass" | "fail" | "succeed" }
>;

export interface Performer {
  /** Rejects with StepFailure, or with Stopped once `signal` is aborted and the step is over. `step` is resolved. */
  perform(path: string, step: TaskStep, signal: AbortSignal, cleanup?: boolean): Promise<Performed>;
}

/** Where the interpreter is. */
interface Place {
  readonly path: string;
  readonly view: View;
  readonly signal: AbortSignal;
  readonly cleanup: boolean;
  /** What must be undone when the scope fails, by the order in which it was done. */
  readonly undo: Undo[];
}

interface Undo {
  readonly path: string;
  readonly order: number;
  readonly compensation: Compensation;
  readonly view: View;
}

/** The result of a step; `next` is where a catch or choice goes on. */
interface Outcome {
  readonly result: unknown;
  readonly next?: string | undefined;
}

/** Clean-up is stopped by nothing but the end of the run. */
const never = new AbortController().signal;

export class Interpreter {
  readonly #performer: Performer;

  constructor(performer: Performer) {
    this.#performer = performer;
  }

  /** The scope's output. Rejects with StepFailure or Stopped, after what was done is undone and `finally` is done. */
  run(scope: Scope, view: View, signal: AbortSignal): Promise<unknown> {
    return this.#scope(scope, { path: "", view, signal, cleanup: false, undo: [] });
  }

  async #scope(scope: Scope, outer: Place): Promise<unknown> {
    const inner = new AbortController();
    const stop = (): void => inner.abort();
    if (outer.signal.aborted) stop();
    outer.signal.addEventListener("abort", stop, { once: true });
    const view = new View({}, outer.view);
    const place: Place = { ...outer, view, signal: inner.signal, undo: [] };
    try {
      const last =
        scope.start === undefined ? await this.#dag(scope, place, inner) : await this.#states(scope, place);
      const output = scope.output === undefined ? last : view.resolve(scope.output);
      outer.undo.push(...place.undo);
      return output;
    } catch (error) {
      await this.#compensate(place);
      throw error;
    } finally {
      outer.signal.removeEventListener("abort", stop);
      if (scope.finally !== undefined)
        await this.#scope(scope.finally, {
          ...place,
          path: `${outer.path}!finally.`,
          signal: never,
          cleanup: true,
        });
    }
  }

  async #compensate({ undo, cleanup }: Place): Promise<void> {
    if (cleanup) return;
    for (const { path, compensation, view } of undo.toSorted((one, other) => other.order - one.order)) {
      const step = view.resolve(compensation) as Compensation;
      await this.#performer.perform(`${path}!compensate`, step, never, true);
    }
  }

  /** Each step once its needs are done. The first to fail, in the order of the journal, is the failure of the scope. */
  async #dag(scope: Scope, place: Place, stop: AbortController): Promise<unknown> {
    const open = new Map<string, number>();
    const dependents = new Map<string, string[]>();
    for (const [name, step] of Object.entries(scope.steps)) {
      const needs = new Set("needs" in step ? step.needs : []);
      open.set(name, needs.size);
      for (const need of needs) {
        const list = dependents.get(need);
        if (list === undefined) dependents.set(need, [name]);
        else list.push(name);
      }
    }
    const failures: unknown[] = [];
    const run = async (name: string): Promise<void> => {
      try {
        const { result } = await this.#step(name, name, scope.steps[name] as Step, place);
        place.view.record(name, result);
      } catch (error) {
        failures.push(error);
        stop.abort();
        return;
      }
      const ready: string[] = [];
      for (const dependent of dependents.get(name) ?? []) {
        const left = (open.get(dependent) ?? 0) - 1;
        open.set(dependent, left);
        if (left === 0) ready.push(dependent);
      }
      if (ready.length > 0 && !place.signal.aborted) await Promise.all(ready.map(run));
    };
    await Promise.all([...open].filter(([, needs]) => needs === 0).map(([name]) => run(name)));
    if (failures.length > 0) throw firstOf(failures);
    if (place.signal.aborted) throw new Stopped();
    return place.view.results();
  }

  async #states(scope: Scope, place: Place): Promise<unknown> {
    const visits = new Map<string, number>();
    let result: unknown = null;
    for (let name = scope.start; name !== undefined;) {
      if (place.signal.aborted) throw new Stopped();
      const step: Step = scope.steps[name] as Step;
      const visit = (visits.get(name) ?? 0) + 1;
      visits.set(name, visit);
      const outcome: Outcome = await this.#step(visit === 1 ? name : `${name}#${visit}`, name, step, place);
      if (step.type !== "choice") {
        result = outcome.result;
        place.view.record(name, result);
      }
      name = outcome.next ?? ("next" in step ? step.next : undefined);
    }
    return result;
  }

  async #step(label: string, name: string, step: Step, place: Place): Promise<Outcome> {
    if ("when" in step && step.when !== undefined && !place.view.holds(step.when)) return { result: null };
    const path = place.path + label;
    try {
      return await this.#body(path, name, step, place);
    } catch (error) {
      if (!(error instanceof StepFailure) || !("catch" in step)) throw error;
      const clause = step.catch?.find(({ errors }) => matches(error.failure, errors));
      if (clause === undefined || place.signal.aborted) throw error;
      const view = new View({ error: error.failure }, place.view);
      const result =
        clause.do === undefined
          ? error.failure
          : await this.#scope(clause.do, { ...place, view, path: `${path}!catch.` });
      return { result, next: clause.next };
    }
  }

  async #body(path: string, name: string, step: Step, place: Place): Promise<Outcome> {
    const { view } = place;
    switch (step.type) {
      case "pass":
      case "succeed":
        return { result: view.resolve(step.output ?? null) };
      case "fail":
        throw new StepFailure(failed("Terminal", step.error, String(view.resolve(step.message ?? ""))));
      case "choice": {
        const next = step.choices.find(({ when }) => view.holds(when))?.next ?? step.default;
        if (next === undefined)
          throw new StepFailure(failed("Terminal", "NoChoice", `No choice of '${name}' holds.`));
        return { result: null, next };
      }
      case "map":
        return { result: await this.#map(path, step, place) };
      case "parallel":
        return { result: await this.#parallel(path, step, place) };
      default:
        return { result: await this.#task(path, name, step, place) };
    }
  }

  async #task(path: string, name: string, step: TaskStep, place: Place): Promise<unknown> {
    const { view, signal, cleanup, undo } = place;
    // What undoes the step, or runs when it fails, is resolved when that happens.
    const { compensate, catch: _catch, ...own } = step;
    const { result, order } = await this.#performer.perform(
      path,
      view.resolve(own) as TaskStep,
      signal,
      cleanup,
    );
    if (compensate !== undefined) {
      const seen = new View({}, view);
      seen.record(name, result);
      undo.push({ path, order, compensation: compensate, view: seen });
    }
    return result;
  }

  async #map(path: string, step: MapStep, place: Place): Promise<unknown> {
    const items = place.view.resolve(step.items);
    if (!Array.isArray(items))
      throw new StepFailure(failed("Terminal", "NotAList", "The items of a map must be a list."));
    return this.#fanOut(items.length, step.concurrency, step.tolerated ?? 0, place, (index, inner) => {
      const view = new View({ item: items[index] as unknown, index }, place.view);
      return this.#scope(step.body, { ...inner, view, path: `${path}[${index}].` });
    });
  }

  #parallel(path: string, step: ParallelStep, place: Place): Promise<unknown> {
    return this.#fanOut(step.branches.length, step.concurrency, 0, place, (index, inner) =>
      this.#scope(step.branches[index] as Scope, { ...inner, path: `${path}[${index}].` }),
    );
  }

  async #fanOut(
    count: number,
    concurrency = count,
    tolerated: number,
    place: Place,
    one: (index: number, inner: Place) => Promise<unknown>,
  ): Promise<unknown> {
    const stop = new AbortController();
    const forward = (): void => stop.abort();
    place.signal.addEventListener("abort", forward, { once: true });
    if (place.signal.aborted) forward();
    const results: unknown[] = Array.from({ length: count }, () => null);
    const failures: unknown[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < count && !stop.signal.aborted) {
        const index = next++;
        try {
          results[index] = await one(index, { ...place, signal: stop.signal });
        } catch (error) {
          failures.push(error);
          if (failures.length > tolerated || !(error instanceof StepFailure)) stop.abort();
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, count) }, work));
    place.signal.removeEventListener("abort", forward);
    if (place.signal.aborted) throw new Stopped();
    if (failures.length > tolerated) throw firstOf(failures);
    return results;
  }
}

/** Faults of ours before failures of steps, those before being stopped by them. */
function firstOf(failures: readonly unknown[]): unknown {
  const fault = failures.find((error) => !(error instanceof StepFailure) && !(error instanceof Stopped));
  if (fault !== undefined) return fault;
  const own = failures.filter((error) => error instanceof StepFailure);
  return own.length === 0 ? failures[0] : own.reduce((first, one) => (one.order < first.order ? one : first));
}
