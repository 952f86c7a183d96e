/**
 * What a rehearsal takes to be so: from `rehearsal.yaml` (or another file) and from flags, which win. Everything is checked
 * before anything is played; what is wrong is said with its line.
 */
import { z } from "zod";
import type { RehearsalFlags } from "../../cli/rehearsal.ts";
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import { parseDuration } from "../../model/duration.ts";
import { pathText } from "../../model/walk.ts";
import { readText } from "../../sdk/load/find.ts";
import type { Source } from "../../sdk/load/sources.ts";
import { parseYaml } from "../../sdk/load/yaml.ts";

const DURATION = /^(0|(\d+(\.\d+)?(ms|s|m|h|d|w))+)$/;
const duration = z.string().regex(DURATION, "must be a duration such as 500ms, 30s or 5m");
const span = z.union([
  duration,
  z.strictObject({ between: z.tuple([duration, duration]).describe("Shortest and longest.") }),
]);
const operations = z.enum(["create", "update", "remove"]);
const latency = z.union([
  span,
  z.strictObject({ create: span.optional(), update: span.optional(), remove: span.optional() }),
]);
const address = z
  .string()
  .min(1)
  .describe("`service/api`; a star stands for anything: `service/*`, `database/*-berlin`.");

const fail = z.strictObject({
  address,
  operation: operations.default("create").describe("What fails. Of a Service `create`: its program ends."),
  times: z
    .union([z.int().min(1), z.literal("always")])
    .default("always")
    .describe("So many times, then it goes well."),
  terminal: z.boolean().default(false).describe("There is no use in trying again."),
  message: z.string().default("It fails in this rehearsal.").describe("One sentence."),
  after: duration.optional().describe("After that long; its usual time when absent."),
});

const hanging = z.strictObject({ address, operation: operations.default("create") });

export const schema = z.strictObject({
  seed: z.int().min(0).default(1).describe("Of all that is left to chance."),
  latencies: z
    .record(z.string(), latency)
    .default({})
    .describe("How long things take, by kind (`database`), class (`service@docker`) or address."),
  fail: z.array(fail).default([]),
  hang: z
    .array(z.union([address, hanging]))
    .default([])
    .transform((all) => all.map((one) => (typeof one === "string" ? hanging.parse({ address: one }) : one)))
    .describe("What never answers: an address, or {address: ..., operation: remove}."),
  quotas: z
    .record(z.string(), z.int().min(0))
    .default({})
    .describe("How much there is: `instances`, or the plural of a kind: `databases`."),
  outputs: z
    .record(z.string(), z.record(z.string(), z.unknown()))
    .default({})
    .describe("By address: fields of the status that others refer to."),
  crashes: z
    .array(z.strictObject({ address, at: duration, times: z.int().min(1).default(1) }))
    .default([])
    .describe("Instances of Services that end by themselves."),
  alerts: z
    .array(
      z.strictObject({
        address,
        at: duration.default("0s"),
        for: duration.default("5m"),
        name: z.string().default("Rehearsed"),
      }),
    )
    .default([])
    .describe("Alerts that fire, for the gates of waves."),
  crashAt: z.array(duration).or(duration).default([]).describe("When the control plane is killed."),
  down: duration.default("2s").describe("How long until another one runs."),
  approveAfter: z
    .union([duration, z.literal("never")])
    .default("0s")
    .describe("How long people take to approve; never: they do not."),
  until: duration.default("30d").describe("How far the clock is run at most."),
});

export type Assumptions = z.output<typeof schema>;
export type Span = z.output<typeof span>;
export type Failing = Assumptions["fail"][number];

/** Rejects with DiagnosticError. `file`: absolute. */
export function assumptionsFrom(file: string | undefined, flags: RehearsalFlags): Assumptions {
  const given = file === undefined ? {} : readAssumptions(file);
  const parsed = schema.safeParse(given.value ?? {});
  if (!parsed.success)
    throw new DiagnosticError(parsed.error.issues.flatMap((issue) => findings(issue, given.source)));
  const read = parsed.data;
  const problems = spansIn(read).flatMap(([path, { between }]) =>
    parseDuration(between[0]) <= parseDuration(between[1])
      ? []
      : [at({ path, message: "The shortest time is longer than the longest." }, given.source)],
  );
  if (problems.length > 0) throw new DiagnosticError(problems);
  return withFlags(read, flags);
}

interface Given {
  readonly value?: unknown;
  readonly source?: Source;
}

function readAssumptions(file: string): Given {
  const text = readText(file);
  if (typeof text !== "string") throw new DiagnosticError([{ severity: "error", ...text }]);
  const { manifests, diagnostics } = parseYaml(text, file);
  if (diagnostics.length > 0) throw new DiagnosticError(diagnostics);
  const [first, second] = manifests;
  if (second !== undefined)
    throw new DiagnosticError([
      at({ path: "", message: "The file holds more than one document." }, second.source),
    ]);
  return first ?? {};
}

type Issue = z.core.$ZodIssue;

function findings(issue: Issue, source: Source | undefined): readonly Diagnostic[] {
  const path = pathText(issue.path as readonly (string | number)[]);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) =>
      at(
        {
          path: path === "" ? key : `${path}.${key}`,
          message: `There is no field '${key.slice(0, 80)}' here.`,
          hint: didYouMean(key, Object.keys(schema.shape)),
        },
        source,
      ),
    );
  const message =
    issue.code === "invalid_union" ? "It has not the form that is meant here." : sentence(issue);
  return [at({ path, message, hint: hintOf(issue.path[0]) }, source)];
}

function sentence({ message }: Issue): string {
  return `It ${message.replace(/^Invalid input: expected/, "must be").replace(/, received.*$/, "")}.`.replace(
    /^It (?!must)/,
    "It is wrong: ",
  );
}

function hintOf(field: PropertyKey | undefined): string | undefined {
  const meant = schema.shape[field as keyof typeof schema.shape] as z.ZodType | undefined;
  const examples: Readonly<Record<string, string>> = {
    latencies: "Write for example database: 20s, or service/api: {between: [1s, 3s]}.",
    fail: "Write for example {address: service/api, times: 2}.",
  };
  return examples[String(field)] ?? meant?.description;
}

interface Finding {
  readonly path: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

function at({ path, message, hint }: Finding, source: Source | undefined): Diagnostic {
  return {
    severity: "error",
    code: "InvalidAssumption",
    ...(path === "" ? {} : { path }),
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(source === undefined ? {} : { source: source.position(path) }),
  };
}

type Between = Exclude<Span, string>;

function spansIn({ latencies }: Assumptions): readonly (readonly [string, Between])[] {
  return Object.entries(latencies).flatMap(([name, value]) => {
    const path = pathText(["latencies", name]);
    if (typeof value === "string") return [];
    if ("between" in value) return [[path, value] as const];
    return Object.entries(value).flatMap(([operation, one]) =>
      typeof one === "object" ? [[`${path}.${operation}`, one] as const] : [],
    );
  });
}

/** Flags come first, so that they win where the first that fits is taken. */
function withFlags(read: Assumptions, flags: RehearsalFlags): Assumptions {
  const latencies = Object.fromEntries((flags.latency ?? []).map((text) => latencyFlag(text)));
  const quotas = Object.fromEntries((flags.quota ?? []).map((text) => quotaFlag(text)));
  return {
    ...read,
    latencies: { ...read.latencies, ...latencies },
    quotas: { ...read.quotas, ...quotas },
    fail: [...(flags.fail ?? []).map((text) => failFlag(text)), ...read.fail],
    hang: [...(flags.hang ?? []).map((text) => hanging.parse({ address: text })), ...read.hang],
    ...(flags.seed === undefined ? {} : { seed: count("--seed 3", flags.seed) }),
    ...(flags.crashAt === undefined
      ? {}
      : { crashAt: flags.crashAt.split(",").map((text) => durationFlag("--crash-at", text)) }),
    ...(flags.approveAfter === undefined
      ? {}
      : {
          approveAfter:
            flags.approveAfter === "never" ? "never" : durationFlag("--approve-after", flags.approveAfter),
        }),
    ...(flags.until === undefined ? {} : { until: durationFlag("--until", flags.until) }),
  };
}

function latencyFlag(text: string): readonly [string, Span] {
  const [name, value] = pair("--latency", text, "database=20s");
  const [from, to] = value.split("..").map((one) => durationFlag("--latency", one)) as [string, string?];
  return [name, to === undefined ? from : { between: [from, to] }];
}

function quotaFlag(text: string): readonly [string, number] {
  const [name, value] = pair("--quota", text, "instances=10");
  return [name, count("--quota instances=10", value)];
}

/** `service/api`, or `service/api=2`: so many times. */
function failFlag(text: string): Failing {
  const [name = "", times] = text.split("=");
  return fail.parse({
    address: name,
    ...(times === undefined ? {} : { times: count("--fail service/api=2", times) }),
  });
}

function pair(flag: string, text: string, example: string): readonly [string, string] {
  const place = text.indexOf("=");
  if (place < 1)
    refuse(`${flag} takes a name and a value, not '${text.slice(0, 40)}'.`, `${flag} ${example}`);
  return [text.slice(0, place), text.slice(place + 1)];
}

/** `example`: the flag as it should be. */
function count(example: string, text: string): number {
  const [flag = ""] = example.split(" ");
  if (!/^\d{1,15}$/.test(text)) refuse(`${flag} takes a number, not '${text.slice(0, 40)}'.`, example);
  return Number(text);
}

function durationFlag(flag: string, text: string): string {
  if (!DURATION.test(text)) refuse(`'${text.slice(0, 40)}' is no duration, for ${flag}.`, "30s, 5m or 1h30m");
  return text;
}

function refuse(message: string, example: string): never {
  throw new DiagnosticError([
    { severity: "error", code: "InvalidAssumption", message, hint: `Write for example ${example}.` },
  ]);
}
