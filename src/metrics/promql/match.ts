/**
 * Arithmetic and comparisons between vectors. Rows of both sides are put into groups by the labels they are matched on,
 * once. One side, the "one" side, may have a single sample per group and step; the other, the "many" side, may have more
 * only with group_left or group_right. Each row of the many side becomes a row of the result.
 */
import { type Labels, METRIC_NAME } from "../labels.ts";
import type { Binary, Matching } from "./ast.ts";
import { put } from "./binary.ts";
import type { Evaluation } from "./evaluation.ts";
import { ABSENT, type Grid, NUMBER } from "./grid.ts";
import { Grouping } from "./grouping.ts";
import { arithmeticOf, combineSamples, dropsName } from "./operators.ts";
import { quote } from "./text.ts";

interface Match {
  readonly evaluation: Evaluation;
  readonly node: Binary;
  readonly matching: Matching;
  readonly grouping: Grouping;
  readonly many: Grid;
  readonly one: Grid;
  readonly manyGroups: Int32Array;
  readonly oneGroups: Int32Array;
  /** The many side is the right one. */
  readonly swapped: boolean;
  readonly fillMany: number | undefined;
  readonly fillOne: number | undefined;
}

export function combineVectors(evaluation: Evaluation, node: Binary, left: Grid, right: Grid): Grid {
  const matching = node.matching as Matching;
  const swapped = matching.cardinality === "one-to-many";
  const [many, one] = swapped ? [right, left] : [left, right];
  const grouping = new Grouping(evaluation, matching.labels, !matching.on, [METRIC_NAME]);
  const match: Match = {
    evaluation,
    node,
    matching,
    grouping,
    many,
    one,
    manyGroups: grouping.groups(many).of,
    oneGroups: grouping.groups(one).of,
    swapped,
    // As in Prometheus, which puts the many side to the left first: fill_left is for the many side also of group_right.
    fillMany: matching.fillLeft,
    fillOne: matching.fillRight,
  };
  return new Matcher(match, partnersOf(match)).result();
}

const NONE = -1;
/** The row depends on the step. */
const SEVERAL = -2;

interface Partners {
  /** By group: the row of the one side, NONE or SEVERAL. */
  readonly row: Int32Array;
  /** For groups of several: the row by step. */
  readonly byStep: ReadonlyMap<number, Int32Array>;
}

/** Refuses two samples of the one side in a group at a step. */
function partnersOf(match: Match): Partners {
  const { one, oneGroups, grouping } = match;
  const row = new Int32Array(grouping.count).fill(NONE);
  const byStep = new Map<number, Int32Array>();
  for (let at = 0; at < one.rows; at++) {
    const group = oneGroups[at] as number;
    const known = row[group] as number;
    if (known === NONE) {
      row[group] = at;
      continue;
    }
    let steps = byStep.get(group);
    if (steps === undefined) {
      byStep.set(group, (steps = new Int32Array(one.steps).fill(NONE)));
      row[group] = SEVERAL;
      claim(match, steps, known);
    }
    claim(match, steps, at);
  }
  return { row, byStep };
}

function claim(match: Match, steps: Int32Array, row: number): void {
  const { one, many, fillOne, fillMany } = match;
  for (let step = 0; step < one.steps; step++) {
    if (one.marks[row * one.steps + step] === ABSENT) continue;
    const known = steps[step] as number;
    // Where there is nothing at all on the many side, nothing is looked at.
    const matters = fillOne !== undefined || fillMany !== undefined || isPopulated(many, step);
    if (known !== NONE && matters) refuseDuplicate(match, known, row);
    steps[step] = row;
  }
}

function isPopulated({ rows, steps, marks }: Grid, step: number): boolean {
  for (let row = 0; row < rows; row++) if (marks[row * steps + step] !== ABSENT) return true;
  return false;
}

function refuseDuplicate(
  { evaluation, node, matching, grouping, one, swapped }: Match,
  first: number,
  second: number,
): never {
  const group = describe(grouping.labels(evaluation.labelsOf(one, first)));
  const rows = [first, second].map((row) => describe(evaluation.labelsOf(one, row))).sort();
  const side = swapped ? "left" : "right";
  return evaluation.fail(
    `found duplicate series for the match group ${group} on the ${side} hand-side of the operation: ` +
      `[${rows.join(", ")}];many-to-many matching not allowed: matching labels must be unique on one side`,
    node.place,
    {
      hint: `Aggregate that side by ${matching.on ? "the labels of on()" : "all labels that are not ignored"}, or match on more labels.`,
    },
  );
}

function describe(labels: Labels): string {
  return `{${[...labels].map(([name, value]) => `${name}=${quote(value)}`).join(", ")}}`;
}

/** Row of the result, row of the many side or NONE when filled, row of the one side, NONE when filled, or by step. */
interface Plan {
  readonly to: number;
  readonly many: number;
  readonly one: number;
  readonly byStep?: Int32Array;
  /** Where other rows of the left side are in the same group, and only one may meet a sample at a step. */
  readonly group?: number;
}

/** Builds the rows of the result. */
class Matcher {
  readonly #match: Match;
  readonly #partners: Partners;
  readonly #rows = new Map<string, number>();
  readonly #labels: Labels[] = [];
  readonly #dropped: number[] = [];
  readonly #plans: Plan[] = [];
  /** Groups and steps at which a sample of the left side has met one. */
  readonly #taken = new Set<number>();

  constructor(match: Match, partners: Partners) {
    this.#match = match;
    this.#partners = partners;
  }

  result(): Grid {
    this.#planMany();
    if (this.#match.fillMany !== undefined) this.#planUnmatched();
    const { evaluation, many } = this.#match;
    const result = evaluation.grid(this.#labels);
    for (const [row, dropped] of this.#dropped.entries()) result.dropped[row] = dropped;
    for (const [at, plan] of this.#plans.entries()) {
      if (at % 1024 === 1023) evaluation.checkDeadline();
      this.#fill(result, plan.to * many.steps, plan);
    }
    result.oneName = dropsName(this.#match.node) && !evaluation.delaysNameRemoval;
    return result;
  }

  #planMany(): void {
    const { many, manyGroups, fillOne } = this.#match;
    const isShared = this.#sharedGroups();
    for (let row = 0; row < many.rows; row++) {
      const group = manyGroups[row] as number;
      const one = this.#partners.row[group] as number;
      if (one === NONE && fillOne === undefined) continue;
      if (one !== SEVERAL || this.#match.matching.include.length === 0) {
        const to = this.#row(row, one === SEVERAL ? NONE : one);
        const byStep = this.#partners.byStep.get(group);
        const shared = isShared[group] === 1 ? { group } : {};
        this.#plans.push({ to, many: row, one, ...(byStep && { byStep }), ...shared });
      } else this.#planByStep(row, group);
    }
  }

  /** One-to-one: groups of several rows of the left side, of which only one may meet a sample at a step, whatever comes of it. */
  #sharedGroups(): Uint8Array {
    const { manyGroups, grouping, matching } = this.#match;
    const isShared = new Uint8Array(grouping.count);
    if (matching.cardinality !== "one-to-one") return isShared;
    const isKnown = new Uint8Array(grouping.count);
    for (const group of manyGroups) {
      if (isKnown[group] === 1) isShared[group] = 1;
      isKnown[group] = 1;
    }
    return isShared;
  }

  /** Labels taken over differ from step to step. */
  #planByStep(row: number, group: number): void {
    const byStep = this.#partners.byStep.get(group) as Int32Array;
    for (const one of new Set(byStep)) {
      if (one === NONE && this.#match.fillOne === undefined) continue;
      const steps = byStep.map((partner) => (partner === one ? partner : SEVERAL));
      this.#plans.push({ to: this.#row(row, one), many: row, one: SEVERAL, byStep: steps });
    }
  }

  /** Samples of the one side that nothing met. */
  #planUnmatched(): void {
    const { one, oneGroups, many, manyGroups, grouping } = this.#match;
    const { steps } = one;
    const met = new Uint8Array(grouping.count * steps);
    for (let row = 0; row < many.rows; row++)
      for (let step = 0; step < steps; step++)
        if (many.marks[row * steps + step] !== ABSENT) met[(manyGroups[row] as number) * steps + step] = 1;
    for (let row = 0; row < one.rows; row++) {
      const group = oneGroups[row] as number;
      const byStep = new Int32Array(steps).fill(SEVERAL);
      for (let step = 0; step < steps; step++)
        if (one.marks[row * steps + step] !== ABSENT && met[group * steps + step] === 0) byStep[step] = row;
      if (byStep.every((partner) => partner === SEVERAL)) continue;
      this.#plans.push({ to: this.#filledRow(row), many: NONE, one: SEVERAL, byStep });
    }
  }

  #filledRow(one: number): number {
    const { evaluation, grouping } = this.#match;
    return this.#rowOf(grouping.labels(evaluation.labelsOf(this.#match.one, one)), 0);
  }

  #row(many: number, one: number): number {
    const { evaluation, node, matching } = this.#match;
    const grid = this.#match.many;
    let labels = evaluation.labelsOf(grid, many);
    let dropped = grid.dropped[many] as number;
    if (dropsName(node)) {
      if (evaluation.delaysNameRemoval) dropped = 1;
      else labels = evaluation.nameless(labels);
    }
    if (matching.cardinality === "one-to-one") {
      const kept = new Set(matching.labels);
      if (matching.on) {
        labels = labels.keep(evaluation.delaysNameRemoval && dropped === 1 ? kept.add(METRIC_NAME) : kept);
      } else if (kept.size > 0) labels = labels.drop(kept);
    }
    if (matching.include.length > 0 && one >= 0) {
      const from = evaluation.labelsOf(this.#match.one, one);
      labels = labels.with(Object.fromEntries(matching.include.map((name) => [name, from.get(name)])));
    }
    return this.#rowOf(labels, dropped);
  }

  #rowOf(labels: Labels, dropped: number): number {
    let row = this.#rows.get(labels.key);
    if (row === undefined) {
      this.#rows.set(labels.key, (row = this.#labels.length));
      this.#labels.push(labels);
      this.#dropped.push(dropped);
    }
    return row;
  }

  #fill(result: Grid, first: number, plan: Plan): void {
    const { many, one, node, swapped, fillMany, fillOne, evaluation } = this.#match;
    const { steps } = many;
    const apply = this.#isPlain(plan) ? arithmeticOf(node.operator) : undefined;
    if (apply !== undefined) return this.#compute(result, first, plan.many * steps, plan.one * steps, apply);
    for (let step = 0; step < steps; step++) {
      const partner = plan.byStep === undefined ? plan.one : (plan.byStep[step] as number);
      if (partner === SEVERAL) continue;
      const left = plan.many === NONE ? fillMany : sampleAt(many, plan.many, step);
      const right = sampleAt(one, partner, step) ?? fillOne;
      if (left === undefined || right === undefined) continue;
      this.#claimGroup(plan, step);
      const [a, b] = swapped ? [right, left] : [left, right];
      const value = combineSamples(evaluation, node, a, b);
      if (value === undefined) continue;
      this.#claim(result, first + step);
      put(result, first + step, value);
    }
  }

  /** One row with one row, all floats. */
  #isPlain(plan: Plan): boolean {
    const { many, one, fillOne } = this.#match;
    if (plan.many < 0 || plan.one < 0 || fillOne !== undefined || plan.group !== undefined) return false;
    return many.histograms === undefined && one.histograms === undefined;
  }

  #compute(
    result: Grid,
    to: number,
    manyCell: number,
    oneCell: number,
    apply: (a: number, b: number) => number,
  ): void {
    const { many, one, swapped } = this.#match;
    for (let step = 0; step < many.steps; step++) {
      if (many.marks[manyCell + step] !== NUMBER || one.marks[oneCell + step] !== NUMBER) continue;
      const left = many.values[manyCell + step] as number;
      const right = one.values[oneCell + step] as number;
      this.#claim(result, to + step);
      result.values[to + step] = swapped ? apply(right, left) : apply(left, right);
      result.marks[to + step] = NUMBER;
    }
  }

  #claimGroup({ group }: Plan, step: number): void {
    if (group === undefined) return;
    const { evaluation, node, many } = this.#match;
    const cell = group * many.steps + step;
    if (this.#taken.has(cell))
      evaluation.fail(
        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
        node.place,
        { hint: "Add group_left() or group_right(), or match on more labels." },
      );
    this.#taken.add(cell);
  }

  #claim(result: Grid, cell: number): void {
    if (result.marks[cell] === ABSENT) return;
    const { evaluation, node } = this.#match;
    evaluation.fail("multiple matches for labels: grouping labels must ensure unique matches", node.place, {
      hint: "Take over fewer labels with group_left() or group_right(), so that results keep telling series apart.",
    });
  }
}

function sampleAt(grid: Grid, row: number, step: number): ReturnType<Grid["histogram"]> | number {
  if (row < 0) return undefined;
  const cell = row * grid.steps + step;
  if (grid.marks[cell] === ABSENT) return undefined;
  return grid.histogram(cell) ?? grid.number(cell);
}
