/**
 * info() (experimental): gives each series the data labels of the info series (`target_info` when none are named) that
 * have the same identifying labels, `instance` and `job`, at the same time.
 *
 * Info series are looked at when the samples of the operand are, so `@` and `offset` of its first selector apply to them.
 * Of several info series of one name and identity the one with the latest sample counts. Labels that a series has already
 * stay as they are. A series that is itself one of the info series is answered as it is.
 *
 * Source: Prometheus' docs, querying/functions, "info()".
 */
import { type Labels, METRIC_NAME } from "../labels.ts";
import { type Matcher, matcher } from "../matcher.ts";
import type { Call, Expression, Shift, VectorSelector } from "./ast.ts";
import type { Evaluation } from "./evaluation.ts";
import { ABSENT, type Grid, HISTOGRAM_CELL } from "./grid.ts";
import { argument, bare, type VectorFunction } from "./interpreter.ts";
import { lookAt, selectInstant } from "./select.ts";

const IDENTIFYING = ["instance", "job"] as const;

/** What the second argument says. */
interface Wanted {
  readonly names: readonly Matcher[];
  readonly labels: readonly Matcher[];
  /** Only these are added; all when undefined. */
  readonly labelNames: ReadonlySet<string> | undefined;
  /** Samples without a fitting info series are left out. */
  readonly required: boolean;
}

export const info: VectorFunction = (evaluation, call, run) => {
  const base = run.vector(evaluation, argument(call, 0));
  const wanted = wantedOf(call);
  const sources = new Sources(evaluation, call, wanted);
  const rows: { labels: Labels; dropped: number; cells: [number, number][] }[] = [];
  for (let row = 0; row < base.rows; row++) {
    const labels = base.labels[row] as Labels;
    const isSource = isInfo(evaluation.labelsOf(base, row), wanted);
    const found = new Map<string, [number, number][]>();
    const enriched = new Map<string, Labels>();
    for (let step = 0; step < base.steps; step++) {
      if (base.marks[row * base.steps + step] === ABSENT) continue;
      const matching = isSource ? [] : sources.find(labels, step);
      if (matching.length === 0 && wanted.required && !isSource) continue;
      const combination = matching.join(" ");
      let cells = found.get(combination);
      if (cells === undefined) {
        found.set(combination, (cells = []));
        enriched.set(combination, sources.enrich(labels, matching));
      }
      cells.push([step, row * base.steps + step]);
    }
    for (const [combination, cells] of found)
      rows.push({ labels: enriched.get(combination) as Labels, dropped: base.dropped[row] as number, cells });
  }
  const grid = evaluation.grid(rows.map(({ labels }) => labels));
  for (const [row, { dropped, cells }] of rows.entries()) {
    grid.dropped[row] = dropped;
    for (const [step, cell] of cells) grid.copy(row * grid.steps + step, base, cell);
  }
  return evaluation.merged(grid);
};

function wantedOf({ args }: Call): Wanted {
  const selector = args[1] === undefined ? undefined : bare(args[1]);
  const matchers = selector?.kind === "selector" ? selector.matchers : [];
  const names = matchers.filter(({ name }) => name === METRIC_NAME);
  const labels = matchers.filter(({ name }) => name !== METRIC_NAME);
  const anyName = names.length === 0 ? [matcher(METRIC_NAME, "=", "target_info")] : [];
  // Whoever only says which they are not still means info series.
  const onlyNot = names.length > 0 && names.every(({ operator }) => operator.startsWith("!"));
  return {
    names: [...names, ...anyName, ...(onlyNot ? [matcher(METRIC_NAME, "=~", ".+_info")] : [])],
    labels,
    labelNames: labels.length === 0 ? undefined : new Set(labels.map(({ name }) => name)),
    required: labels.some(({ matches }) => !matches("")),
  };
}

function isInfo(labels: Labels, { names }: Wanted): boolean {
  return names.every(({ matches }) => matches(labels.get(METRIC_NAME)));
}

function identity(labels: Labels): string {
  return JSON.stringify(IDENTIFYING.map((name) => labels.get(name)));
}

/** The info series of a query, by identity and name. */
class Sources {
  readonly #evaluation: Evaluation;
  readonly #call: Call;
  readonly #wanted: Wanted;
  readonly #values: Grid;
  readonly #times: Grid;
  readonly #rows = new Map<string, Map<string, number[]>>();

  constructor(evaluation: Evaluation, call: Call, wanted: Wanted) {
    this.#evaluation = evaluation;
    this.#call = call;
    this.#wanted = wanted;
    const selector: VectorSelector = {
      kind: "selector",
      matchers: [...wanted.names, ...wanted.labels],
      place: call.place,
      ...shiftOf(evaluation, argument(call, 0)),
    };
    this.#values = selectInstant(evaluation, selector);
    this.#times = selectInstant(evaluation, selector, "time");
    for (const [row, labels] of this.#values.labels.entries()) {
      const key = identity(labels);
      const byName = this.#rows.get(key) ?? new Map<string, number[]>();
      this.#rows.set(key, byName);
      const name = labels.get(METRIC_NAME);
      byName.set(name, [...(byName.get(name) ?? []), row]);
    }
  }

  /** For each name, the row of the info series that counts. */
  find(labels: Labels, step: number): number[] {
    if (!IDENTIFYING.some((name) => labels.has(name))) return [];
    const found: number[] = [];
    for (const [name, rows] of this.#rows.get(identity(labels)) ?? []) {
      const row = this.#latest(name, rows, step);
      if (row !== undefined) found.push(row);
    }
    return found;
  }

  #latest(name: string, rows: readonly number[], step: number): number | undefined {
    let latest: number | undefined;
    let time = Number.NEGATIVE_INFINITY;
    for (const row of rows) {
      const cell = row * this.#values.steps + step;
      const mark = this.#values.marks[cell];
      if (mark === ABSENT) continue;
      if (mark === HISTOGRAM_CELL) this.#refuse(`this should be an info metric, with float samples: ${name}`);
      const own = this.#times.number(cell);
      if (own === time) this.#refuse(`found duplicate series for info metric: ${name}`);
      if (own < time) continue;
      time = own;
      latest = row;
    }
    return latest;
  }

  enrich(labels: Labels, rows: readonly number[]): Labels {
    const added: Record<string, string> = {};
    for (const row of rows)
      for (const [name, value] of this.#values.labels[row] as Labels) {
        if (name === METRIC_NAME || labels.has(name)) continue;
        if (this.#wanted.labelNames?.has(name) === false) continue;
        if (added[name] !== undefined && added[name] !== value) this.#refuse(`conflicting label: ${name}`);
        added[name] = value;
      }
    return labels.with(added);
  }

  #refuse(message: string): never {
    return this.#evaluation.fail(message, this.#call.place, {
      hint: "Say with the second argument of info() which info series and labels are meant.",
    });
  }
}

/** When the first selector of an expression looks at samples, as a shift of the time of evaluation. */
function shiftOf(evaluation: Evaluation, expression: Expression): Shift {
  let at: number | undefined;
  let offset = 0;
  for (let node: Expression | undefined = expression; node !== undefined; node = firstOperand(node)) {
    const shift = ownShift(node);
    if (shift.at !== undefined) {
      at = lookAt(evaluation, { at: shift.at })(0);
      offset = 0;
    }
    if (shift.offset !== undefined) offset += evaluation.duration(shift.offset);
  }
  return { offset, ...(at !== undefined && { at }) };
}

function ownShift(node: Expression): Shift {
  if (node.kind === "range") return node.selector;
  return node.kind === "selector" || node.kind === "subquery" ? node : {};
}

/** The operand that leads to the first selector. */
function firstOperand(node: Expression): Expression | undefined {
  switch (node.kind) {
    case "call":
      return node.args.find(hasSelector);
    case "binary":
      return [node.left, node.right].find(hasSelector);
    case "aggregate":
    case "subquery":
    case "unary":
    case "paren":
      return node.operand;
    default:
      return undefined;
  }
}

function hasSelector(node: Expression): boolean {
  if (node.kind === "selector" || node.kind === "range") return true;
  const next = firstOperand(node);
  return next !== undefined && hasSelector(next);
}
