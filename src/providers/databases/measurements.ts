/** What every engine tells of its use, under one set of names. */
import type { Measurement } from "../../provider/provider.ts";
import type { Usage } from "./engine.ts";

export function measurements({
  connections,
  maxConnections,
  bytes,
  slowQueries,
}: Usage): readonly Measurement[] {
  const gauge = (name: string, help: string, value: number | undefined): readonly Measurement[] =>
    value === undefined ? [] : [{ name: `tutti_database_${name}`, type: "gauge", help, value }];
  return [
    ...gauge("up", "1 when it answers.", 1),
    ...gauge("connections", "Connections that are open.", connections),
    ...gauge("max_connections", "Connections that its server takes.", maxConnections),
    ...gauge("size_bytes", "Bytes of its data.", bytes),
    {
      name: "tutti_database_slow_queries_total",
      type: "counter",
      help: "Queries that took longer than its engine's bound of slowness.",
      value: slowQueries,
    },
  ];
}
