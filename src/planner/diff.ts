/**
 * The difference between two bodies, attribute by attribute. Lists of objects that all have a name are compared by name,
 * other lists of objects after what they begin and end with in common, lists of plain values as a whole.
 */
import { type JsonSchema, childSchema, withDefaults } from "../kinds/schema.ts";
import { equal } from "../model/equality.ts";
import { containsSealed } from "../model/sealed.ts";
import { Computed } from "./effective.ts";
import type { AttributeChange } from "./plan.ts";

export interface Difference extends AttributeChange {
  /** It cannot be changed in place. */
  readonly immutable: boolean;
  /** It could not be changed in place, but whether it changes is not known yet. */
  readonly open?: boolean;
}

export interface DiffOptions {
  readonly schema: JsonSchema | undefined;
  /** The resource's name, which stands for some fields when they are absent. */
  readonly name: string;
  /** Every value of this kind's fields marked as secret is one. */
  readonly secretKind: boolean;
}

interface Place {
  readonly path: string;
  readonly schema: JsonSchema | undefined;
  readonly immutable: boolean;
}

export function diff(
  before: unknown,
  after: unknown,
  path: string,
  options: DiffOptions,
): readonly Difference[] {
  const found: Difference[] = [];
  const place = { path, schema: options.schema, immutable: options.schema?.immutable === true };
  compare(before, after, place, { ...options, found });
  return found;
}

interface Walk extends DiffOptions {
  readonly found: Difference[];
}

type Members = Readonly<Record<string, unknown>>;

function compare(before: unknown, after: unknown, place: Place, walk: Walk): void {
  if (before === after && !(after instanceof Computed)) return;
  if (place.immutable && standsForAnother(before, after)) {
    emit(before, after, place, walk);
    return;
  }
  const [left, right] = toldMembers(before, after, place);
  if (isMembers(left) && isMembers(right)) compareMembers(left, right, place, walk);
  else if (Array.isArray(before) && Array.isArray(after)) compareLists(before, after, place, walk);
  else if (!same(before, after)) emit(before, after, place, walk);
}

/** An object that comes or goes is shown by its attributes, without those that it has by default. */
function toldMembers(before: unknown, after: unknown, place: Place): readonly [unknown, unknown] {
  if (before === undefined) return [{}, after === undefined ? {} : telling(after, place)];
  return after === undefined ? [telling(before, place), {}] : [before, after];
}

/** Undefined when there is nothing to tell: then it is shown as a whole. */
function telling(value: unknown, { schema }: Place): Members | undefined {
  if (!isMembers(value)) return undefined;
  const plain = schema === undefined ? {} : (withDefaults(schema, {}) as Members);
  const told = Object.entries(value).filter(([name, member]) => !same(own(plain, name), member));
  return told.length === 0 ? undefined : Object.fromEntries(told);
}

function compareMembers(before: Members, after: Members, place: Place, walk: Walk): void {
  for (const name of [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted()) {
    compare(own(before, name), own(after, name), child(place, name), walk);
  }
}

function own(members: Members, name: string): unknown {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

function child(place: Place, step: string | number): Place {
  const schema = childSchema(place.schema, step);
  const plain = typeof step === "string" && /^[A-Za-z_$][\w$]*$/.test(step);
  const text =
    typeof step === "number" ? `[${step}]` : plain ? `${place.path === "" ? "" : "."}${step}` : `["${step}"]`;
  return { path: place.path + text, schema, immutable: place.immutable || schema?.immutable === true };
}

function compareLists(before: readonly unknown[], after: readonly unknown[], place: Place, walk: Walk): void {
  if (![...before, ...after].every(isMembers)) {
    if (!same(before, after)) emit(before, after, place, walk);
    return;
  }
  const beforeByName = byName(before as readonly Members[]);
  const afterByName = byName(after as readonly Members[]);
  if (beforeByName !== undefined && afterByName !== undefined)
    compareNamed(beforeByName, afterByName, place, walk);
  else compareAligned(before, after, place, walk);
}

/** Undefined unless all have a name and no two the same. */
function byName(items: readonly Members[]): ReadonlyMap<string, Members> | undefined {
  const map = new Map<string, Members>();
  for (const item of items) {
    const name = item["name"];
    if (typeof name !== "string" || map.has(name)) return undefined;
    map.set(name, item);
  }
  return map;
}

function compareNamed(
  before: ReadonlyMap<string, Members>,
  after: ReadonlyMap<string, Members>,
  place: Place,
  walk: Walk,
): void {
  const at = (name: string): Place => ({ ...child(place, 0), path: `${place.path}[${name}]` });
  for (const [name, item] of before) {
    if (after.has(name)) compare(item, after.get(name), at(name), walk);
    else emit(item, undefined, at(name), walk);
  }
  for (const [name, item] of after) if (!before.has(name)) emit(undefined, item, at(name), walk);
  // The order can matter: the first port is the one that a program is given as PORT.
  const stayed = [...before.keys()].filter((name) => after.has(name));
  const now = [...after.keys()].filter((name) => before.has(name));
  if (!same(stayed, now)) emit([...before.keys()], [...after.keys()], place, walk);
}

function compareAligned(
  before: readonly unknown[],
  after: readonly unknown[],
  place: Place,
  walk: Walk,
): void {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && same(before[start], after[start])) start += 1;
  let end = 0;
  while (end < shorter - start && same(before.at(-1 - end), after.at(-1 - end))) end += 1;
  const longest = Math.max(before.length, after.length) - end;
  for (let index = start; index < longest; index += 1) {
    const left = index < before.length - end ? before[index] : undefined;
    const right = index < after.length - end ? after[index] : undefined;
    if (left === undefined || right === undefined) emit(left, right, child(place, index), walk);
    else compare(left, right, child(place, index), walk);
  }
}

/** Equal in what is compared: for a computed value that is its identity, unless it is known to become another. */
function same(before: unknown, after: unknown): boolean {
  if (after instanceof Computed && after.forced) return false;
  const left = before instanceof Computed ? before.identity : before;
  const right = after instanceof Computed ? after.identity : after;
  if (Object.is(left, right)) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].every((name) => same(own(left as Members, name), own(right as Members, name)));
}

/** The same expression, but what cannot be changed in place was made from another value of it. */
function standsForAnother(before: unknown, after: unknown): boolean {
  if (!(before instanceof Computed) || !(after instanceof Computed)) return false;
  return before.text === after.text && same(before, after) && verdict(before, after) === "differs";
}

/** Whether something came from the same value as it would come from now. */
function verdict(before: unknown, after: unknown): "same" | "differs" | "open" {
  if (computedIn(after).some(({ until }) => until.length > 0)) return "open";
  const [left, right] = [presentOf(before), presentOf(after)];
  if (left === undefined || right === undefined || containsSealed(left) || containsSealed(right))
    return same(before, after) ? "same" : "differs";
  return equal(left, right) ? "same" : "differs";
}

/** Undefined when not all of it is known. */
function presentOf(value: unknown): unknown {
  if (value instanceof Computed) return value.present();
  return computedIn(value).length === 0 ? value : undefined;
}

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Computed);
}

function emit(before: unknown, after: unknown, place: Place, walk: Walk): void {
  const until = [...new Set(computedIn(after).flatMap((computed) => computed.until))].toSorted();
  const [left, right] = told(before, after);
  const isFixed = place.immutable && !isImpliedName(left, right, place, walk);
  const judged = isFixed ? verdict(before, after) : "same";
  const isSecretField = walk.secretKind && place.schema?.secret === true;
  const secret = isSecretField || [before, after].some(holdsSecret) || [left, right].some(containsSealed);
  walk.found.push({
    path: place.path,
    ...(before === undefined ? {} : { before: left }),
    ...(after === undefined ? {} : { after: right }),
    ...(secret ? { secret } : {}),
    ...(until.length === 0 ? {} : { unknownUntil: until }),
    immutable: judged === "differs",
    ...(judged === "open" ? { open: true } : {}),
  });
}

/** Another expression of the same value is a change as well: then the expressions are shown; else what they stand for. */
function told(before: unknown, after: unknown): readonly [unknown, unknown] {
  const known = [shown(before, false), shown(after, false)] as const;
  if (!equal(...known)) return known;
  const texts = [shown(before, true), shown(after, true)] as const;
  if (!equal(...texts) || !(before instanceof Computed) || !(after instanceof Computed)) return texts;
  return after.secret || after.until.length > 0 ? texts : [before.present(), after.present()];
}

function holdsSecret(value: unknown): boolean {
  return computedIn(value).some((computed) => computed.secret);
}

function isImpliedName(before: unknown, after: unknown, place: Place, walk: Walk): boolean {
  if (place.schema?.nameWhenAbsent !== true) return false;
  return (before ?? walk.name) === (after ?? walk.name);
}

function computedIn(value: unknown): readonly Computed[] {
  if (value instanceof Computed) return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(computedIn) : [];
}

function shown(value: unknown, asText: boolean): unknown {
  if (value instanceof Computed) return asText ? value.text : value.shown;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => shown(item, asText));
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shown(member, asText)]));
}
