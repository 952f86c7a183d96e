/** Expression -> canonical text, which parses to the same expression again. */
import { METRIC_NAME } from "../labels.ts";
import type {
  Aggregate,
  Binary,
  Duration,
  DurationExpression,
  Expression,
  Matching,
  MatrixSelector,
  NumberLiteral,
  Shift,
  Subquery,
  VectorSelector,
} from "./ast.ts";
import { formatDuration, formatNumber, quote } from "./text.ts";

export function formatQuery(expression: Expression): string {
  switch (expression.kind) {
    case "number":
      return formatLiteral(expression);
    case "string":
      return quote(expression.value);
    case "selector":
      return `${formatSelector(expression)}${formatExtension(expression)}${formatShift(expression)}`;
    case "range":
      return formatRange(expression);
    case "subquery":
      return formatSubquery(expression);
    case "call":
      return `${expression.name}(${expression.args.map(formatQuery).join(", ")})`;
    case "aggregate":
      return formatAggregate(expression);
    case "binary":
      return formatBinary(expression);
    case "unary":
      return `${expression.operator}${formatQuery(expression.operand)}`;
    case "paren":
      return `(${formatQuery(expression.operand)})`;
  }
}

function formatLiteral({ value, duration }: NumberLiteral): string {
  return duration === true && Number.isSafeInteger(value * 1000)
    ? formatDuration(value * 1000)
    : formatNumber(value);
}

function formatSelector({ name, matchers }: VectorSelector): string {
  const listed = matchers.filter((matcher) => name === undefined || matcher.name !== METRIC_NAME);
  const texts = listed.map(
    (matcher) => `${formatLabel(matcher.name)}${matcher.operator}${quote(matcher.value)}`,
  );
  if (name === undefined) return `{${texts.join(",")}}`;
  if (!/^[a-zA-Z_:][\w:]*$/.test(name)) return `{${[quote(name), ...texts].join(",")}}`;
  return texts.length === 0 ? name : `${name}{${texts.join(",")}}`;
}

function formatLabel(name: string): string {
  return name === METRIC_NAME || /^[a-zA-Z_]\w*$/.test(name) ? name : quote(name);
}

function formatExtension({ extension }: VectorSelector): string {
  return extension === undefined ? "" : ` ${extension}`;
}

function formatShift({ at, offset }: Shift): string {
  const pinned =
    at === undefined ? "" : typeof at === "number" ? ` @ ${(at / 1000).toFixed(3)}` : ` @ ${at}()`;
  const moved = offset === undefined ? "" : ` offset ${formatOffset(offset)}`;
  return pinned + moved;
}

function formatOffset(offset: Duration): string {
  return typeof offset === "number" ? formatDuration(offset) : `(${formatDurationExpression(offset)})`;
}

function formatLength(duration: Duration): string {
  return typeof duration === "number" ? formatDuration(duration) : formatDurationExpression(duration);
}

function formatDurationExpression(expression: DurationExpression): string {
  switch (expression.kind) {
    case "constant":
      return formatNumber(expression.value);
    case "step":
    case "range":
      return `${expression.kind}()`;
    case "negate":
      return `-(${formatDurationExpression(expression.operand)})`;
    case "binary": {
      const [left, right] = [expression.left, expression.right].map(formatDurationExpression);
      const { operator } = expression;
      return operator === "min_of" || operator === "max_of"
        ? `${operator}(${left}, ${right})`
        : `(${left} ${operator} ${right})`;
    }
  }
}

function formatRange({ selector, range }: MatrixSelector): string {
  return `${formatSelector(selector)}[${formatLength(range)}]${formatExtension(selector)}${formatShift(selector)}`;
}

function formatSubquery({ operand, range, step, ...shift }: Subquery): string {
  const every = step === undefined ? "" : formatLength(step);
  return `${formatQuery(operand)}[${formatLength(range)}:${every}]${formatShift(shift)}`;
}

function formatLabels(labels: readonly string[]): string {
  return `(${labels.map(formatLabel).join(", ")})`;
}

function formatAggregate({ operator, operand, parameter, without, labels }: Aggregate): string {
  const grouping = without
    ? ` without ${formatLabels(labels)} `
    : labels.length > 0
      ? ` by ${formatLabels(labels)} `
      : "";
  const args = parameter === undefined ? [operand] : [parameter, operand];
  return `${operator}${grouping}(${args.map(formatQuery).join(", ")})`;
}

function formatBinary({ operator, left, right, bool, matching }: Binary): string {
  const modifiers = `${bool ? " bool" : ""}${matching === undefined ? "" : formatMatching(matching)}`;
  return `${formatQuery(left)} ${operator}${modifiers} ${formatQuery(right)}`;
}

function formatMatching({ cardinality, on, labels, include, fillLeft, fillRight }: Matching): string {
  const grouped = cardinality === "many-to-one" || cardinality === "one-to-many";
  let text = on || labels.length > 0 || grouped ? ` ${on ? "on" : "ignoring"} ${formatLabels(labels)}` : "";
  if (grouped)
    text += ` ${cardinality === "many-to-one" ? "group_left" : "group_right"} ${formatLabels(include)}`;
  if (fillLeft !== undefined) text += ` fill_left (${formatNumber(fillLeft)})`;
  if (fillRight !== undefined) text += ` fill_right (${formatNumber(fillRight)})`;
  return text;
}
