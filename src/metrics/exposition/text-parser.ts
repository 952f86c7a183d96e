/**
 * Reads one exposition as it arrives, in the Prometheus text format 0.0.4 (as lenient as Prometheus is) or OpenMetrics 1.0
 * (as strict as the standard is).
 *
 *     chunks of bytes -> whole lines (UTF-8 checked) -> Latin-1 text -> series by its text (cache) + numbers -> reader
 *
 * Invariants:
 * 1. Whatever comes, no more is kept than one line and what the limits allow; beyond that the exposition is refused.
 * 2. A refusal is a DiagnosticError with the number of the line, and is final: the exposition counts as a whole or not at
 *    all, so the listener keeps what it is told until `end` has returned, and calls `abort` when it never does.
 * 3. A line that was there the last time costs a comparison and a number; nothing of it is decoded or copied.
 */
import { isUtf8 } from "node:buffer";
import { parseExemplar } from "./exemplar.ts";
import { type ExpositionLimits, type Place, refuseLine, refuseSize, shown } from "./limits.ts";
import { parseComment, parseDescriptor } from "./metadata-line.ts";
import { parseInteger, parseNumber } from "./numbers.ts";
import type { ExpositionMemory, ExpositionParser, KnownDescriptor, SampleListener } from "./memory.ts";
import type { OpenMetricsRules } from "./openmetrics-rules.ts";
import type { ExposedSeries } from "./series-cache.ts";
import { type Grammar, decode, endOfSeries, isBlank, parseSeries } from "./series-text.ts";

const LINE_FEED = 10;
const HASH = 35;
const SPACE = 32;
const OPEN = 123;

export class TextParser<Owner> implements ExpositionParser<Owner> {
  readonly #memory: ExpositionMemory<Owner>;
  readonly #onSample: SampleListener<Owner, number>;
  readonly #limits: ExpositionLimits;
  readonly #grammar: Grammar;
  readonly #place: Place;
  readonly #descriptors = new Map<string, KnownDescriptor>();
  #pending: Uint8Array[] = [];
  #pendingSize = 0;
  #size = 0;
  #samples = 0;
  #metadata = 0;
  #ended = false;
  #described = false;

  /** `source`: where it comes from, for diagnostics. Begins a pass over `memory`. */
  constructor(
    source: string,
    memory: ExpositionMemory<Owner>,
    limits: ExpositionLimits,
    onSample: SampleListener<Owner, number>,
  ) {
    this.#memory = memory;
    this.#onSample = onSample;
    this.#limits = limits;
    this.#place = { file: source, line: 0 };
    this.#grammar = { strict: memory.rules !== undefined, limits, place: this.#place };
    memory.cache.begin();
    memory.rules?.begin(this.#place, memory.cache.pass);
  }

  /** Lines of samples read so far. */
  get samples(): number {
    return this.#samples;
  }

  /** Whether there was metadata that the last pass did not have. */
  get described(): boolean {
    return this.#described;
  }

  /** Throws DiagnosticError. The chunk is not kept beyond the call unless it ends within a line. */
  write(chunk: Uint8Array): void {
    this.#size += chunk.length;
    if (this.#size > this.#limits.bodySize)
      refuseSize(
        this.#place,
        `The exposition is longer than ${this.#limits.bodySize} bytes.`,
        "the body's size",
      );
    const end = chunk.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) {
      this.#pending.push(chunk.subarray(0, end));
      this.#lines(this.#pending.length === 1 ? chunk.subarray(0, end) : Buffer.concat(this.#pending));
      this.#pending = [];
      this.#pendingSize = 0;
    }
    if (end === chunk.length) return;
    this.#pending.push(chunk.subarray(end));
    this.#pendingSize += chunk.length - end;
    if (this.#pendingSize > this.#limits.lineLength) {
      this.#place.line++;
      this.#refuseLength();
    }
  }

  /** The exposition is whole. Returns the series that the last pass had and this one has not. Throws DiagnosticError. */
  end(): readonly ExposedSeries<Owner>[] {
    if (this.#pendingSize > 0) this.#lines(Buffer.concat(this.#pending));
    const { rules } = this.#memory;
    if (rules !== undefined && !this.#ended)
      refuseLine(this.#place, "The exposition does not end with '# EOF', so a part of it may be missing.");
    rules?.end();
    this.#memory.descriptors = this.#descriptors;
    return this.#memory.cache.finish();
  }

  /** The exposition is refused or broken off: what it brought that was new is forgotten. */
  abort(): void {
    this.#memory.cache.abort();
  }

  #lines(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
    const utf8 = isUtf8(bytes);
    let from = 0;
    while (from < text.length) {
      let to = text.indexOf("\n", from);
      if (to < 0) to = text.length;
      this.#place.line++;
      if (to - from > this.#limits.lineLength) this.#refuseLength();
      if (!utf8 && !isUtf8(bytes.subarray(from, to)))
        refuseLine(this.#place, "The line is not UTF-8.", "Encode it as UTF-8.");
      this.#line(text, from, to);
      from = to + 1;
    }
  }

  #line(text: string, start: number, to: number): void {
    let from = start;
    if (this.#ended) refuseLine(this.#place, "Something comes after '# EOF'.");
    if (!this.#grammar.strict) {
      while (from < to && isBlank(text.charCodeAt(from))) from++;
      if (from === to) return;
    } else if (from === to) refuseLine(this.#place, "OpenMetrics allows no empty lines.");
    if (text.charCodeAt(from) === HASH) this.#descriptor(text.slice(from, to));
    else this.#sample(text, from, to);
  }

  #descriptor(text: string): void {
    const known = this.#memory.descriptors.get(text) ?? this.#parseDescriptor(copy(text));
    const { line } = known;
    if (!("name" in line)) {
      this.#ended ||= line.what === "end";
      return;
    }
    if (++this.#metadata > this.#limits.samples)
      refuseSize(this.#place, `There are more than ${this.#limits.samples} lines of metadata.`, "samples");
    this.#memory.rules?.descriptor(line);
    this.#descriptors.set(known.text, known);
    this.#described ||= !this.#memory.descriptors.has(text);
  }

  #parseDescriptor(text: string): KnownDescriptor {
    const parse = this.#grammar.strict ? parseDescriptor : parseComment;
    return { text, line: parse(text, this.#grammar) };
  }

  #sample(text: string, from: number, to: number): void {
    if (++this.#samples > this.#limits.samples)
      refuseSize(this.#place, `There are more than ${this.#limits.samples} samples.`, "samples");
    const series = this.#series(text, from, to);
    this.#memory.cache.take(series);
    const after = from + series.text.length;
    if (this.#grammar.strict) this.#openMetricsValue(series, text, after, to);
    else this.#prometheusValue(series, text, after, to);
  }

  #series(text: string, from: number, to: number): ExposedSeries<Owner> {
    const { cache } = this.#memory;
    const expected = cache.expected();
    if (expected !== undefined && text.startsWith(expected.text, from)) {
      const after = from + expected.text.length;
      if (text.charCodeAt(after) === SPACE && startsValue(text.charCodeAt(after + 1))) return expected;
    }
    const end = endOfSeries(text, from, to, this.#grammar.strict);
    const known = cache.find(text.slice(from, end));
    if (known !== undefined) return known;
    const own = copy(text.slice(from, end));
    const { name, labels } = parseSeries(own, this.#grammar);
    return cache.add(own, name, labels);
  }

  /** Blanks, the value, and perhaps blanks and whole milliseconds. */
  #prometheusValue(series: ExposedSeries<Owner>, text: string, after: number, to: number): void {
    let from = after;
    while (from < to && isBlank(text.charCodeAt(from))) from++;
    const end = this.#token(text, from, to);
    const value = parseNumber(text, from, end);
    if (value === undefined) this.#refuseValue(text, from, end);
    let time = NaN;
    let at = end;
    while (at < to && isBlank(text.charCodeAt(at))) at++;
    if (at < to) {
      const last = this.#token(text, at, to);
      const milliseconds = parseInteger(text, at, last);
      if (milliseconds === undefined)
        this.#refuseTime(text, at, last, "Timestamps of the Prometheus format are whole milliseconds.");
      time = milliseconds;
      at = last;
      while (at < to && isBlank(text.charCodeAt(at))) at++;
      if (at < to)
        refuseLine(this.#place, `Something comes after the timestamp: ${shown(decode(text.slice(at, to)))}.`);
    }
    this.#onSample(series, value, time);
  }

  /** One space, the value, and perhaps a space and seconds, and perhaps an exemplar. */
  #openMetricsValue(series: ExposedSeries<Owner>, text: string, after: number, to: number): void {
    if (text.charCodeAt(after) !== SPACE || after >= to)
      refuseLine(this.#place, "A single space does not follow the name and labels.");
    const end = this.#word(text, after + 1, to);
    const value = parseNumber(text, after + 1, end);
    if (value === undefined) this.#refuseValue(text, after + 1, end);
    let time = NaN;
    let at = end;
    if (at < to && text.charCodeAt(at + 1) !== HASH) {
      at = this.#word(text, end + 1, to);
      time = this.#seconds(text, end + 1, at);
    }
    const exemplar = at < to;
    if (exemplar) parseExemplar(text.slice(at, to), this.#grammar);
    const rules = this.#memory.rules as OpenMetricsRules;
    if (rules.sample(series, value, time, exemplar)) this.#onSample(series, value, Math.round(time));
  }

  /** In milliseconds and fractions of them, which count for the order. */
  #seconds(text: string, from: number, to: number): number {
    const seconds = parseNumber(text, from, to);
    if (seconds === undefined || !Number.isFinite(seconds))
      this.#refuseTime(text, from, to, "Timestamps of OpenMetrics are seconds.");
    return seconds * 1000;
  }

  #token(text: string, from: number, to: number): number {
    let at = from;
    while (at < to && !isBlank(text.charCodeAt(at))) at++;
    return at;
  }

  #word(text: string, from: number, to: number): number {
    let at = from;
    while (at < to && text.charCodeAt(at) !== SPACE) at++;
    return at;
  }

  #refuseValue(text: string, from: number, to: number): never {
    return refuseLine(this.#place, `The value is no number: ${shown(decode(text.slice(from, to)))}.`);
  }

  #refuseTime(text: string, from: number, to: number, hint: string): never {
    return refuseLine(this.#place, `The timestamp is none: ${shown(decode(text.slice(from, to)))}.`, hint);
  }

  #refuseLength(): never {
    const { lineLength } = this.#limits;
    return refuseSize(this.#place, `A line is longer than ${lineLength} bytes.`, "the line's length");
  }
}

/** And not, as after the first "a" of `a {b="c"} 1`, labels. */
function startsValue(code: number): boolean {
  return code !== OPEN && !isBlank(code);
}

/** The same text with memory of its own: a slice keeps the whole text alive that it was cut from. */
function copy(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
