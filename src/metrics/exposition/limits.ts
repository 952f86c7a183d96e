/** What one exposition may be. Whoever writes more is refused, and costs no more than this until then. */
import { refuse } from "../../diagnostics/diagnostic.ts";

export interface ExpositionLimits {
  /** Bytes of the whole, after decompression. */
  readonly bodySize: number;
  /** Bytes of one line, without its end. */
  readonly lineLength: number;
  /** Samples, and as many lines of metadata. */
  readonly samples: number;
  /** Labels of one sample, as exposed. */
  readonly labels: number;
  /** Characters of a label's or a metric's name. */
  readonly nameLength: number;
  /** Characters of a label's value. */
  readonly valueLength: number;
}

export const defaultLimits: ExpositionLimits = {
  bodySize: 32 * 1024 * 1024,
  lineLength: 64 * 1024,
  samples: 200_000,
  labels: 128,
  nameLength: 1024,
  valueLength: 16 * 1024,
};

/** Where an exposition comes from, for diagnostics. */
export interface Place {
  /** `http://localhost:9100/metrics` */
  readonly file: string;
  /** Counted from 1. */
  line: number;
}

/** The whole exposition is refused because of one line. */
export function refuseLine(place: Place, message: string, hint?: string): never {
  return refuse({
    code: "BadExposition",
    source: { file: place.file, line: place.line },
    message,
    hint: hint ?? "Expose what the format allows: `promtool check metrics` shows the same mistakes.",
  });
}

export function refuseSize(place: Place, message: string, limit: string): never {
  return refuse({
    code: "ExpositionTooLarge",
    source: { file: place.file, line: place.line },
    message,
    hint: `Expose less, or raise the target's limit of ${limit}.`,
  });
}

/** A part of a refused line as it is shown: never long, never with control characters. */
export function shown(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}...` : text;
  return JSON.stringify(short);
}
