/** `sprig.*`: the template functions that expressions may call as well. What they take comes last, as in a template's pipe. */
import { createHash } from "node:crypto";
import { integerOf, unique } from "./builtins.ts";
import { formatSpan, formatTime, parseSpan, parseTime } from "./dates.ts";
import { memberOf } from "./evaluate.ts";
import { sprigTexts } from "./sprig-texts.ts";
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
  textOf,
} from "./values.ts";

type Functions = Readonly<Record<string, Callable>>;

/** Sprig takes whatever can be read as a number; the rest is 0. */
function numberOf(value: unknown): number {
  const number = typeof value === "boolean" ? Number(value) : Number(textOf(value));
  return Number.isNaN(number) ? 0 : number;
}
const whole = (value: unknown): number => Math.trunc(numberOf(value));
const wholes = (values: readonly unknown[]): number[] => values.map(whole);

function divided(left: number, right: number): number {
  if (right === 0) throw new ExpressionError("A division by zero has no result.");
  return Math.trunc(left / right);
}

const MOST_ITEMS = 100_000;

function sequence(from: number, to: number, by: number): number[] {
  const length = by === 0 ? 0 : Math.floor((to - from) / by) + 1;
  if (length > MOST_ITEMS) throw new ExpressionError("The sequence is too long.");
  return Array.from({ length: Math.max(0, length) }, (_, index) => from + index * by);
}

function rounded(value: unknown, digits: unknown): number {
  const scale = 10 ** whole(digits ?? 0);
  return Math.round(numberOf(value) * scale) / scale;
}

const numbers: Functions = {
  add: (...values) => wholes(values).reduce((total, one) => total + one, 0),
  add1: (value) => whole(value) + 1,
  sub: (left, right) => whole(left) - whole(right),
  mul: (...values) => wholes(values).reduce((total, one) => total * one, 1),
  div: (left, right) => divided(whole(left), whole(right)),
  mod: (left, right) => {
    divided(1, whole(right));
    return whole(left) % whole(right);
  },
  addf: (...values) => values.map(numberOf).reduce((total, one) => total + one, 0),
  subf: (first, ...values) => values.map(numberOf).reduce((total, one) => total - one, numberOf(first)),
  mulf: (...values) => values.map(numberOf).reduce((total, one) => total * one, 1),
  divf: (first, ...values) => values.map(numberOf).reduce((total, one) => total / one, numberOf(first)),
  max: (...values) => Math.max(...wholes(values)),
  min: (...values) => Math.min(...wholes(values)),
  maxf: (...values) => Math.max(...values.map(numberOf)),
  minf: (...values) => Math.min(...values.map(numberOf)),
  biggest: (...values) => Math.max(...wholes(values)),
  floor: (value) => Math.floor(numberOf(value)),
  ceil: (value) => Math.ceil(numberOf(value)),
  round: rounded,
  int: whole,
  int64: whole,
  float64: numberOf,
  atoi: whole,
  toDecimal: (value) => parseInt(textOf(value), 8) || 0,
  until: (count) => sequence(0, whole(count) - 1, 1),
  untilStep: (from, to, by) => sequence(whole(from), whole(to) - Math.sign(whole(by)), whole(by)),
  seq: (...values) => {
    const [first = 1, second, third] = wholes(values);
    if (second === undefined) return sequence(1, first, first < 1 ? -1 : 1).join(" ");
    if (third === undefined) return sequence(first, second, second < first ? -1 : 1).join(" ");
    return sequence(first, third, second).join(" ");
  },
};

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === "" || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isMapping(value) && Object.keys(value).length === 0;
}

const GO_KINDS: Readonly<Record<string, string>> = { list: "slice", boolean: "bool", nil: "invalid" };

function goKind(value: unknown): string {
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float64";
  return GO_KINDS[kindOf(value)] ?? kindOf(value);
}

const choices: Functions = {
  default: (standard, value) => (isEmpty(value) ? standard : value),
  empty: isEmpty,
  coalesce: (...values) => values.find((one) => !isEmpty(one)) ?? null,
  all: (...values) => values.every((one) => !isEmpty(one)),
  any: (...values) => values.some((one) => !isEmpty(one)),
  ternary: (yes, no, test) => (test === true ? yes : no),
  fail: (message) => {
    throw new ExpressionError(textOf(message));
  },
  kindOf: goKind,
  kindIs: (kind, value) => goKind(value) === kind,
  typeOf: goKind,
  deepEqual: isEqual,
};

const listOf = (value: unknown): readonly unknown[] => listFrom(value, "A function of lists");

const lists: Functions = {
  list: (...values) => values,
  tuple: (...values) => values,
  first: (list) => listOf(list)[0] ?? null,
  last: (list) => listOf(list).at(-1) ?? null,
  rest: (list) => listOf(list).slice(1),
  initial: (list) => listOf(list).slice(0, -1),
  append: (list, one) => [...listOf(list), one],
  push: (list, one) => [...listOf(list), one],
  prepend: (list, one) => [one, ...listOf(list)],
  concat: (...all) => all.flatMap(listOf),
  reverse: (list) => listOf(list).toReversed(),
  uniq: (list) => unique(listOf(list)),
  compact: (list) => listOf(list).filter((one) => !isEmpty(one)),
  without: (list, ...values) => listOf(list).filter((one) => !values.some((other) => isEqual(one, other))),
  has: (value, list) => listOf(list).some((one) => isEqual(one, value)),
  slice: (list, from, to) => listOf(list).slice(whole(from ?? 0), to === undefined ? undefined : whole(to)),
  chunk: (size, list) => {
    const all = listOf(list);
    const by = Math.max(1, whole(size));
    return Array.from({ length: Math.ceil(all.length / by) }, (_, at) => all.slice(at * by, at * by + by));
  },
  sortAlpha: (list) => listOf(list).map(textOf).toSorted(order),
  toStrings: (list) => listOf(list).map(textOf),
};

function mapOf(value: unknown): Mapping {
  if (isMapping(value)) return value;
  throw new ExpressionError(`A function of maps was given a ${kindOf(value)}.`);
}

function pairs(values: readonly unknown[]): Mapping {
  const made: Record<string, unknown> = {};
  for (let at = 0; at < values.length; at += 2) made[textOf(values[at])] = values[at + 1] ?? "";
  return made;
}

function chosen(map: unknown, keep: (key: string) => boolean): Mapping {
  return Object.fromEntries(Object.entries(mapOf(map)).filter(([key]) => keep(key)));
}

const maps: Functions = {
  dict: (...values) => pairs(values),
  get: (map, key) => memberOf(mapOf(map), textOf(key)) ?? "",
  set: (map, key, value) => ({ ...mapOf(map), [textOf(key)]: value }),
  unset: (map, key) => chosen(map, (one) => one !== key),
  hasKey: (map, key) => Object.hasOwn(mapOf(map), textOf(key)),
  keys: (...all) => all.flatMap((map) => Object.keys(mapOf(map)).toSorted()),
  values: (map) =>
    Object.keys(mapOf(map))
      .toSorted()
      .map((key) => mapOf(map)[key]),
  pick: (map, ...keys) => chosen(map, (key) => keys.includes(key)),
  omit: (map, ...keys) => chosen(map, (key) => !keys.includes(key)),
  pluck: (key, ...all) =>
    all.filter((map) => Object.hasOwn(mapOf(map), textOf(key))).map((map) => mapOf(map)[textOf(key)]),
  // What the earlier maps have stays.
  merge: (...all) => Object.assign({}, ...all.map(mapOf).toReversed()) as Mapping,
  mergeOverwrite: (...all) => Object.assign({}, ...all.map(mapOf)) as Mapping,
  dig: (...values) => {
    const map = values.at(-1);
    let at: unknown = map;
    for (const key of values.slice(0, -2)) at = isMapping(at) ? memberOf(at, textOf(key)) : null;
    return at ?? values.at(-2);
  },
};

const hash =
  (algorithm: string): Callable =>
  (value) =>
    createHash(algorithm).update(textOf(value)).digest("hex");

const encodings: Functions = {
  b64enc: (value) => Buffer.from(textOf(value)).toString("base64"),
  b64dec: (value) => Buffer.from(textOf(value), "base64").toString(),
  toJson: (value) => jsonOf(value),
  toRawJson: (value) => jsonOf(value),
  toPrettyJson: (value) => jsonOf(value, 2),
  fromJson: (value) => {
    try {
      return JSON.parse(textOf(value)) as unknown;
    } catch {
      return "";
    }
  },
  sha1sum: hash("sha1"),
  sha256sum: hash("sha256"),
  sha512sum: hash("sha512"),
  adler32sum: (value) => {
    let [low, high] = [1, 0];
    for (const byte of Buffer.from(textOf(value))) {
      low = (low + byte) % 65_521;
      high = (high + low) % 65_521;
    }
    return String(high * 65_536 + low);
  },
  urlquery: (value) => encodeURIComponent(textOf(value)).replaceAll("%20", "+"),
  urlParse: (value) => {
    const { protocol, host, hostname, pathname, search, hash: fragment, username } = new URL(textOf(value));
    const query = search.slice(1);
    const parts = { host, hostname, path: pathname, query, fragment: fragment.slice(1), userinfo: username };
    return { scheme: protocol.slice(0, -1), opaque: "", ...parts };
  },
};

function times(now: Date): Functions {
  const timeOf = (value: unknown): Date => {
    if (value instanceof Date) return value;
    // Seconds since the epoch; a text is not a time to sprig, and stands for now.
    return typeof value === "number" ? new Date(value * 1000) : now;
  };
  const moved = (by: unknown, value: unknown): Date => {
    const span = parseSpan(textOf(by));
    return new Date(timeOf(value).getTime() + (span ?? 0));
  };
  return {
    now: () => now,
    date: (layout, value) => formatTime(textOf(layout), timeOf(value)),
    dateInZone: (layout, value) => formatTime(textOf(layout), timeOf(value)),
    date_in_zone: (layout, value) => formatTime(textOf(layout), timeOf(value)),
    htmlDate: (value) => formatTime("2006-01-02", timeOf(value)),
    dateModify: moved,
    date_modify: moved,
    toDate: (layout, text) => parseTime(textOf(layout), textOf(text)) ?? new Date(-62_135_596_800_000),
    mustToDate: (layout, text) => {
      const time = parseTime(textOf(layout), textOf(text));
      if (time === undefined)
        throw new ExpressionError(`'${textOf(text)}' is not a time like '${textOf(layout)}'.`);
      return time;
    },
    unixEpoch: (value) => String(Math.floor(timeOf(value).getTime() / 1000)),
    ago: (value) => formatSpan(Math.round((now.getTime() - timeOf(value).getTime()) / 1000) * 1000),
    duration: (value) => formatSpan(whole(value) * 1000),
    durationRound: (value) =>
      formatSpan(
        numberFrom(
          typeof value === "number" ? value / 1e6 : (parseSpan(textOf(value)) ?? 0),
          "'durationRound'",
        ),
      ),
  };
}

/** `must…` is the same function: ours say what is wrong rather than give nothing. */
function withMust(functions: Functions): Functions {
  const must = Object.entries(functions).map(([name, body]) => [
    `must${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    body,
  ]);
  return { ...(Object.fromEntries(must) as Functions), ...functions };
}

/** `random`: in [0, 1), the same in every replay of the run. */
export function sprig(now: Date, random: () => number): Functions {
  return withMust({
    ...numbers,
    ...choices,
    ...lists,
    ...maps,
    ...encodings,
    ...times(now),
    ...sprigTexts(random),
    semverCompare: (range, version) => isWithin(textOf(range), textOf(version)),
    randInt: (from, to) => integerOf(whole(from) + Math.floor(random() * (whole(to) - whole(from)))),
  });
}

function isWithin(range: string, version: string): boolean {
  const found = /^\s*(=|!=|>=|<=|>|<|\^|~)?\s*v?(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(range);
  const given = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(version);
  if (found === null || given === null) throw new ExpressionError(`'${version}' is no version.`);
  const [, sign = "=", ...wanted] = found;
  const has = given.slice(1).map(Number);
  const wants = wanted.map(Number);
  const compared = [0, 1, 2].map((at) => (has[at] || 0) - (wants[at] || 0)).find((one) => one !== 0) ?? 0;
  const isSame = (upTo: number): boolean =>
    [0, 1].slice(0, upTo).every((at) => (has[at] || 0) === (wants[at] || 0));
  const tests: Readonly<Record<string, boolean>> = {
    "=": compared === 0,
    "!=": compared !== 0,
    ">=": compared >= 0,
    "<=": compared <= 0,
    ">": compared > 0,
    "<": compared < 0,
    "^": compared >= 0 && isSame(1),
    "~": compared >= 0 && isSame(2),
  };
  return tests[sign] ?? false;
}
