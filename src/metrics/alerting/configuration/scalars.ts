/** What a text in a configuration can mean. All of these refuse with a sentence. */
import { z } from "zod";
import { parseDuration } from "../../../model/duration.ts";
import { type Matcher, matcher } from "../../matcher.ts";
import { LONGEST_DELAY } from "../delay.ts";
import { MatcherSyntaxError, checkedMatcher, parseMatchers } from "../matchers.ts";
import { formatFor } from "../time-interval.ts";

export const text = z.string();

/** A text turned into something else by a function that throws an Error with a sentence. */
export function parsed<T>(parse: (text: string) => T) {
  return z.string().transform((value, context): T => {
    try {
      return parse(value);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      context.issues.push({ code: "custom", message: error.message, input: value });
      return z.NEVER;
    }
  });
}

const TRUTH: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  false: false,
  no: false,
  off: false,
};

export const flag = parsed((value) => {
  const known = TRUTH[value.toLowerCase()];
  if (known === undefined) throw new Error("It should be true or false.");
  return known;
});

export const count = parsed((value) => {
  if (!/^\d{1,15}$/.test(value)) throw new Error("It should be a whole number.");
  return Number(value);
});

const UNITS = {
  y: 31_536_000_000,
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
} as const;

/** Milliseconds, as Prometheus writes durations: each unit once, from the largest. */
export const duration = parsed((value) => {
  if (value === "0") return 0;
  const found = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(
    value,
  );
  if (found === null || value === "")
    throw new Error(`'${value}' is no duration: write for example 30s, 5m or 1h30m.`);
  return Object.values(UNITS).reduce((sum, unit, at) => sum + unit * Number(found[at + 1] ?? 0), 0);
});

export const positiveDuration = duration.refine((value) => value > 0, "It cannot be zero.");

/** Milliseconds, as Go writes durations; never longer than a timer can wait. */
export const timeout = parsed((value) => {
  try {
    return Math.min(parseDuration(value), LONGEST_DELAY);
  } catch {
    throw new Error(`'${value}' is no duration: write for example 10s.`);
  }
});

export const labelName = z.string().min(1, "A label has a name.");

const classicLabelName = z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, "It is no name of a label.");

export const labelValues = z.record(labelName, text);

export const matchers = z
  .array(parsed((value) => parseMatchers(value)))
  .transform((lists): readonly Matcher[] => lists.flat());

/** `match: {name: value}`, the older spelling of `matchers`. */
export const equalities = z
  .record(classicLabelName, text.nullable())
  .transform((members): readonly Matcher[] =>
    Object.entries(members).map(([name, value]) => matcher(name, "=", value ?? "")),
  );

/** `match_re: {name: expression}`. Alertmanager writes such expressions with their anchors into the keys of groups. */
export const expressions = z
  .record(classicLabelName, z.string("It should be a regular expression."))
  .transform((members, context): readonly Matcher[] =>
    Object.entries(members).flatMap(([name, value]) => {
      try {
        checkedMatcher(name, "=~", value);
        return [matcher(name, "=~", `^(?:${value})$`)];
      } catch (error) {
        if (!(error instanceof MatcherSyntaxError)) throw error;
        context.issues.push({ code: "custom", message: error.message, input: value, path: [name] });
        return [];
      }
    }),
  );

/** An address of HTTP; templates are allowed where a receiver renders it. The address itself may be secret: no message holds it. */
export function webAddress(options: { readonly template?: true } = {}) {
  return parsed((value) => {
    if (value === "" || value === "<secret>" || (options.template === true && value.includes("{{")))
      return value;
    const url = URL.parse(value);
    if (url === null || !/^https?:$/.test(url.protocol) || url.host === "")
      throw new Error("It should be an address that begins with http:// or https:// and a host.");
    return value;
  });
}

export const hostPort = parsed((value) => {
  if (value === "") return undefined;
  const found = /^(?:\[([^\]]+)\]|([^:]*)):([^:]+)$/.exec(value);
  if (found === null) throw new Error(`'${value}' is no address: write host:port.`);
  return { host: found[1] ?? found[2] ?? "", port: found[3] ?? "" };
});

export const timeZone = parsed((value) => {
  // Go's name for where the program runs.
  const zone =
    value === "Local" ? Intl.DateTimeFormat().resolvedOptions().timeZone : value === "" ? "UTC" : value;
  try {
    formatFor(zone);
  } catch {
    throw new Error(`'${value}' is no time zone: write for example Europe/Berlin.`);
  }
  return zone;
});
