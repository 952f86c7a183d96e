/**
 * Which names metrics and labels may have. Prometheus 3 takes any text of valid UTF-8; before it, and with
 * `metric_name_validation_scheme: legacy`, only ASCII letters, digits, `_` and, in metrics, `:`.
 */
export type NameScheme = "utf8" | "legacy";

export function isMetricName(name: string, scheme: NameScheme): boolean {
  return scheme === "utf8" ? name !== "" && isText(name) : /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
}

export function isLabelName(name: string, scheme: NameScheme): boolean {
  return scheme === "utf8" ? name !== "" && isText(name) : /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name);
}

/** Whether it can be written as UTF-8. */
export function isText(text: string): boolean {
  return text.isWellFormed() && !text.includes("\ufffd");
}
