/** What templates of notifications can call, besides what Go's own package brings. */
import { ruleFunctions } from "../rules/template-functions.ts";
import { Moment } from "../../clock/moment.ts";
import {
  Composite,
  SAFE_HTML,
  type TemplateFunction,
  type Value,
  listOf,
  templateFunction,
} from "../template/value.ts";
import { jsonOf } from "./template-data.ts";

export interface FunctionServices {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A route's label, rendered. */
  readonly routeLabel: (name: string) => string;
}

export function notificationFunctions(
  services: FunctionServices,
): Readonly<Record<string, TemplateFunction>> {
  return {
    ...SHARED,
    ...TEXTS,
    ...COLLECTIONS,
    ...timeFunctions(services),
    routeLabels: templateFunction(["string"], ([name]) => services.routeLabel(String(name))),
  };
}

const RULES = ruleFunctions({
  query: () => {
    throw new Error("a notification has no measurements");
  },
  now: () => 0,
  externalURL: "",
});

/** Those that rules and notifications have in common. */
const SHARED = Object.fromEntries(
  ["toUpper", "toLower", "title", "match", "reReplaceAll", "safeHtml"].flatMap((name) => {
    const known = RULES[name];
    return known === undefined ? [] : [[name, known] as const];
  }),
);

function ofText(change: (text: string) => Value): TemplateFunction {
  return templateFunction(["string"], ([text]) => change(String(text)));
}

const TEXTS: Readonly<Record<string, TemplateFunction>> = {
  trimSpace: ofText((text) => text.trim()),
  join: templateFunction(["string", "list"], ([separator, list = []]) =>
    (listOf(list) ?? []).map(String).join(String(separator)),
  ),
  safeUrl: ofText((text) => Composite.text(SAFE_HTML, text)),
  urlUnescape: ofText((text) => decodeURIComponent(text.replaceAll("+", " "))),
  base64encode: ofText((text) =>
    Buffer.from(text).toString("base64").replaceAll("+", "-").replaceAll("/", "_"),
  ),
  base64decode: ofText((text) => Buffer.from(text, "base64url").toString()),
  toJson: templateFunction(["any"], ([value = null]) => JSON.stringify(jsonOf(value))),
};

const COLLECTIONS: Readonly<Record<string, TemplateFunction>> = {
  stringSlice: templateFunction([], (args) => args, "string"),
  list: templateFunction([], (args) => args, "any"),
  append: templateFunction(["list"], ([list = [], ...more]) => [...(listOf(list) ?? []), ...more], "any"),
  dict: templateFunction(
    [],
    (args) => {
      if (args.length % 2 !== 0) throw new Error("dict needs a value for each key");
      const entries = new Map<string, Value>();
      for (let at = 0; at < args.length; at += 2) entries.set(String(args[at]), args[at + 1] ?? null);
      return Composite.map("map[string]interface {}", entries, {}, null);
    },
    "any",
  ),
};

/** Seconds of the durations that `since` gives. */
const seconds = new WeakMap<Composite, number>();

function timeFunctions({ now }: FunctionServices): Readonly<Record<string, TemplateFunction>> {
  return {
    now: templateFunction([], () => new Moment(now())),
    date: templateFunction(["string", "moment"], ([layout, moment]) =>
      (moment as Moment).format(String(layout)),
    ),
    tz: templateFunction(["string", "moment"], ([zone, moment]) => (moment as Moment).in(String(zone))),
    since: templateFunction(["moment"], (args, context) => {
      const [moment] = args;
      const elapsed = (now() - (moment as Moment).epoch) / 1000;
      const duration = RULES["toDuration"]?.call([elapsed], context) ?? elapsed;
      if (duration instanceof Composite) seconds.set(duration, elapsed);
      return duration;
    }),
    humanizeDuration: templateFunction(["any"], ([value = null], context) => {
      const known = value instanceof Composite ? seconds.get(value) : undefined;
      return RULES["humanizeDuration"]?.call([known ?? value], context) ?? "";
    }),
  };
}
