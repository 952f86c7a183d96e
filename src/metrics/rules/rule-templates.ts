/**
 * Templates in labels and annotations of alerting rules: which functions and variables they have.
 *
 * Source: Prometheus' documentation "Template reference".
 */
import type { Template } from "../template/template.ts";
import { parseTemplate } from "../template/template.ts";
import { type TemplateServices, ruleFunctions } from "./template-functions.ts";

const VARIABLES = ["labels", "externalLabels", "externalURL", "value"] as const;

/** A text without actions is its own result: nothing is parsed nor rendered. */
export function isPlain(text: string): boolean {
  return !text.includes("{{");
}

/** Throws a DiagnosticError (InvalidTemplate). `name` is for messages. */
export function parseRuleTemplate(text: string, name: string, services: TemplateServices): Template {
  return parseTemplate(text, {
    name,
    functions: ruleFunctions(services),
    variables: VARIABLES,
    limits: { output: 100_000, steps: 100_000 },
  });
}
