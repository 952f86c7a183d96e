/**
 * Reads an exposition of messages MetricFamily, each preceded by its length, as they arrive. Bounded as the text formats
 * are: no more is kept than one message, which is no longer than the body may be.
 */
import { METRIC_NAME } from "../labels.ts";
import { type ExpositionLimits, type Place, refuseLine, refuseSize, shown } from "./limits.ts";
import type { ExpositionMemory, ExpositionParser, KnownDescriptor, SampleListener } from "./memory.ts";
import { type Family, type FamilySample, readFamily } from "./metric-family.ts";
import { ProtobufError, ProtobufReader } from "./protobuf.ts";
import type { ExposedSeries } from "./series-cache.ts";

export class ProtobufParser<Owner> implements ExpositionParser<Owner> {
  readonly #memory: ExpositionMemory<Owner>;
  readonly #onSample: SampleListener<Owner>;
  readonly #limits: ExpositionLimits;
  /** `line` counts messages. */
  readonly #place: Place;
  readonly #descriptors = new Map<string, KnownDescriptor>();
  #pending: Uint8Array[] = [];
  #pendingSize = 0;
  /** As many bytes are needed for the next message; 0: not known yet. */
  #needed = 0;
  #size = 0;
  #samples = 0;
  #described = false;

  constructor(
    source: string,
    memory: ExpositionMemory<Owner>,
    limits: ExpositionLimits,
    onSample: SampleListener<Owner>,
  ) {
    this.#memory = memory;
    this.#onSample = onSample;
    this.#limits = limits;
    this.#place = { file: source, line: 0 };
    memory.cache.begin();
  }

  get samples(): number {
    return this.#samples;
  }

  get described(): boolean {
    return this.#described;
  }

  write(chunk: Uint8Array): void {
    this.#size += chunk.length;
    if (this.#size > this.#limits.bodySize)
      refuseSize(
        this.#place,
        `The exposition is longer than ${this.#limits.bodySize} bytes.`,
        "the body's size",
      );
    this.#pending.push(chunk);
    this.#pendingSize += chunk.length;
    if (this.#pendingSize < this.#needed) return;
    const bytes = Buffer.concat(this.#pending);
    const rest = bytes.subarray(this.#messages(bytes));
    this.#pending = [rest];
    this.#pendingSize = rest.length;
  }

  end(): readonly ExposedSeries<Owner>[] {
    if (this.#pendingSize > 0) refuseLine(this.#place, "The exposition ends within a message.");
    this.#memory.descriptors = this.#descriptors;
    return this.#memory.cache.finish();
  }

  abort(): void {
    this.#memory.cache.abort();
  }

  /** Reads the whole messages; returns where the next one begins. */
  #messages(bytes: Buffer): number {
    let at = 0;
    for (;;) {
      const prefix = lengthAt(bytes, at);
      if (prefix === undefined) {
        this.#needed = 0;
        if (bytes.length - at >= MAX_PREFIX) refuseLine(this.#place, "A message has no length.");
        return at;
      }
      this.#needed = prefix.size + prefix.length;
      if (this.#needed > this.#limits.bodySize)
        refuseSize(this.#place, `A message says that it has ${prefix.length} bytes.`, "the body's size");
      if (bytes.length - at < this.#needed) return at;
      this.#place.line++;
      this.#family(new ProtobufReader(bytes, at + prefix.size, at + this.#needed));
      at += this.#needed;
    }
  }

  #family(reader: ProtobufReader): void {
    let family: Family;
    try {
      family = readFamily(reader);
    } catch (error) {
      if (error instanceof ProtobufError) refuseLine(this.#place, error.message);
      throw error;
    }
    this.#describe(family);
    for (const sample of family.samples) this.#sample(sample);
  }

  #describe({ name, metadata: { type, help, unit } }: Family): void {
    for (const line of [
      { what: "type", name, type },
      { what: "help", name, text: help },
      { what: "unit", name, text: unit },
    ] as const) {
      const text = JSON.stringify(line);
      this.#descriptors.set(text, { text, line });
      this.#described ||= !this.#memory.descriptors.has(text);
    }
    if (this.#descriptors.size > 3 * this.#limits.samples)
      refuseSize(this.#place, `There are more than ${this.#limits.samples} families.`, "samples");
  }

  #sample(sample: FamilySample): void {
    if (++this.#samples > this.#limits.samples)
      refuseSize(this.#place, `There are more than ${this.#limits.samples} samples.`, "samples");
    const { name, labels, value, time, start } = sample;
    const { cache } = this.#memory;
    let text = name;
    for (const part of labels) text += `\n${part.length}:${part}`;
    let series = cache.find(text);
    if (series === undefined) {
      this.#check(sample);
      series = cache.add(text, name, labels);
    }
    series.start = start;
    cache.take(series);
    this.#onSample(series, value, time);
  }

  #check({ name, labels }: FamilySample): void {
    const { labels: most, nameLength, valueLength } = this.#limits;
    if (name === "") refuseLine(this.#place, "The family has no name.");
    if (labels.length / 2 > most) refuseSize(this.#place, `A sample has more than ${most} labels.`, "labels");
    const names = new Set<string>([METRIC_NAME]);
    for (let at = 0; at < labels.length; at += 2) {
      const [label, value] = [labels[at] as string, labels[at + 1] as string];
      if (names.has(label))
        refuseLine(this.#place, `Label ${shown(label)} of ${shown(name)} is there twice.`);
      names.add(label);
      if (value.length > valueLength)
        refuseSize(
          this.#place,
          `The value of label ${shown(label)} is longer than ${valueLength} characters.`,
          "label values",
        );
    }
    for (const each of [name, ...names])
      if (each.length > nameLength || each === "")
        refuseSize(
          this.#place,
          `A name is empty, or longer than ${nameLength} characters: ${shown(each)}.`,
          "names",
        );
  }
}

/** Of a length below 2^35. */
const MAX_PREFIX = 5;

/** Undefined while it is not whole. */
function lengthAt(
  bytes: Uint8Array,
  from: number,
): { readonly size: number; readonly length: number } | undefined {
  let length = 0;
  for (let size = 0; size < MAX_PREFIX; size++) {
    const byte = bytes[from + size];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 2 ** (7 * size);
    if (byte < 0x80) return { size: size + 1, length };
  }
  return undefined;
}
