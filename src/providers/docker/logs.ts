/**
 * What instances print. While a container is there the engine has it; of the instance of a service that ended last its end
 * is kept in a file, since containers are removed: with the values of secrets taken out, for who reads it later may not
 * know any more what was secret (I10).
 */
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Readable, addAbortSignal } from "node:stream";
import type { LogLine, LogOptions } from "../../provider/provider.ts";
import { redact } from "../../provider/redaction.ts";
import type { Containers } from "./containers.ts";
import { frames, timedLines } from "./frames.ts";

/** Lines that are kept of an instance that ended. */
const KEPT = 10_000;

interface Service {
  readonly namespace: string;
  readonly name: string;
}

export class Logs {
  readonly #containers: Containers;
  readonly #folder: string;

  /** `folder`: where the kept ones are; made when needed. */
  constructor(containers: Containers, folder: string) {
    this.#containers = containers;
    this.#folder = folder;
  }

  async *read(name: string, options: LogOptions, secrets: readonly string[]): AsyncGenerator<LogLine> {
    const { since = 0, signal, follow = false, tail } = options;
    const asked = { follow, since, ...(tail === undefined ? {} : { tail }) };
    try {
      const stream = await this.#containers.output(name, signal === undefined ? asked : { ...asked, signal });
      if (stream !== undefined) yield* linesIn(stream, since, secrets, signal);
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    }
  }

  /** What is left of the service's instance that ended last. */
  async *previous(service: Service, { tail, since = 0 }: LogOptions): AsyncGenerator<LogLine> {
    const file = this.#file(service);
    if (!existsSync(file)) return;
    const lines: LogLine[] = [];
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      const space = line.indexOf(" ");
      const time = Number(line.slice(0, space));
      if (time >= since) lines.push({ time, text: line.slice(space + 1) });
    }
    yield* tail === undefined ? lines : lines.slice(Math.max(0, lines.length - tail));
  }

  async keep(service: Service, name: string, secrets: readonly string[]): Promise<void> {
    const lines: string[] = [];
    for await (const { time, text } of this.read(name, { tail: KEPT }, secrets))
      lines.push(`${time} ${text}\n`);
    if (lines.length === 0 && (await this.#containers.inspect(name)) === undefined) return;
    const file = this.#file(service);
    mkdirSync(join(this.#folder, service.namespace), { recursive: true, mode: 0o700 });
    // The one before stays whole until this one is.
    writeFileSync(`${file}.new`, lines.join(""), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }

  forget(service: Service): void {
    rmSync(this.#file(service), { force: true });
  }

  #file({ namespace, name }: Service): string {
    return join(this.#folder, namespace, `${name}.previous`);
  }
}

async function* linesIn(
  stream: Readable,
  since: number,
  secrets: readonly string[],
  signal: AbortSignal | undefined,
): AsyncGenerator<LogLine> {
  if (signal !== undefined) addAbortSignal(signal, stream);
  try {
    for await (const line of timedLines(frames(stream)))
      // The engine counts in seconds.
      if (line.time >= since) yield { ...line, text: redact(line.text, secrets) };
  } finally {
    stream.destroy();
  }
}
