/** Which format an exposition is in: what is asked for, what came, and what to answer with. */

export type TextFormat = "prometheus" | "openmetrics";

/** The messages are those that the first Prometheus had, and now the only format with native histograms. */
export type ExpositionFormat = TextFormat | "protobuf";

/** Sent with every scrape, as Prometheus does. */
export const ACCEPT =
  "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4," +
  "text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

/** Sent where native histograms are wanted. */
export const ACCEPT_PROTOBUF = `application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,${ACCEPT}`;

export const CONTENT_TYPES: Readonly<Record<TextFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** Of an answer. Whatever is none of the others is read as the Prometheus format, as Prometheus reads it. */
export function formatOf(contentType: string | undefined): ExpositionFormat {
  if (/^\s*application\/vnd\.google\.protobuf\s*;/i.test(contentType ?? "")) return "protobuf";
  return /^\s*application\/openmetrics-text\s*(?:;|$)/i.test(contentType ?? "")
    ? "openmetrics"
    : "prometheus";
}

/** To answer a request that accepts this with. */
export function negotiate(accept: string | undefined): TextFormat {
  let best = { format: "prometheus" as TextFormat, quality: 0 };
  for (const part of (accept ?? "").split(",")) {
    const [type = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
    const quality = Number(parameters.find((text) => text.startsWith("q="))?.slice(2) ?? 1);
    const format = type === "application/openmetrics-text" ? "openmetrics" : "prometheus";
    if (format === "prometheus" && !["text/plain", "text/*", "*/*"].includes(type)) continue;
    if (quality > best.quality) best = { format, quality };
  }
  return best.format;
}
