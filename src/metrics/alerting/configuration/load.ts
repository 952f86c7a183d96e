/**
 * From a file's text to a Configuration:
 *
 *   text --readYaml--> values with places --schema--> typed fields --checks--> one whole --assemble--> Configuration
 *
 * Whatever is wrong is a diagnostic with line and column; with an error there is no configuration, so that a bad file
 * changes nothing. No diagnostic holds a secret.
 */
import type { z } from "zod";
import { type Diagnostic, hasErrors } from "../../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../../diagnostics/suggestion.ts";
import { assemble } from "./assemble.ts";
import { findingsIn } from "./checks.ts";
import type { Configuration } from "./configuration.ts";
import type { Finding } from "./finding.ts";
import { fileSchema } from "./schema.ts";
import { shownText } from "./shown.ts";
import { readYaml } from "./yaml-source.ts";

export interface LoadedConfiguration {
  /** Undefined when a diagnostic is an error. */
  readonly configuration?: Configuration;
  readonly diagnostics: readonly Diagnostic[];
}

export function loadConfiguration(text: string, file: string): LoadedConfiguration {
  const source = readYaml(text, {
    file,
    nullable: /^(?:source_|target_)?match(?:_re)?$/,
    natural: /^(?:payload|details|custom_fields)$/,
  });
  if (hasErrors(source.diagnostics)) return { diagnostics: source.diagnostics };
  const placed = ({ path, ...finding }: Finding): Diagnostic => ({
    severity: "error",
    ...finding,
    path: pathText(path),
    source: source.position(path),
  });
  if (typeof source.value !== "object" || source.value === null)
    return {
      diagnostics: [
        placed({
          code: "MissingField",
          path: [],
          message: "There is no route in it.",
          hint: "Write a map with route and receivers.",
        }),
      ],
    };
  const checked = fileSchema.safeParse(source.value);
  if (!checked.success)
    return { diagnostics: foremost(checked.error.issues.flatMap(schemaFindings)).map(placed) };
  const diagnostics = foremost(findingsIn(checked.data)).map(placed);
  if (hasErrors(diagnostics)) return { diagnostics };
  return { configuration: assemble(checked.data, shownText(source.natural)), diagnostics };
}

/** More of them help nobody, and finding their places takes time. */
const MAX_FINDINGS = 50;

function foremost(findings: readonly Finding[]): readonly Finding[] {
  const errors = findings.filter(({ severity }) => severity === undefined);
  return findings.length <= MAX_FINDINGS || errors.length === 0
    ? findings.slice(0, MAX_FINDINGS)
    : errors.slice(0, MAX_FINDINGS);
}

/** The schema's own words are for programmers; these are for people. */
function schemaFindings(issue: z.core.$ZodIssue): readonly Finding[] {
  const { path } = issue;
  if (issue.code === "unrecognized_keys")
    return issue.keys.slice(0, MAX_FINDINGS).map((key) => {
      const hint = didYouMean(key, FIELD_NAMES) ?? "Take it away or correct its name.";
      return {
        code: "UnknownField",
        path: [...path, key],
        message: `There is no field '${key}' here.`,
        hint,
      };
    });
  if (issue.code === "invalid_type" && /received undefined|undefined$/.test(issue.message))
    return [{ code: "MissingField", path, message: `${String(path.at(-1))} is missing.`, hint: "Give it." }];
  if (issue.code === "invalid_type" && issue.message.startsWith("Invalid input"))
    return [
      { code: "WrongType", path, message: `Here should be ${EXPECTED[issue.expected] ?? issue.expected}.` },
    ];
  return [{ code: "InvalidValue", path, message: issue.message.replace(/([^.])$/, "$1.") }];
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: "a text",
  object: "a map",
  record: "a map",
  array: "a list",
};

/** For suggestions. */
const FIELD_NAMES = `
  global route routes receiver receivers inhibit_rules templates time_intervals
  mute_time_intervals active_time_intervals group_by group_wait group_interval labels
  repeat_interval continue match match_re matchers source_matchers target_matchers source_match
  target_match source_match_re target_match_re equal name url url_file webhook_configs
  slack_configs email_configs pagerduty_configs command_configs workflow_configs send_resolved
  http_config max_alerts api_url channel headers times start_time end_time weekdays days_of_month
  months years location
`
  .trim()
  .split(/\s+/);

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`))
    .join("")
    .replace(/^\./, "");
}
