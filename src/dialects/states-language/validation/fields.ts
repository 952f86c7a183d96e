/** Which fields a state has, by its type and query language, and what values they take (States Language, the field tables). */
import type { QueryLanguage } from "../definition.ts";

/** What a field holds. A path may be null where the language says so. */
export type Rule =
  | "any"
  | "string"
  | "boolean"
  | "object"
  | "array"
  | "payload"
  | "path"
  | "path-or-null"
  | "path-or-call"
  | "reference"
  | "reference-or-null"
  | "timestamp"
  | "label"
  | {
      readonly floor?: number;
      readonly minimum?: number;
      readonly maximum?: number;
      readonly integer: boolean;
    }
  | { readonly oneOf: readonly string[] };

type Fields = Readonly<Record<string, Rule>>;

const count: Rule = { floor: 0, integer: true };
const seconds: Rule = { minimum: 1, maximum: 99_999_999, integer: true };

const common: Fields = {
  Type: "string",
  Comment: "string",
  QueryLanguage: { oneOf: ["JSONPath", "JSONata"] },
};
const transition: Fields = { Next: "string", End: "boolean", Assign: "payload" };
const handlers: Fields = { Retry: "array", Catch: "array" };
const paths: Fields = { InputPath: "path-or-null", OutputPath: "path-or-null" };
const results: Fields = { ...paths, ResultPath: "reference-or-null" };
const work: Fields = { ...results, Parameters: "payload", ResultSelector: "payload" };

interface Table {
  readonly both: Fields;
  readonly JSONPath: Fields;
  readonly JSONata: Fields;
}

const tables: Readonly<Record<string, Table>> = {
  Task: {
    both: {
      ...transition,
      ...handlers,
      Resource: "string",
      Credentials: "object",
      TimeoutSeconds: seconds,
      HeartbeatSeconds: seconds,
    },
    JSONPath: { ...work, TimeoutSecondsPath: "path-or-call", HeartbeatSecondsPath: "path-or-call" },
    JSONata: { Arguments: "any", Output: "any" },
  },
  Pass: {
    both: transition,
    JSONPath: { ...results, Parameters: "payload", Result: "any" },
    JSONata: { Output: "any" },
  },
  Wait: {
    both: {
      ...transition,
      Seconds: { floor: 0, maximum: 99_999_999, integer: true },
      Timestamp: "timestamp",
    },
    JSONPath: { ...paths, SecondsPath: "path-or-call", TimestampPath: "path-or-call" },
    JSONata: { Output: "any" },
  },
  Choice: {
    both: { Choices: "array", Default: "string", Assign: "payload" },
    JSONPath: paths,
    JSONata: { Output: "any" },
  },
  Succeed: { both: {}, JSONPath: paths, JSONata: { Output: "any" } },
  Fail: {
    both: { Error: "string", Cause: "string" },
    JSONPath: { ErrorPath: "path-or-call", CausePath: "path-or-call" },
    JSONata: {},
  },
  Parallel: {
    both: { ...transition, ...handlers, Branches: "array" },
    JSONPath: work,
    JSONata: { Arguments: "any", Output: "any" },
  },
  Map: {
    both: {
      ...transition,
      ...handlers,
      ItemProcessor: "object",
      Iterator: "object",
      ItemReader: "object",
      ItemSelector: "payload",
      ItemBatcher: "object",
      ResultWriter: "object",
      MaxConcurrency: count,
      ToleratedFailureCount: count,
      ToleratedFailurePercentage: { floor: 0, maximum: 100, integer: false },
      Label: "label",
    },
    JSONPath: {
      ...work,
      ItemsPath: "path",
      MaxConcurrencyPath: "path-or-call",
      ToleratedFailureCountPath: "path-or-call",
      ToleratedFailurePercentagePath: "path-or-call",
    },
    JSONata: { Items: "any", Output: "any" },
  },
};

export const stateTypes = Object.keys(tables);

/** The fields of a type of state; undefined where there is no such type. */
export function fieldsOf(type: string, language: QueryLanguage): Fields | undefined {
  const table = tables[type];
  return table === undefined ? undefined : { ...common, ...table.both, ...table[language] };
}

export const machineFields: Fields = {
  Comment: "string",
  StartAt: "string",
  States: "object",
  Version: "string",
  TimeoutSeconds: seconds,
  QueryLanguage: { oneOf: ["JSONPath", "JSONata"] },
  ProcessorConfig: "object",
};

export const retrierFields: Fields = {
  Comment: "string",
  ErrorEquals: "array",
  IntervalSeconds: { minimum: 1, maximum: 99_999_999, integer: true },
  MaxAttempts: { floor: 0, maximum: 99_999_999, integer: true },
  BackoffRate: { minimum: 1, integer: false },
  MaxDelaySeconds: { floor: 0, maximum: 31_622_400, integer: true },
  JitterStrategy: { oneOf: ["FULL", "NONE"] },
};

export const catcherFields: Readonly<Record<QueryLanguage, Fields>> = {
  JSONPath: {
    Comment: "string",
    ErrorEquals: "array",
    Next: "string",
    ResultPath: "reference-or-null",
    Assign: "payload",
  },
  JSONata: { Comment: "string", ErrorEquals: "array", Next: "string", Output: "any", Assign: "payload" },
};

/** Fields of which a state has one at most. */
export const exclusive: readonly (readonly string[])[] = [
  ["Error", "ErrorPath"],
  ["Cause", "CausePath"],
  ["TimeoutSeconds", "TimeoutSecondsPath"],
  ["HeartbeatSeconds", "HeartbeatSecondsPath"],
  ["ItemProcessor", "Iterator"],
  ["Parameters", "ItemSelector"],
  ["MaxConcurrency", "MaxConcurrencyPath"],
  ["ToleratedFailureCount", "ToleratedFailureCountPath"],
  ["ToleratedFailurePercentage", "ToleratedFailurePercentagePath"],
  ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"],
];
