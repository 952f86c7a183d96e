/**
 * What a route does to header fields: checked once, compiled once, applied to every message.
 *
 * Rules come from a declaration, but their values may come from anywhere (a Secret, another resource): a line break in one
 * would end its line, so names must be tokens and values free of control characters (RFC 9110 §5). Fields that decide where a
 * message ends, or what a connection becomes, belong to the balancer.
 */
import type { HeaderRules } from "./configuration.ts";

export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// eslint-disable-next-line no-control-regex
export const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Editing these would let two parties disagree about a message's end or its connection. */
const RESERVED = new Set([
  "content-length",
  "transfer-encoding",
  "connection",
  "proxy-connection",
  "keep-alive",
  "upgrade",
  "http2-settings",
  "te",
  "trailer",
  "expect",
]);

export interface HeaderRuleProblem {
  /** `set.X-A`, within the rules. */
  readonly at: string;
  readonly message: string;
}

/** What is wrong with rules that came from outside; empty: nothing is. Values are never repeated. */
export function headerRuleProblems(rules: unknown): readonly HeaderRuleProblem[] {
  if (!isRecord(rules)) return [{ at: "", message: "must be an object with set, add and remove" }];
  const { set = {}, add = {}, remove = [], ...unknown } = rules;
  const problems = Object.keys(unknown).map((key) => ({ at: key, message: "is not a known field" }));
  if (!isRecord(set)) problems.push({ at: "set", message: "must be an object of header fields" });
  else problems.push(...fieldProblems("set", set), ...repeated("set", Object.keys(set)));
  if (!isRecord(add)) problems.push({ at: "add", message: "must be an object of header fields" });
  else problems.push(...fieldProblems("add", add));
  if (!Array.isArray(remove)) problems.push({ at: "remove", message: "must be a list of header names" });
  else problems.push(...remove.flatMap((name: unknown) => nameProblems("remove", name)));
  if (isRecord(add) && Object.keys(add).some(isHost))
    problems.push({ at: "add", message: "cannot have Host: a request has one; set it instead" });
  if (Array.isArray(remove) && remove.some(isHost))
    problems.push({ at: "remove", message: "cannot have Host: a request needs one" });
  return problems;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isHost(name: unknown): boolean {
  return typeof name === "string" && name.toLowerCase() === "host";
}

function fieldProblems(at: string, fields: Readonly<Record<string, unknown>>): HeaderRuleProblem[] {
  return Object.entries(fields).flatMap(([name, value]) => [
    ...nameProblems(at, name),
    ...(typeof value === "string" && FIELD_VALUE.test(value)
      ? []
      : [
          {
            at: `${at}.${shown(name)}`,
            message: "must have a value without line breaks and other control characters",
          },
        ]),
  ]);
}

function nameProblems(at: string, name: unknown): HeaderRuleProblem[] {
  if (typeof name !== "string" || !TOKEN.test(name))
    return [{ at: `${at}.${shown(name)}`, message: "is not the name of a header field" }];
  if (RESERVED.has(name.toLowerCase()))
    return [{ at: `${at}.${name}`, message: "belongs to the balancer and cannot be changed" }];
  return [];
}

function repeated(at: string, names: readonly string[]): HeaderRuleProblem[] {
  const seen = new Set<string>();
  return names
    .filter((name) => seen.size === seen.add(name.toLowerCase()).size)
    .map((name) => ({ at: `${at}.${shown(name)}`, message: "is there twice" }));
}

/** A name as it may stand in a message. */
function shown(name: unknown): string {
  return JSON.stringify(String(name).slice(0, 64)).slice(1, -1);
}

/** Rules ready to be applied. */
export interface CompiledRules {
  /** Names, lower-case, of fields that do not pass. */
  readonly dropped: ReadonlySet<string>;
  /** Host, where it is set. */
  readonly host: string | undefined;
  /** What is written instead and on top, flat: name, value, name, value. Without Host. */
  readonly fields: readonly string[];
  /** The same as lines. */
  readonly lines: string;
}

/** Undefined when there is nothing to do, so that most routes pay nothing. */
export function compileRules(rules: HeaderRules | undefined): CompiledRules | undefined {
  const { remove = [], set = {}, add = {} } = rules ?? {};
  const written = [...Object.entries(set), ...Object.entries(add)];
  if (remove.length + written.length === 0) return undefined;
  const fields = written.filter(([name]) => !isHost(name)).flat();
  return {
    dropped: new Set([...remove, ...Object.keys(set)].map((name) => name.toLowerCase())),
    host: Object.entries(set).find(([name]) => isHost(name))?.[1],
    fields,
    lines: written.map(([name, value]) => (isHost(name) ? "" : `${name}: ${value}\r\n`)).join(""),
  };
}

/** Flat fields with the rules applied. */
export function edited(fields: readonly string[], { dropped, fields: written }: CompiledRules): string[] {
  const kept: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? "";
    if (!dropped.has(name.toLowerCase())) kept.push(name, fields[index + 1] ?? "");
  }
  kept.push(...written);
  return kept;
}
