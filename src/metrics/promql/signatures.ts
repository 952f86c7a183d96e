/** Names, arguments and results of all functions, as the parser checks them. Source: Prometheus' docs, querying/functions. */
import type { ValueType } from "./ast.ts";

export interface Signature {
  readonly args: readonly ValueType[];
  /** So many of the last arguments may be left out. */
  readonly optional: number;
  /** How often the last argument may be repeated on top; Infinity for any. */
  readonly repeated: number;
  readonly returns: ValueType;
  readonly experimental: boolean;
}

const known = new Map<string, Signature>();

interface Shape {
  readonly optional?: number;
  readonly repeated?: number;
  readonly returns?: ValueType;
  readonly experimental?: boolean;
}

function declare(names: string, args: readonly ValueType[], shape: Shape = {}): void {
  const { optional = 0, repeated = 0, returns = "vector", experimental = false } = shape;
  for (const name of names.split(" ")) known.set(name, { args, optional, repeated, returns, experimental });
}

declare(
  "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count " +
    "histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad sgn sin sinh sort sort_desc sqrt tan tanh timestamp",
  ["vector"],
);
declare("day_of_month day_of_week day_of_year days_in_month hour minute month year", ["vector"], {
  optional: 1,
});
declare(
  "absent_over_time avg_over_time changes count_over_time delta deriv idelta increase irate last_over_time " +
    "max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time sum_over_time",
  ["matrix"],
);
declare(
  "first_over_time mad_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time",
  ["matrix"],
  { experimental: true },
);
declare("clamp", ["vector", "scalar", "scalar"]);
declare("clamp_max clamp_min", ["vector", "scalar"]);
declare("round", ["vector", "scalar"], { optional: 1 });
declare("histogram_fraction", ["scalar", "scalar", "vector"]);
declare("histogram_quantile", ["scalar", "vector"]);
declare("histogram_quantiles", ["vector", "string", "scalar"], { repeated: 9, experimental: true });
declare("label_replace", ["vector", "string", "string", "string", "string"]);
declare("label_join", ["vector", "string", "string", "string"], {
  optional: 1,
  repeated: Number.POSITIVE_INFINITY,
});
declare("predict_linear", ["matrix", "scalar"]);
declare("quantile_over_time", ["scalar", "matrix"]);
declare("double_exponential_smoothing", ["matrix", "scalar", "scalar"], { experimental: true });
// The same in Prometheus 2, stable there; rules of that time still use the name.
declare("holt_winters", ["matrix", "scalar", "scalar"]);
declare("sort_by_label sort_by_label_desc", ["vector", "string"], {
  optional: 1,
  repeated: Number.POSITIVE_INFINITY,
  experimental: true,
});
declare("info", ["vector", "vector"], { optional: 1, experimental: true });
declare("start_timestamp", ["vector"], { experimental: true });
declare("pi time", [], { returns: "scalar" });
declare("start end step range", [], { returns: "scalar", experimental: true });
declare("max_of min_of", ["scalar", "scalar"], { returns: "scalar", experimental: true });
declare("scalar", ["vector"], { returns: "scalar" });
declare("vector", ["scalar"]);

export const signatures: ReadonlyMap<string, Signature> = known;
