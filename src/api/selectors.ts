/** Label and field selectors in the syntax of Kubernetes. */
import type { Resource } from "../model/resource.ts";
import { badRequest } from "./status-error.ts";

export interface Selection {
  readonly matches: (resource: Resource) => boolean;
  /** The equalities among the label requirements: a store finds by them without looking at everything. */
  readonly labels: Readonly<Record<string, string>>;
  /** When the fields ask for one name, that name. */
  readonly name: string | undefined;
  readonly isEverything: boolean;
}

type Test = (resource: Resource) => boolean;

/** Refuses with BadRequest what cannot be understood. */
export function parseSelection(
  labelSelector: string | undefined,
  fieldSelector: string | undefined,
): Selection {
  const labels = parseLabels(labelSelector ?? "");
  const fields = parseFields(fieldSelector ?? "");
  const tests = [...labels.tests, ...fields.tests];
  return {
    matches: (resource) => tests.every((test) => test(resource)),
    labels: labels.equal,
    name: fields.name,
    isEverything: tests.length === 0,
  };
}

const KEY = /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const SET = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/;
const EQUALITY = /^([^=!\s]+)\s*(==|=|!=)\s*([^=!\s]*)$/;

function parseLabels(text: string): {
  readonly tests: readonly Test[];
  readonly equal: Readonly<Record<string, string>>;
} {
  const equal: Record<string, string> = {};
  const tests = splitOutsideBrackets(text).map((requirement): Test => {
    const set = SET.exec(requirement);
    if (set !== null)
      return setTest(
        label(set[1]),
        set[2] === "in",
        (set[3] ?? "").split(",").map((value) => value.trim()),
      );
    const equality = EQUALITY.exec(requirement);
    if (equality !== null) {
      const name = label(equality[1]);
      const value = equality[3] ?? "";
      if (equality[2] === "!=") return setTest(name, false, [value]);
      equal[name] = value;
      return setTest(name, true, [value]);
    }
    if (requirement.startsWith("!")) {
      const name = label(requirement.slice(1).trim());
      return (resource) => labelOf(resource, name) === undefined;
    }
    const name = label(requirement);
    return (resource) => labelOf(resource, name) !== undefined;
  });
  return { tests, equal };
}

function label(name: string | undefined): string {
  if (name !== undefined && KEY.test(name)) return name;
  throw badRequest(`unable to parse requirement: '${(name ?? "").slice(0, 80)}' is not a label's name.`);
}

/** As in Kubernetes, `notin` and `!=` hold for resources without the label. */
function setTest(name: string, isIn: boolean, values: readonly string[]): Test {
  const set = new Set(values);
  return (resource) => {
    const value = labelOf(resource, name);
    return value === undefined ? !isIn : set.has(value) === isIn;
  };
}

function labelOf(resource: Resource, name: string): string | undefined {
  const { labels } = resource.metadata;
  return labels !== undefined && Object.hasOwn(labels, name) ? labels[name] : undefined;
}

function splitOutsideBrackets(text: string): readonly string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function parseFields(text: string): { readonly tests: readonly Test[]; readonly name: string | undefined } {
  let name: string | undefined;
  const tests = text
    .split(/(?<!\\),/)
    .filter((part) => part.trim() !== "")
    .map((requirement): Test => {
      const found = /^\s*([A-Za-z][\w.-]*)\s*(==|=|!=)(.*)$/s.exec(requirement);
      if (found === null) throw badRequest(`invalid field selector: '${requirement.slice(0, 80)}'`);
      const path = (found[1] ?? "").split(".");
      const wanted = (found[3] ?? "").trim().replace(/\\([\\,=])/g, "$1");
      const isEqual = found[2] !== "!=";
      if (isEqual && found[1] === "metadata.name") name = wanted;
      return (resource) => (fieldText(resource, path) === wanted) === isEqual;
    });
  return { tests, name };
}

/** The value as text; nothing there is the empty text, as in Kubernetes. */
function fieldText(resource: Resource, path: readonly string[]): string {
  let value: unknown = resource;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return "";
    value = (value as Readonly<Record<string, unknown>>)[step];
  }
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : "";
}
