/**
 * The functions of Prometheus' templates besides those of Go.
 *
 * Source: Prometheus' documentation "Template reference".
 */
import { isIP } from "node:net";
import { RE2JS } from "re2js";
import type { Labels } from "../labels.ts";
import { describeHistogram } from "../native-histogram/text.ts";
import type { Value as SampleValue } from "../promql/engine.ts";
import { escapeQuery } from "../template/builtins.ts";
import { Moment } from "../../clock/moment.ts";
import { sprintf } from "../template/printf.ts";
import {
  Composite,
  type List,
  SAFE_HTML,
  type TemplateFunction,
  type Value,
  mapOf,
  templateFunction,
  textOf,
  typeOf,
} from "../template/value.ts";
import { parseRuleDuration } from "./duration.ts";
import { parseFloatText } from "./float.ts";
import { humanize, humanize1024, humanizeDuration, humanizePercentage } from "./humanize.ts";

export interface TemplateSample {
  readonly labels: Labels;
  readonly value: SampleValue;
}

export interface TemplateServices {
  /** At the time of the evaluation; throws when the query is none or gives a range. */
  readonly query: (expression: string) => readonly TemplateSample[];
  /** Milliseconds: the time of the evaluation. */
  readonly now: () => number;
  /** Where people reach this monitoring; the empty text when nowhere. */
  readonly externalURL: string;
}

export function ruleFunctions(services: TemplateServices): Readonly<Record<string, TemplateFunction>> {
  return { ...PURE, ...QUERIES, ...serviceFunctions(services) };
}

export function templateValue(value: SampleValue): Value {
  return typeof value === "number"
    ? value
    : Composite.text("*histogram.FloatHistogram", describeHistogram(value));
}

export function labelsValue(labels: Labels): ReadonlyMap<string, Value> {
  return new Map(labels);
}

function sampleStruct({ labels, value }: TemplateSample): Composite {
  return Composite.struct("*template.sample", { Labels: labelsValue(labels), Value: templateValue(value) });
}

function serviceFunctions(services: TemplateServices): Readonly<Record<string, TemplateFunction>> {
  const { externalURL } = services;
  return {
    query: templateFunction(["string"], ([expression]) =>
      services.query(String(expression)).map(sampleStruct),
    ),
    now: templateFunction([], () => services.now() / 1000),
    externalURL: templateFunction([], () => externalURL),
    pathPrefix: templateFunction([], () =>
      URL.canParse(externalURL) ? new URL(externalURL).pathname.replace(/\/$/, "") : "",
    ),
  };
}

function sampleOf(value: Value | undefined): ReadonlyMap<string, Value> {
  if (value instanceof Composite && value.base.kind === "struct") return value.base.fields;
  throw new Error(`a sample is needed, not ${typeOf(value ?? null)}`);
}

function labelOf(sample: Value | undefined, label: string): Value {
  return mapOf(sampleOf(sample).get("Labels") ?? null)?.get(label) ?? "";
}

const QUERIES: Readonly<Record<string, TemplateFunction>> = {
  first: templateFunction(["list"], ([list]) => {
    const [first] = list as List;
    if (first === undefined) throw new Error("there is no first element in an empty list");
    return first;
  }),
  label: templateFunction(["string", "any"], ([label, sample]) => labelOf(sample, String(label))),
  value: templateFunction(["any"], ([sample]) => sampleOf(sample).get("Value") ?? null),
  strvalue: templateFunction(["any"], ([sample]) => labelOf(sample, "__value__")),
  sortByLabel: templateFunction(["string", "list"], ([label, list]) => {
    const key = (sample: Value): string => String(labelOf(sample, String(label)));
    return [...(list as List)].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  }),
};

/** Numbers may come as texts. */
function floatOf(value: Value | undefined): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  const text = textOf(value ?? null);
  const number = text === undefined ? undefined : parseFloatText(text);
  if (number === undefined) throw new Error(`'${text ?? typeOf(value ?? null)}' is no number`);
  return number;
}

function ofNumber(write: (value: number) => Value): TemplateFunction {
  return templateFunction(["any"], ([value]) => write(floatOf(value)));
}

function ofText(change: (text: string) => Value): TemplateFunction {
  return templateFunction(["string"], ([text]) => change(String(text)));
}

function momentOf(seconds: number): Moment {
  if (!Number.isFinite(seconds) || Math.abs(seconds) > 8.64e12) throw new Error(`${seconds} is no time`);
  return new Moment(Math.floor(seconds * 1000));
}

const PURE: Readonly<Record<string, TemplateFunction>> = {
  humanize: ofNumber(humanize),
  humanize1024: ofNumber(humanize1024),
  humanizeDuration: ofNumber(humanizeDuration),
  humanizePercentage: ofNumber(humanizePercentage),
  humanizeTimestamp: ofNumber((seconds) =>
    Number.isFinite(seconds) ? momentOf(seconds).toString() : sprintf("%.4g", [seconds]),
  ),
  toTime: ofNumber(momentOf),
  toDuration: ofNumber((seconds) => Composite.text("time.Duration", goDuration(seconds))),
  parseDuration: ofText((text) => {
    const duration = parseRuleDuration(text);
    if (duration === undefined) throw new Error(`'${text}' is not a duration`);
    return duration / 1000;
  }),
  title: ofText((text) => text.replace(/(?<![\p{L}\p{N}\p{M}_'’])\p{L}/gu, (letter) => letter.toUpperCase())),
  toUpper: ofText((text) => eachCharacter(text, (character) => character.toUpperCase())),
  toLower: ofText((text) => eachCharacter(text, (character) => character.toLowerCase())),
  match: templateFunction(["string", "string"], ([pattern, text]) =>
    RE2JS.compile(String(pattern)).matcher(String(text)).find(),
  ),
  reReplaceAll: templateFunction(["string", "string", "string"], ([pattern, replacement, text]) =>
    replaceAll(String(pattern), String(replacement), String(text)),
  ),
  graphLink: ofText((expression) => `/graph?g0.expr=${escapeQuery(expression)}&g0.tab=0`),
  tableLink: ofText((expression) => `/graph?g0.expr=${escapeQuery(expression)}&g0.tab=1`),
  urlQueryEscape: ofText(escapeQuery),
  stripPort: ofText((text) => splitHostPort(text)?.host ?? text),
  stripDomain: ofText(stripDomain),
  safeHtml: ofText((text) => Composite.text(SAFE_HTML, text)),
  args: templateFunction(
    [],
    (values) =>
      Composite.map(
        "map[string]interface {}",
        new Map(values.map((value, index) => [`arg${index}`, value])),
        {},
        null,
      ),
    "any",
  ),
};

/** Go changes the case of characters one by one; what would become several stays. */
function eachCharacter(text: string, change: (character: string) => string): string {
  return text.replace(/\P{ASCII}|[a-zA-Z]+/gu, (part) => {
    const changed = change(part);
    return changed.length === part.length ? changed : part;
  });
}

/** With Go's `$1`, `${1}`, `${name}`, `$$`; the longest name counts, and what is no group is empty. */
function replaceAll(pattern: string, replacement: string, text: string): string {
  const expression = RE2JS.compile(pattern);
  const groups = expression.namedGroups();
  const matcher = expression.matcher(text);
  let result = "";
  let end = 0;
  let hasMatched = false;
  while (matcher.find()) {
    // An empty match right after another does not count.
    if (hasMatched && matcher.start() === end && matcher.end() === end) continue;
    hasMatched = true;
    result += text.slice(end, matcher.start());
    result += replacement.replace(
      /\$(?:(\$)|\{(\w+)\}|(\w+))/g,
      (_, dollar?: string, braced?: string, bare?: string) => {
        if (dollar !== undefined) return "$";
        const name = braced ?? bare ?? "";
        const index = /^\d+$/.test(name) ? Number(name) : groups[name];
        return index === undefined || index > matcher.groupCount() ? "" : (matcher.group(index) ?? "");
      },
    );
    end = matcher.end();
  }
  return result + text.slice(end);
}

interface HostPort {
  readonly host: string;
  readonly port: string;
}

function splitHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:[\]]*)$/.exec(text);
  return match === null ? undefined : { host: match[1] ?? match[2] ?? "", port: match[3] ?? "" };
}

function stripDomain(text: string): string {
  const split = splitHostPort(text);
  const host = split?.host ?? text;
  if (isIP(host) !== 0) return text;
  const [name = ""] = host.split(".");
  return split === undefined || split.port === "" ? name : `${name}:${split.port}`;
}

/** As Go prints a time.Duration: `1h2m3.5s`. */
function goDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) throw new Error(`${seconds} is no duration`);
  const sign = seconds < 0 ? "-" : "";
  const magnitude = Math.abs(seconds);
  if (magnitude === 0) return "0s";
  if (magnitude < 1e-6) return `${sign}${Math.round(magnitude * 1e9)}ns`;
  if (magnitude < 1e-3) return `${sign}${trimmed(magnitude * 1e6)}µs`;
  if (magnitude < 1) return `${sign}${trimmed(magnitude * 1e3)}ms`;
  const hours = Math.floor(magnitude / 3600);
  const minutes = Math.floor(magnitude / 60) % 60;
  const rest = trimmed(magnitude % 60);
  return `${sign}${hours > 0 ? `${hours}h` : ""}${hours > 0 || minutes > 0 ? `${minutes}m` : ""}${rest}s`;
}

function trimmed(value: number): string {
  return String(Number(value.toFixed(9)));
}
