/**
 * Follows a definition: which step is next, with which input, and what a failure means. Knows nothing of journals, time or
 * handlers: it asks `perform` for the result of the step at a path. After a restart it is run again from the start; steps
 * whose result is recorded give it at once, so it arrives where it was. Everything it decides depends only on the
 * definition, the input and recorded results, never on which of them came first in this process.
 *
 * Paths: `load`, `fan[3].fetch` (item or branch), `poll#2` (second visit of a state), `pay!catch.refund`, `!finally.tidy`,
 * `pay!compensate`, `fan!items`, `ask!token.mail`.
 */
import { failed } from "../run/events.ts";
import { type Failure, matches } from "../run/failure.ts";
import type {
  Compensation,
  ItemSource,
  MapStep,
  ParallelStep,
  Scope,
  Step,
  WaitStep,
} from "../definition/workflow.ts";
import { StepFailure, Stopped, firstOf, isFault } from "./failures.ts";
import type { RecordedItems } from "../items/item-file.ts";
import { FanOut } from "./fan-out.ts";
import { type Items, filed, listed, toleratedOf } from "./items.ts";
import { onAbort } from "./on-abort.ts";
import type { Notes, Performed } from "./program.ts";
import { NOTHING, View, holdsExpression } from "./values.ts";
import { tokenOf } from "./token.ts";
import { Walk, type WalkNote } from "./walk.ts";

export type TaskStep = Exclude<
  Step,
  { readonly type: "map" | "parallel" | "choice" | "pass" | "fail" | "succeed" }
>;

export interface Performer {
  /** Rejects with StepFailure, or with Stopped once `signal` is aborted and the step is over. `step` is resolved. */
  perform(path: string, step: TaskStep, signal: AbortSignal, cleanup?: boolean): Promise<Performed>;
  readonly notes?: Notes;
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
    const whole = new View({ error: null }, view);
    return this.#scope(scope, { path: "", view: whole, signal, cleanup: false, undo: [] });
  }

  async #scope(scope: Scope, outer: Place): Promise<unknown> {
    // Only what goes on side by side has to be stopped by what fails beside it.
    const stop = isSideBySide(scope) ? new AbortController() : undefined;
    const unfollow = stop && onAbort(outer.signal, () => stop.abort());
    const view = new View(NOTHING, outer.view);
    const place: Place = { ...outer, view, signal: stop?.signal ?? outer.signal, undo: [] };
    try {
      const output = await this.#outputOf(scope, place, stop).catch(async (error: unknown) => {
        if (isFault(error)) throw error;
        const last = (await this.#compensate(place)) ?? error;
        await this.#tidyFailed(scope, { ...place, view: new View({ error: failureIn(last) }, view) }, outer);
        throw last;
      });
      if (place.undo.length > 0) outer.undo.push(...place.undo);
      await this.#tidy(scope, place, outer);
      return output;
    } finally {
      unfollow?.();
    }
  }

  async #outputOf(scope: Scope, place: Place, stop: AbortController | undefined): Promise<unknown> {
    const last = await (scope.start === undefined
      ? this.#dag(scope, place, stop)
      : this.#states(scope, place));
    return scope.output === undefined ? last : place.view.resolve(scope.output);
  }

  async #tidy({ finally: last }: Scope, place: Place, outer: Place): Promise<void> {
    if (last === undefined) return;
    const path = `${outer.path}!finally.`;
    await this.#scope(last, { ...place, path, signal: never, cleanup: true });
  }

  /** A clean-up that fails as well does not hide why it came to that. */
  async #tidyFailed(scope: Scope, place: Place, outer: Place): Promise<void> {
    try {
      await this.#tidy(scope, place, outer);
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error;
    }
  }

  /** All of it, though one fails: the first failure, of what stays as it is and needs a person. */
  async #compensate({ undo, cleanup }: Place): Promise<unknown> {
    if (cleanup) return undefined;
    let first: unknown;
    for (const { path, compensation, view } of undo.toSorted((one, other) => other.order - one.order)) {
      try {
        const step = {
          ...(view.resolve(compensation) as Compensation),
          ...fixedOf(compensation),
        } as TaskStep;
        await this.#performer.perform(`${path}!compensate`, step, never, true);
      } catch (error) {
        if (!(error instanceof StepFailure)) throw error;
        first ??= error;
      }
    }
    return first;
  }

  /** Each step once its needs are done. The first to fail, in the order of the journal, is the failure of the scope. */
  async #dag(scope: Scope, place: Place, stop: AbortController | undefined): Promise<unknown> {
    const [first = "", ...others] = Object.keys(scope.steps);
    if (others.length === 0) return this.#only(first, scope, place);
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
        if (isFault(error)) throw error;
        failures.push(error);
        stop?.abort();
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

  /** Of a map there may be very many. */
  async #only(name: string, scope: Scope, place: Place): Promise<unknown> {
    const { result } = await this.#step(name, name, scope.steps[name] as Step, place);
    if (place.signal.aborted) throw new Stopped();
    place.view.record(name, result);
    return place.view.results();
  }

  async #states(scope: Scope, place: Place): Promise<unknown> {
    const walk = await this.#walk(scope, place);
    for (let name = walk.next; name !== undefined; name = walk.next) {
      if (place.signal.aborted) throw new Stopped();
      const step: Step = scope.steps[name] as Step;
      const outcome: Outcome = await this.#step(walk.visit(name), name, step, place);
      if (step.type !== "choice") {
        walk.result = outcome.result;
        place.view.record(name, outcome.result);
      }
      walk.next = outcome.next ?? ("next" in step ? step.next : undefined);
      if (walk.isNotable && this.#mayForget(place))
        await this.#performer.notes?.note(place.path, walk.note(place.view.results()));
    }
    return walk.result;
  }

  /** From where it was noted last. */
  async #walk(scope: Scope, { path, view }: Place): Promise<Walk> {
    const known = (await this.#performer.notes?.noted(path)) as WalkNote | undefined;
    for (const [name, result] of Object.entries(known?.results ?? {})) view.record(name, result);
    return new Walk(scope.start, known);
  }

  /** What may have to be undone is not forgotten. */
  #mayForget({ undo }: Place): boolean {
    return undo.length === 0 && this.#performer.notes?.isLarge() === true;
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
    if (step.type === "wait" && step.token !== undefined) return this.#callback(path, name, step, place);
    const { view, signal, cleanup, undo } = place;
    const { own, isFixed, compensate } = preparedOf(step);
    const resolved = isFixed ? own : ({ ...(view.resolve(own) as TaskStep), ...fixedOf(step) } as TaskStep);
    const { result, order } = await this.#performer.perform(path, resolved, signal, cleanup);
    if (compensate !== undefined) {
      const seen = new View({}, view);
      seen.record(name, result);
      undo.push({ path, order, compensation: compensate, view: seen });
    }
    return result;
  }

  /** Steps hand a token over; then the signal of that name is waited for. */
  async #callback(path: string, name: string, step: WaitStep, place: Place): Promise<unknown> {
    const { token: handOver, ...waiting } = step;
    const token = tokenOf(String(place.view.resolve("${run.id}")), path);
    if (handOver !== undefined) {
      const view = new View({ token }, place.view);
      await this.#scope(handOver, { ...place, view, path: `${path}!token.` });
    }
    return this.#task(path, name, { ...waiting, signal: token }, place);
  }

  async #map(path: string, step: MapStep, place: Place): Promise<unknown> {
    const items = await this.#itemsOf(path, step, place);
    const { batch } = step;
    const count = Math.ceil(items.count / (batch ?? 1));
    const concurrency = step.concurrency ?? items.concurrency;
    try {
      return await this.#fanOut(path, count, concurrency, toleratedOf(step, count), place, (index, inner) => {
        const first = index * (batch ?? 1);
        const begin = (read: readonly unknown[]): Promise<unknown> => {
          const item: unknown = batch === undefined ? read[0] : read;
          const view = new View({ item, index: first }, place.view);
          return this.#scope(step.body, { ...inner, view, path: `${path}[${index}].` });
        };
        const read = items.read(first, batch ?? 1);
        return read instanceof Promise ? read.then(begin) : begin(read);
      });
    } finally {
      await items.close?.();
    }
  }

  async #itemsOf(path: string, { items, itemsFrom }: MapStep, place: Place): Promise<Items> {
    if (itemsFrom === undefined) return listed(place.view.resolve(items));
    const step = { type: "items", ...(place.view.resolve(itemsFrom) as ItemSource) } as const;
    const { result } = await this.#performer.perform(`${path}!items`, step, place.signal, place.cleanup);
    return filed(result as RecordedItems);
  }

  #parallel(path: string, step: ParallelStep, place: Place): Promise<unknown> {
    return this.#fanOut(path, step.branches.length, step.concurrency, 0, place, (index, inner) =>
      this.#scope(step.branches[index] as Scope, { ...inner, path: `${path}[${index}].` }),
    );
  }

  async #fanOut(
    path: string,
    count: number,
    concurrency = count,
    tolerated: number,
    place: Place,
    one: (index: number, inner: Place) => Promise<unknown>,
  ): Promise<unknown> {
    const stop = new AbortController();
    const unfollow = onAbort(place.signal, () => stop.abort());
    const inner = { ...place, signal: stop.signal };
    const items = new FanOut(path, count, this.#performer.notes);
    await items.recall();
    const work = async (): Promise<void> => {
      for (let index = items.next(); index !== undefined && !stop.signal.aborted; index = items.next()) {
        try {
          items.succeeded(index, await one(index, inner));
        } catch (error) {
          if (isFault(error)) throw error;
          items.failed(index, error);
          if (items.failures.length > tolerated || !(error instanceof StepFailure)) stop.abort();
        }
        if (items.isNotable(index) && this.#mayForget(place)) await items.note(index);
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, count) }, work));
    unfollow();
    if (place.signal.aborted) throw new Stopped();
    if (items.failures.length > tolerated) throw firstOf(items.failures);
    return items.results;
  }
}

/** What a finally reads as `error`. */
function failureIn(error: unknown): Failure {
  return error instanceof StepFailure ? error.failure : failed("Cancelled", "Cancelled", "It was cancelled.");
}

function isSideBySide({ start, steps }: Scope): boolean {
  if (start !== undefined) return false;
  let count = 0;
  for (const _name in steps) if (++count > 1) return true;
  return false;
}

/** A task of a definition, looked at once. */
interface Prepared {
  /** Without what undoes it, or runs when it fails: that is resolved when it happens. */
  readonly own: TaskStep;
  /** There is nothing to resolve. */
  readonly isFixed: boolean;
  readonly compensate: Compensation | undefined;
}

const prepared = new WeakMap<TaskStep, Prepared>();

function preparedOf(step: TaskStep): Prepared {
  const known = prepared.get(step);
  if (known !== undefined) return known;
  const { compensate, catch: _catch, ...own } = step;
  const made = { own, isFixed: !holdsExpression(own), compensate };
  prepared.set(step, made);
  return made;
}

/** A schema is not resolved, and remains the one that was compiled. */
function fixedOf({ result }: Pick<TaskStep, "result">): Pick<TaskStep, "result"> {
  return result === undefined ? {} : { result };
}
