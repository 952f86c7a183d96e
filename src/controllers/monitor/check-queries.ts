/** Whether the queries by which a Service is scaled are PromQL. Those that hold a reference are looked at when they are asked. */
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { PromQLError, parseQuery } from "../../metrics/promql/engine.ts";
import { hasExpression } from "../../model/expression.ts";
import { type Draft, addressOf } from "../../model/resource.ts";

interface Metric {
  readonly queue?: { readonly query: string };
  readonly query?: { readonly expression: string };
}

export function checkQueries(resource: Draft): readonly Diagnostic[] {
  const { autoscale } = (resource.spec ?? {}) as {
    readonly autoscale?: { readonly metrics?: readonly Metric[] };
  };
  return (autoscale?.metrics ?? []).flatMap(({ queue, query }, index) => [
    ...refusals(resource, `spec.autoscale.metrics[${index}].queue.query`, queue?.query),
    ...refusals(resource, `spec.autoscale.metrics[${index}].query.expression`, query?.expression),
  ]);
}

function refusals(resource: Draft, path: string, text: string | undefined): readonly Diagnostic[] {
  if (text === undefined || hasExpression(text)) return [];
  try {
    parseQuery(text);
    return [];
  } catch (error) {
    if (!(error instanceof PromQLError)) throw error;
    return [
      {
        severity: "error",
        code: "InvalidQuery",
        address: addressOf(resource),
        path,
        message: `It is no PromQL: ${error.message}.`,
        hint: error.hint ?? "Try it with 'tutti metrics query'.",
      },
    ];
  }
}
