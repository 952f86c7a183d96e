/** Checks what is inside one state: its fields and their values, its Choice rules, Retry and Catch. */
import { didYouMean } from "../../../diagnostics/suggestion.ts";
import type { Json, JsonObject } from "../../../model/resource.ts";
import { operandOf } from "../choice.ts";
import type { QueryLanguage } from "../definition.ts";
import { isObject } from "../json-path.ts";
import { isJsonata } from "../jsonata-expression.ts";
import { parseTimestamp } from "../timestamp.ts";
import { checkTemplate, wrongExpression, wrongReference } from "./expressions.ts";
import { type Rule, catcherFields, exclusive, fieldsOf, retrierFields, stateTypes } from "./fields.ts";
import { type Place, type Problems, quoted, short } from "./problems.ts";
import { type MachineType, checkResource } from "./resources.ts";

const required: Readonly<Record<string, readonly string[]>> = {
  Task: ["Resource"],
  Choice: ["Choices"],
  Parallel: ["Branches"],
};

export class StateCheck {
  readonly problems: Problems;
  readonly type: MachineType;
  readonly language: QueryLanguage;

  constructor(problems: Problems, type: MachineType, language: QueryLanguage) {
    this.problems = problems;
    this.type = type;
    this.language = language;
  }

  state(place: Place, state: JsonObject): void {
    const { Type: type, QueryLanguage: own } = state;
    if (own === "JSONPath" && this.language === "JSONata") {
      this.problems.add(
        place,
        "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine.",
      );
    }
    const language = own === "JSONata" || own === "JSONPath" ? own : this.language;
    const fields = typeof type === "string" ? fieldsOf(type, language) : undefined;
    if (typeof type !== "string" || fields === undefined) {
      this.problems.add(
        [...place, "Type"],
        `${short(type)} is not one of the allowed values ${quoted(stateTypes)}.`,
      );
      return;
    }
    this.fields(place, state, fields, `a ${type} state in ${language} mode`, language);
    this.#required(place, state, type);
    for (const group of exclusive) {
      if (group.filter((name) => name in state).length > 1) {
        this.problems.add(
          place,
          `A ${type} state may have only one of ${quoted(group.filter((name) => name in fields))}.`,
        );
      }
    }
    this.#special(place, state, language);
  }

  #required(place: Place, state: JsonObject, type: string): void {
    const missing = (required[type] ?? []).filter((name) => !(name in state));
    if (missing.length > 0) this.problems.add(place, `These fields are required: [${missing.join(", ")}]`);
    if (type === "Map" && !("ItemProcessor" in state) && !("Iterator" in state)) {
      this.problems.add(place, "These fields are required: [ItemProcessor]");
    }
    if (
      type === "Wait" &&
      !["Seconds", "SecondsPath", "Timestamp", "TimestampPath"].some((name) => name in state)
    ) {
      this.problems.add(place, "A Wait state has one of Seconds, SecondsPath, Timestamp and TimestampPath.");
    }
    if (["Choice", "Succeed", "Fail"].includes(type)) return;
    if ("Next" in state === (state["End"] === true)) {
      this.problems.add(place, `A ${type} state has either "Next" or "End": true.`);
    }
  }

  #special(place: Place, state: JsonObject, language: QueryLanguage): void {
    const { Resource: resource, Credentials: credentials } = state;
    if (typeof resource === "string")
      checkResource(this.problems, [...place, "Resource"], resource, this.type);
    if (isObject(credentials) && !("RoleArn" in credentials || "RoleArn.$" in credentials)) {
      // Definitions of JSONPath mode hold other credentials too; only the service's own are known by a role.
      const at = [...place, "Credentials"];
      const message = "The field 'RoleArn' is required but was missing.";
      if (language === "JSONata") this.problems.add(at, message);
      else this.problems.warn(at, message);
    }
    this.#each(place, state, "Choices", (at, rule) => this.#rule(at, rule, language, true));
    this.#each(place, state, "Retry", (at, one) => {
      this.fields(at, one, retrierFields, "a Retrier", language);
    });
    this.#each(place, state, "Catch", (at, one) => {
      this.fields(at, one, catcherFields[language], "a Catcher", language);
      if (!("Next" in one)) this.problems.add(at, "These fields are required: [Next]");
    });
    for (const field of ["Retry", "Catch"]) this.#errorNames([...place, field], state[field]);
    for (const name of ["ItemReader", "ItemBatcher", "ResultWriter"]) {
      const value = state[name];
      if (isObject(value)) checkTemplate(this.problems, [...place, name], value, language);
    }
  }

  #each(
    place: Place,
    state: JsonObject,
    field: string,
    check: (place: Place, one: JsonObject) => void,
  ): void {
    const values = state[field];
    if (!Array.isArray(values)) return;
    if (values.length === 0 && field === "Choices") {
      this.problems.add([...place, field], "A non-empty required array is empty.");
    }
    for (const [index, one] of (values as readonly Json[]).entries()) {
      const at = [...place, field, index];
      if (isObject(one)) check(at, one);
      else this.problems.add(at, `An object is expected, not ${short(one)}.`);
    }
  }

  #errorNames(place: Place, handlers: Json | undefined): void {
    if (!Array.isArray(handlers)) return;
    for (const [index, handler] of (handlers as readonly Json[]).entries()) {
      if (!isObject(handler)) continue;
      const names = handler["ErrorEquals"];
      const at = [...place, index, "ErrorEquals"];
      if (!Array.isArray(names) || names.length === 0) {
        this.problems.add(at, `A non-empty required array of error names is ${short(names)}.`);
      } else if (names.some((name) => typeof name !== "string")) {
        this.problems.add(at, `Error names are strings, not ${short(names as Json)}.`);
      } else if (names.includes("States.ALL") && (names.length > 1 || index < handlers.length - 1)) {
        this.problems.add(at, '"States.ALL" stands alone, in the last of the list.');
      }
    }
  }

  /** A Choice rule; only the outermost has Next. */
  #rule(place: Place, rule: JsonObject, language: QueryLanguage, top: boolean): void {
    if (top !== "Next" in rule) {
      this.problems.add(
        place,
        top ? "These fields are required: [Next]" : '"Next" stands in the outermost rule only.',
      );
    }
    if (rule["Assign"] !== undefined)
      checkTemplate(this.problems, [...place, "Assign"], rule["Assign"], language);
    if (language === "JSONata") this.#condition(place, rule);
    else this.#dataTest(place, rule);
  }

  #condition(place: Place, rule: JsonObject): void {
    const { Condition: condition } = rule;
    if (typeof condition !== "boolean" && !isJsonata(condition)) {
      this.problems.add(place, `A Condition is "{% an expression %}", not ${short(condition)}.`);
    } else checkTemplate(this.problems, [...place, "Condition"], condition, "JSONata");
    if (rule["Output"] !== undefined)
      checkTemplate(this.problems, [...place, "Output"], rule["Output"], "JSONata");
  }

  #dataTest(place: Place, rule: JsonObject): void {
    const inner = ["And", "Or", "Not"].filter((name) => name in rule);
    const tests = Object.keys(rule).filter((name) => operandOf(name) !== undefined);
    const known = ["Next", "Comment", "Assign", "Variable", ...inner, ...tests];
    for (const name of Object.keys(rule).filter((one) => !known.includes(one))) {
      this.problems.add([...place, name], `A Choice rule has no field "${name}".`);
    }
    if (inner.length + tests.length !== 1) {
      this.problems.add(place, "A Choice rule has one test: a comparison, And, Or or Not.");
    }
    for (const name of inner) {
      const given = rule[name];
      const rules = name === "Not" ? [given] : (given as readonly Json[]);
      if (!Array.isArray(rules) || rules.length === 0 || !rules.every(isObject)) {
        this.problems.add(
          [...place, name],
          `"${name}" holds ${name === "Not" ? "a rule" : "a non-empty required array of rules"}.`,
        );
      } else {
        for (const [index, one] of (rules as readonly JsonObject[]).entries()) {
          this.#rule([...place, name, ...(name === "Not" ? [] : [index])], one, "JSONPath", false);
        }
      }
    }
    if (tests.length > 0) this.#comparison(place, rule, tests);
  }

  #comparison(place: Place, rule: JsonObject, tests: readonly string[]): void {
    const wrong = wrongExpression(rule["Variable"] ?? null);
    if (wrong !== undefined) this.problems.add([...place, "Variable"], wrong);
    for (const name of tests) {
      const operand = operandOf(name);
      const value = rule[name] ?? null;
      const isRight =
        operand === "path"
          ? wrongExpression(value) === undefined
          : operand === "timestamp"
            ? typeof value === "string" && parseTimestamp(value) !== undefined
            : typeof value === operand;
      if (!isRight)
        this.problems.add([...place, name], `${name} compares with a ${operand}, not ${short(value)}.`);
    }
  }

  /** Checks that an object has no other fields than these, and that each holds what it should. */
  fields(
    place: Place,
    object: JsonObject,
    fields: Readonly<Record<string, Rule>>,
    what: string,
    language: QueryLanguage = this.language,
  ): void {
    for (const [name, value] of Object.entries(object)) {
      const rule = fields[name];
      if (rule === undefined) {
        const hint = didYouMean(name, Object.keys(fields));
        this.problems.add(
          [...place, name],
          `The field "${name}" is not allowed in ${what}.${hint === undefined ? "" : ` ${hint}`}`,
        );
        continue;
      }
      const wrong = wrongValue(rule, value, language);
      if (wrong !== undefined) this.problems.add([...place, name], `"${name}": ${wrong}`);
      else if (rule === "any" || rule === "payload" || rule === "object") {
        if (
          ![
            "States",
            "ItemProcessor",
            "Iterator",
            "Result",
            "ItemReader",
            "ItemBatcher",
            "ResultWriter",
          ].includes(name)
        ) {
          checkTemplate(this.problems, [...place, name], value, language);
        }
      } else if (isJsonata(value) && language === "JSONata") {
        checkTemplate(this.problems, [...place, name], value, "JSONata");
      }
    }
  }
}

type Check = (value: Json) => string | undefined;

const typed =
  (type: string): Check =>
  (value) =>
    typeof value === type ? undefined : `a ${type} is expected, not ${short(value)}.`;

// What the service refuses in a label, besides control signs.
const labelSigns = /[\s?*<>{}[\]:;,\\|^~$#%&`"\p{Cc}\p{Cs}\uFFFE\uFFFF]/u;

const checks: Readonly<Record<Extract<Rule, string>, Check>> = {
  any: () => undefined,
  payload: () => undefined,
  string: typed("string"),
  boolean: typed("boolean"),
  object: (value) => (isObject(value) ? undefined : `an object is expected, not ${short(value)}.`),
  array: (value) => (Array.isArray(value) ? undefined : `an array is expected, not ${short(value)}.`),
  path: (value) => wrongExpression(value),
  "path-or-null": (value) => (value === null ? undefined : wrongExpression(value)),
  "path-or-call": (value) => wrongExpression(value),
  reference: (value) => wrongReference(value),
  "reference-or-null": (value) => (value === null ? undefined : wrongReference(value)),
  timestamp: (value) =>
    typeof value === "string" && parseTimestamp(value) !== undefined
      ? undefined
      : `the string does not match an RFC3339 timestamp, as 2030-01-31T12:00:00Z: ${short(value)}.`,
  label: (value) => {
    if (typeof value !== "string") return `a string is expected, not ${short(value)}.`;
    if (value === "") return "a Label is not empty.";
    if (value.length > 40) return "Label cannot exceed 40 characters.";
    return labelSigns.test(value)
      ? "a Label has no spaces, wildcards, brackets or special characters."
      : undefined;
  },
};

function wrongValue(rule: Rule, value: Json, language: QueryLanguage): string | undefined {
  if (language === "JSONata" && isJsonata(value) && rule !== "label") return undefined;
  if (typeof rule === "string") return checks[rule](value);
  if (!("oneOf" in rule)) return wrongNumber(rule, value);
  return typeof value === "string" && rule.oneOf.includes(value)
    ? undefined
    : `${short(value)} is not one of the allowed values ${quoted(rule.oneOf)}.`;
}

function wrongNumber(rule: Extract<Rule, { readonly integer: boolean }>, value: Json): string | undefined {
  const { integer, floor, minimum, maximum } = rule;
  if (typeof value !== "number" || (integer && !Number.isInteger(value))) {
    return `${integer ? "an integer" : "a number"} is expected, not ${short(value)}.`;
  }
  if (floor !== undefined && value < floor) return `${value} is too small: the allowed floor is ${floor}.`;
  if (minimum !== undefined && value < minimum) {
    return `${value} is too small: the allowed minimum is ${minimum}.`;
  }
  if (maximum === undefined || value <= maximum) return undefined;
  return `${value} is too large: the allowed maximum is ${maximum}.`;
}
