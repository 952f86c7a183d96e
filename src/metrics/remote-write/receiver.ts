/**
 * The receiving end of Prometheus' remote write, versions 1.0 and 2.0.
 *
 *     snappy (length checked first) -> message (whole, or nothing is written) -> samples that can be taken -> on disk -> 204
 *
 * What can never be taken (broken, too old, out of order) is answered with 4xx, so that the sender does not send it again;
 * what may work later with 5xx. The last sample of a series once more is no fault: the sender had no answer.
 *
 * Sources: prometheus.io/docs/specs/prw/remote_write_spec ("Retries & Backoff"), remote_write_spec_2_0 ("Responses").
 */
import { ProtobufError, ProtobufReader } from "../exposition/protobuf.ts";
import { type Rejection, type SeriesWriter, UnknownSeries } from "../series.ts";
import { KnownSeries } from "./known-series.ts";
import { SnappyError, unpack } from "./snappy.ts";
import {
  labelsIn,
  readRequest2,
  readWriteRequest,
  type WrittenSample,
  type WrittenSeries,
  type WriteRequest,
} from "./write-request.ts";

export interface ReceiverLimits {
  /** Bytes of a request when unpacked. */
  readonly bodySize: number;
}

export const defaultReceiverLimits: ReceiverLimits = { bodySize: 32 * 1024 * 1024 };

export interface RemoteWriteAnswer {
  readonly status: number;
  /** Empty when all went well. */
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Names in lower case, as Node gives them. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

type Version = "1" | "2";

/** Answers one request, whatever is in it. */
export type Receive = (headers: RequestHeaders, body: Uint8Array) => Promise<RemoteWriteAnswer>;

/** One for all requests to a writer: it remembers which series were written. */
export function receiver(writer: SeriesWriter, limits: ReceiverLimits = defaultReceiverLimits): Receive {
  const known = new KnownSeries();
  return (headers, body) => receive(headers, body, writer, known, limits);
}

async function receive(
  headers: RequestHeaders,
  body: Uint8Array,
  writer: SeriesWriter,
  known: KnownSeries,
  limits: ReceiverLimits,
): Promise<RemoteWriteAnswer> {
  const version = versionOf(header(headers, "content-type"));
  const encoding = header(headers, "content-encoding") || "snappy";
  if (version === undefined || encoding !== "snappy")
    return answer(
      415,
      "Send application/x-protobuf (prometheus.WriteRequest or io.prometheus.write.v2.Request), packed with snappy.",
    );
  let request: WriteRequest;
  try {
    const reader = new ProtobufReader(unpack(body, limits.bodySize));
    request = version === "2" ? readRequest2(reader) : readWriteRequest(reader, known);
  } catch (error) {
    if (error instanceof SnappyError) return answer(error.tooLong ? 413 : 400, error.message);
    if (error instanceof ProtobufError)
      return answer(400, `The request is no ${MESSAGES[version]}: ${error.message}`);
    throw error;
  }
  try {
    return await write(request, version, writer, known);
  } catch (error) {
    return answer(500, `The samples could not be kept, send them again: ${(error as Error).message}`);
  }
}

const MESSAGES: Readonly<Record<Version, string>> = {
  "1": "prometheus.WriteRequest",
  "2": "io.prometheus.write.v2.Request",
};

async function write(
  request: WriteRequest,
  version: Version,
  writer: SeriesWriter,
  known: KnownSeries,
): Promise<RemoteWriteAnswer> {
  for (const [metric, metadata] of request.metadata) writer.describe(metric, metadata);
  const samples = new Appending(writer, known);
  for (const series of request.series) samples.append(series, series.samples);
  const histograms = new Appending(writer, known);
  for (const series of request.series) histograms.append(series, series.histograms);
  await writer.flush();
  const problems = [...request.problems, ...rejections(samples.rejected), ...rejections(histograms.rejected)];
  const headers =
    version === "1"
      ? {}
      : {
          "X-Prometheus-Remote-Write-Samples-Written": String(samples.appended),
          "X-Prometheus-Remote-Write-Histograms-Written": String(histograms.appended),
          "X-Prometheus-Remote-Write-Exemplars-Written": "0",
        };
  return problems.length === 0
    ? { status: 204, message: "", headers }
    : { status: 400, message: problems.join(" "), headers };
}

class Appending {
  appended = 0;
  readonly rejected: Partial<Record<Rejection, number>> = {};
  readonly #writer: SeriesWriter;
  readonly #known: KnownSeries;

  constructor(writer: SeriesWriter, known: KnownSeries) {
    this.#writer = writer;
    this.#known = known;
  }

  append(series: WrittenSeries, samples: readonly WrittenSample[]): void {
    if (samples.length === 0) return;
    let reference = series.reference ?? this.#reference(series);
    const start = series.start === 0 ? undefined : series.start;
    for (const { time, value } of samples) {
      let refused: Rejection | undefined;
      try {
        refused = this.#writer.append(reference, time, value, start);
      } catch (error) {
        if (!(error instanceof UnknownSeries)) throw error;
        reference = this.#reference(series);
        refused = this.#writer.append(reference, time, value, start);
      }
      if (refused === undefined) this.appended++;
      else this.rejected[refused] = (this.rejected[refused] ?? 0) + 1;
    }
  }

  #reference({ key, labels }: WrittenSeries): number {
    const reference = this.#writer.reference(labels ?? labelsIn(key));
    if (key !== "") this.#known.keep(key, reference);
    return reference;
  }
}

function rejections(rejected: Readonly<Partial<Record<Rejection, number>>>): string[] {
  return Object.entries(rejected).map(([why, count]) => `${count} samples were not kept: ${why}.`);
}

function versionOf(contentType: string): Version | undefined {
  const [type = "", ...parameters] = contentType.split(";").map((part) => part.trim());
  if (type.toLowerCase() !== "application/x-protobuf") return undefined;
  const proto = parameters.find((part) => part.startsWith("proto="))?.slice("proto=".length) ?? MESSAGES["1"];
  return proto === MESSAGES["1"] ? "1" : proto === MESSAGES["2"] ? "2" : undefined;
}

function header(headers: RequestHeaders, name: string): string {
  const value = headers[name];
  return typeof value === "string" ? value : (value?.[0] ?? "");
}

function answer(status: number, message: string): RemoteWriteAnswer {
  return { status, message, headers: {} };
}
