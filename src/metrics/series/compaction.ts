/** How blocks come to be: from the head when a range of time is over, and from smaller blocks. */
import type { Block, StoredSeries } from "./block.ts";
import { BlockWriter, type Pair, type StoredChunk } from "./block-writer.ts";
import type { Head } from "./head.ts";

/** Others get their turn after so many series. */
const SLICE = 500;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Writes all full chunks that end before `maxTime`; false when there is none. */
export async function writeHead(
  head: Head,
  folder: string,
  minTime: number,
  maxTime: number,
): Promise<boolean> {
  const rows: number[] = [];
  const used = new Set<number>();
  for (let row = 0; row < head.end; row++) {
    if (head.rows.references[row] === -1 || head.firstTimeOf(row) >= maxTime) continue;
    rows.push(row);
    for (const pair of head.index.pairsOf(row)) used.add(pair);
  }
  if (rows.length === 0) return false;
  await turn();
  const pairs = [...used].map((pair) => ({ pair, texts: head.index.pair(pair) }));
  pairs.sort((a, b) => comparePairs(a.texts, b.texts));
  const positions = new Map(pairs.map(({ pair }, at) => [pair, at]));
  await turn();
  const ordered = rows.map((row) => ({
    reference: head.rows.references[row] as number,
    pairs: Array.from(head.index.pairsOf(row), (pair) => positions.get(pair) as number),
  }));
  await turn();
  ordered.sort((a, b) => compareNumbers(a.pairs, b.pairs));
  await turn();
  const writer = await BlockWriter.create(
    folder,
    pairs.map(({ texts }) => texts),
  );
  try {
    let done = 0;
    for (const { reference, pairs: numbers } of ordered) {
      const row = head.rowOf(reference);
      // Deleted meanwhile.
      if (row < 0) continue;
      const due = writer.add(numbers, before(head, row, maxTime));
      if (due) await writer.drain();
      else if (++done % SLICE === 0) await turn();
    }
    await writer.finish({ minTime, maxTime, sources: [] });
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  return true;
}

function* before(head: Head, row: number, maxTime: number): Generator<StoredChunk> {
  for (const chunk of head.chunksOf(row)) if (chunk.lastTime < maxTime) yield chunk;
}

/** Writes one block from several, which are in the order of their times, without what was deleted. */
export async function merge(
  blocks: readonly Block[],
  sources: readonly string[],
  folder: string,
): Promise<void> {
  const pairs = unitePairs(blocks.map((block) => block.pairs()));
  const positions = new Map(pairs.map(([name, value], at) => [`${name.length}:${name}${value}`, at]));
  const writer = await BlockWriter.create(folder, pairs);
  try {
    const cursors = blocks.map((block) => new Cursor(block));
    for (let done = 0; ; done++) {
      const [first, ...others] = smallest(cursors);
      if (first?.series === undefined) break;
      const { flat } = first.series.labels;
      const numbers: number[] = [];
      for (let at = 0; at < flat.length; at += 2)
        numbers.push(positions.get(`${flat[at]?.length}:${flat[at]}${flat[at + 1]}`) as number);
      const chunks = [first, ...others].flatMap((cursor) => cursor.take());
      const due = writer.add(numbers, chunks);
      if (due) await writer.drain();
      else if (done % SLICE === 0) await turn();
    }
    const minTime = Math.min(...blocks.map(({ meta }) => meta.minTime));
    const maxTime = Math.max(...blocks.map(({ meta }) => meta.maxTime));
    await writer.finish({ minTime, maxTime, sources });
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/** Goes through the series of a block that are not deleted. */
class Cursor {
  readonly #block: Block;
  #next = 0;
  series: StoredSeries | undefined;

  constructor(block: Block) {
    this.#block = block;
    this.#advance();
  }

  /** The chunks of the series, and on to the next. */
  take(): StoredChunk[] {
    const { position, bytes, chunks } = this.series as StoredSeries;
    const { buffer } = this.#block.read(position, bytes);
    const taken = chunks.map((chunk) => ({
      ...chunk,
      bytes: new Uint8Array(buffer, chunk.position - position, chunk.bytes),
    }));
    this.#advance();
    return taken;
  }

  #advance(): void {
    while (this.#block.isDeleted(this.#next)) this.#next++;
    this.series = this.#next < this.#block.size ? this.#block.series(this.#next++) : undefined;
  }
}

/** The cursors that stand at the least labels, in the order of the blocks. */
function smallest(cursors: readonly Cursor[]): Cursor[] {
  let least: Cursor[] = [];
  for (const cursor of cursors) {
    if (cursor.series === undefined) continue;
    const order =
      least[0]?.series === undefined
        ? -1
        : compareTexts(cursor.series.labels.flat, least[0].series.labels.flat);
    if (order < 0) least = [cursor];
    else if (order === 0) least.push(cursor);
  }
  return least;
}

function unitePairs(lists: readonly (readonly Pair[])[]): Pair[] {
  const all = lists.flat().sort(comparePairs);
  return all.filter((pair, at) => at === 0 || comparePairs(pair, all[at - 1] as Pair) !== 0);
}

function comparePairs(a: Pair, b: Pair): number {
  return compareText(a[0], b[0]) || compareText(a[1], b[1]);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareTexts(a: readonly string[], b: readonly string[]): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const order = compareText(a[at] as string, b[at] as string);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return (a[at] as number) - (b[at] as number);
  return a.length - b.length;
}
