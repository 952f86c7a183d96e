/**
 * What a container prints, as the engine sends it: frames of a stream's number, three zeros, a length of four bytes (most
 * significant first) and so many bytes (Engine API, "Stream format").
 */
export interface Frame {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Buffer;
}

const HEADER = 8;

export async function* frames(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Frame> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= HEADER) {
      const end = at + HEADER + rest.readUInt32BE(at + 4);
      if (end > rest.length) break;
      yield { stream: rest[at] === 2 ? "stderr" : "stdout", bytes: rest.subarray(at + HEADER, end) };
      at = end;
    }
    rest = rest.subarray(at);
  }
}

export interface TimedLine {
  readonly time: number;
  readonly text: string;
  readonly stream: Frame["stream"];
}

/**
 * Lines with their times, of frames that begin with one (`timestamps`). The engine cuts long lines into several frames,
 * each with a time; a line is over where a frame ends with a line feed, and has the time of its first part.
 */
export async function* timedLines(source: AsyncIterable<Frame>): AsyncGenerator<TimedLine> {
  const begun: Record<Frame["stream"], TimedLine | undefined> = { stdout: undefined, stderr: undefined };
  for await (const { stream, bytes } of source) {
    const text = bytes.toString("utf8");
    const space = text.indexOf(" ");
    const time = Date.parse(text.slice(0, space));
    const before = begun[stream];
    const isOver = text.endsWith("\n");
    const part = text.slice(space + 1, isOver ? -1 : undefined);
    const line = { time: before?.time ?? time, text: (before?.text ?? "") + part, stream };
    begun[stream] = isOver ? undefined : line;
    if (isOver) yield { ...line, text: line.text.replace(/\r$/, "") };
  }
  for (const line of Object.values(begun)) if (line !== undefined) yield line;
}
