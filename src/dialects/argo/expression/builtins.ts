/** The functions of the language itself. Those that take a predicate are given it as a function. */
import type { Predicate } from "./evaluate.ts";
import { formatTime, parseSpan } from "./dates.ts";
import { ExpressionError } from "./syntax.ts";
import {
  type Callable,
  type Mapping,
  isEqual,
  isMapping,
  jsonOf,
  kindOf,
  listFrom,
  numberFrom,
  order,
  textFrom,
  textOf,
} from "./values.ts";

function predicate(value: unknown, name: string): Predicate {
  if (typeof value === "function") return value as Predicate;
  throw new ExpressionError(`'${name}' needs a predicate.`);
}

function truth(value: unknown, name: string): boolean {
  if (typeof value === "boolean") return value;
  throw new ExpressionError(`The predicate of '${name}' must be true or false, not a ${kindOf(value)}.`);
}

/** A function over a list and a predicate that says true or false. */
function over(
  name: string,
  body: (items: readonly unknown[], holds: (item: unknown, index: number) => boolean) => unknown,
): Callable {
  return (list, test) => {
    const given = predicate(test, name);
    return body(listFrom(list, `'${name}'`), (item, index) => truth(given(item, index), name));
  };
}

const predicates: Readonly<Record<string, Callable>> = {
  all: over("all", (items, holds) => items.every(holds)),
  any: over("any", (items, holds) => items.some(holds)),
  none: over("none", (items, holds) => !items.some(holds)),
  one: over("one", (items, holds) => items.filter(holds).length === 1),
  filter: over("filter", (items, holds) => items.filter(holds)),
  find: over("find", (items, holds) => items.find(holds) ?? null),
  findIndex: over("findIndex", (items, holds) => items.findIndex(holds)),
  findLast: over("findLast", (items, holds) => items.findLast(holds) ?? null),
  findLastIndex: over("findLastIndex", (items, holds) => items.findLastIndex(holds)),
  count: (list, test) =>
    test === undefined
      ? listFrom(list, "'count'").filter((one) => one === true).length
      : (over("count", (items, holds) => items.filter(holds).length)(list, test) as number),
  map: (list, test) => listFrom(list, "'map'").map((one, index) => predicate(test, "map")(one, index)),
  sum: (list, test) =>
    listFrom(list, "'sum'").reduce<number>(
      (total, one, index) =>
        total + numberFrom(test === undefined ? one : predicate(test, "sum")(one, index), "'sum'"),
      0,
    ),
  groupBy: (list, test) => {
    const groups: Record<string, unknown[]> = {};
    for (const [index, one] of listFrom(list, "'groupBy'").entries())
      (groups[textOf(predicate(test, "groupBy")(one, index))] ??= []).push(one);
    return groups;
  },
  sortBy: (list, test, direction) =>
    sorted(
      listFrom(list, "'sortBy'").map((one, index) => [predicate(test, "sortBy")(one, index), one] as const),
      ([key]) => key,
      direction,
    ).map(([, one]) => one),
  reduce: (list, test, initial) => {
    const items = listFrom(list, "'reduce'");
    const [first, ...rest] = items;
    const from = initial === undefined ? rest : items;
    return from.reduce(
      (accumulated: unknown, one, index) =>
        predicate(test, "reduce")(one, initial === undefined ? index + 1 : index, accumulated),
      initial ?? first ?? null,
    );
  },
};

function sorted<One>(items: readonly One[], key: (one: One) => unknown, direction: unknown): One[] {
  const sign = direction === "desc" ? -1 : 1;
  return items.toSorted((one, other) => sign * order(key(one), key(other)));
}

export function integerOf(value: unknown): number {
  if (typeof value === "number") return Math.trunc(value);
  const number = typeof value === "string" && /^[+-]?\d+$/.test(value) ? Number(value) : NaN;
  if (!Number.isNaN(number)) return number;
  throw new ExpressionError(`'${textOf(value)}' is no integer.`);
}

export function floatOf(value: unknown): number {
  if (typeof value === "number") return value;
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : NaN;
  if (!Number.isNaN(number)) return number;
  throw new ExpressionError(`'${textOf(value)}' is no number.`);
}

const numbersOf = (name: string, values: readonly unknown[]): number[] =>
  values.flat().map((one) => numberFrom(one, `'${name}'`));

const numbers: Readonly<Record<string, Callable>> = {
  abs: (value) => Math.abs(numberFrom(value, "'abs'")),
  ceil: (value) => Math.ceil(numberFrom(value, "'ceil'")),
  floor: (value) => Math.floor(numberFrom(value, "'floor'")),
  round: (value) => {
    const number = numberFrom(value, "'round'");
    return Math.sign(number) * Math.round(Math.abs(number));
  },
  int: integerOf,
  float: floatOf,
  asInt: integerOf,
  asFloat: floatOf,
  min: (...values) => Math.min(...numbersOf("min", values)),
  max: (...values) => Math.max(...numbersOf("max", values)),
  mean: (...values) => {
    const all = numbersOf("mean", values);
    return all.length === 0 ? 0 : all.reduce((total, one) => total + one, 0) / all.length;
  },
  median: (...values) => {
    const all = numbersOf("median", values).toSorted((one, other) => one - other);
    const middle = all.length >> 1;
    if (all.length === 0) return 0;
    return all.length % 2 === 1 ? all[middle] : ((all[middle - 1] ?? 0) + (all[middle] ?? 0)) / 2;
  },
  bitand: (left, right) => integerOf(left) & integerOf(right),
  bitor: (left, right) => integerOf(left) | integerOf(right),
  bitxor: (left, right) => integerOf(left) ^ integerOf(right),
  bitnot: (value) => ~integerOf(value),
  bitshl: (value, by) => integerOf(value) << integerOf(by),
  bitshr: (value, by) => integerOf(value) >> integerOf(by),
};

const MOST_REPEATED = 1_000_000;
const text = (name: string, value: unknown): string => textFrom(value, `'${name}'`);
const trimmed = (value: string, signs: string, at: "start" | "end" | "both"): string => {
  const set = new Set(signs);
  let from = 0;
  let to = value.length;
  if (at !== "end") while (from < to && set.has(value[from] ?? "")) from++;
  if (at !== "start") while (to > from && set.has(value[to - 1] ?? "")) to--;
  return value.slice(from, to);
};

const texts: Readonly<Record<string, Callable>> = {
  string: textOf,
  trim: (value, signs) =>
    signs === undefined
      ? text("trim", value).trim()
      : trimmed(text("trim", value), text("trim", signs), "both"),
  trimLeft: (value, signs) => trimmed(text("trimLeft", value), textOf(signs ?? " "), "start"),
  trimRight: (value, signs) => trimmed(text("trimRight", value), textOf(signs ?? " "), "end"),
  trimPrefix: (value, prefix) => {
    const whole = text("trimPrefix", value);
    return whole.startsWith(textOf(prefix)) ? whole.slice(textOf(prefix).length) : whole;
  },
  trimSuffix: (value, suffix) => {
    const whole = text("trimSuffix", value);
    return whole.endsWith(textOf(suffix)) ? whole.slice(0, whole.length - textOf(suffix).length) : whole;
  },
  upper: (value) => text("upper", value).toUpperCase(),
  lower: (value) => text("lower", value).toLowerCase(),
  split: (value, by, most) => splitOf(text("split", value), text("split", by), most),
  splitAfter: (value, by) => {
    const parts = text("splitAfter", value).split(text("splitAfter", by));
    return parts.map((part, index) => (index < parts.length - 1 ? part + textOf(by) : part));
  },
  replace: (value, from, to) =>
    text("replace", value).replaceAll(text("replace", from), () => text("replace", to)),
  repeat: (value, count) => {
    const times = integerOf(count);
    if (times < 0 || times * text("repeat", value).length > MOST_REPEATED)
      throw new ExpressionError("What 'repeat' would give is too long.");
    return text("repeat", value).repeat(times);
  },
  join: (list, by) =>
    listFrom(list, "'join'")
      .map((one) => text("join", one))
      .join(textOf(by ?? "")),
  indexOf: (value, part) => text("indexOf", value).indexOf(text("indexOf", part)),
  lastIndexOf: (value, part) => text("lastIndexOf", value).lastIndexOf(text("lastIndexOf", part)),
  hasPrefix: (value, part) => text("hasPrefix", value).startsWith(text("hasPrefix", part)),
  hasSuffix: (value, part) => text("hasSuffix", value).endsWith(text("hasSuffix", part)),
  toJSON: (value) => jsonOf(value, 2),
  toJson: (value) => jsonOf(value),
  fromJSON: (value) => fromJson(text("fromJSON", value)),
  toBase64: (value) => Buffer.from(text("toBase64", value)).toString("base64"),
  fromBase64: (value) => Buffer.from(text("fromBase64", value), "base64").toString(),
};

function splitOf(value: string, by: string, most: unknown): string[] {
  const parts = value.split(by);
  if (most === undefined || parts.length <= integerOf(most)) return parts;
  const kept = integerOf(most) - 1;
  return [...parts.slice(0, kept), parts.slice(kept).join(by)];
}

export function fromJson(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    throw new ExpressionError("What should be JSON is not.");
  }
}

function mapping(name: string, value: unknown): Mapping {
  if (isMapping(value)) return value;
  throw new ExpressionError(`'${name}' needs a map, not a ${kindOf(value)}.`);
}

const collections: Readonly<Record<string, Callable>> = {
  len: (value) => {
    if (typeof value === "string") return Array.from(value).length;
    return isMapping(value) ? Object.keys(value).length : listFrom(value, "'len'").length;
  },
  type: (value) => {
    const kind = kindOf(value);
    if (kind === "number") return Number.isInteger(value) ? "int" : "float";
    return { list: "array", boolean: "bool" }[kind] ?? kind;
  },
  get: (from, key) => {
    if (isMapping(from)) return Object.hasOwn(from, textOf(key)) ? from[textOf(key)] : null;
    if (Array.isArray(from) && typeof key === "number") return (from.at(key) as unknown) ?? null;
    return null;
  },
  first: (list) => listFrom(list, "'first'")[0] ?? null,
  last: (list) => listFrom(list, "'last'").at(-1) ?? null,
  take: (list, count) => listFrom(list, "'take'").slice(0, integerOf(count)),
  keys: (map) => Object.keys(mapping("keys", map)).toSorted(),
  values: (map) =>
    Object.keys(mapping("values", map))
      .toSorted()
      .map((key) => mapping("values", map)[key]),
  toPairs: (map) => Object.entries(mapping("toPairs", map)),
  fromPairs: (pairs) =>
    Object.fromEntries(
      listFrom(pairs, "'fromPairs'").map((pair) => {
        const [key, value] = listFrom(pair, "'fromPairs'");
        return [textOf(key), value];
      }),
    ),
  reverse: (list) => listFrom(list, "'reverse'").toReversed(),
  concat: (...lists) => lists.flatMap((list) => listFrom(list, "'concat'")),
  flatten: (list) => listFrom(list, "'flatten'").flat(Infinity),
  uniq: (list) => unique(listFrom(list, "'uniq'")),
  sort: (list, direction) => sorted(listFrom(list, "'sort'"), (one) => one, direction),
};

export function unique(items: readonly unknown[]): unknown[] {
  const seen: unknown[] = [];
  for (const one of items) if (!seen.some((other) => isEqual(one, other))) seen.push(one);
  return seen;
}

/** `now`: the time by which the run goes, so that a replay sees the same. */
function times(now: Date): Readonly<Record<string, Callable>> {
  return {
    now: () => now,
    duration: (value) => {
      const span = parseSpan(text("duration", value));
      if (span === undefined) throw new ExpressionError(`'${textOf(value)}' is no duration.`);
      return span * 1e6;
    },
    date: (value) => {
      const time = new Date(text("date", value));
      if (Number.isNaN(time.getTime())) throw new ExpressionError(`'${textOf(value)}' is no date.`);
      return time;
    },
    formatTime: (layout, value) => formatTime(textOf(layout), value instanceof Date ? value : now),
  };
}

export function builtins(now: Date): Readonly<Record<string, Callable>> {
  return { ...predicates, ...numbers, ...texts, ...collections, ...times(now) };
}
