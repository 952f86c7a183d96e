/**
 * Talks to a running HAProxy over the socket of its master: which workers there are, their runtime API, and reloading.
 *
 *  - Workers are named by pid. After a reload the old ones go on until their last connection ends; they can be asked,
 *    but change nothing any more.
 *  - An answer is text that says in its own words what went wrong: who changes something looks afterwards (servers.ts).
 */
import { connect } from "node:net";

export interface Workers {
  /** Takes new connections. */
  readonly current: number | undefined;
  readonly old: readonly number[];
  /** Reloads, and those that failed, since the master was started. */
  readonly reloads: number;
  readonly failed: number;
}

/** What HAProxy reads at once is limited (tune.bufsize). */
const LONGEST_BATCH = 8_000;
const PATIENCE = 10_000;

export class Runtime {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Rejects when nobody listens. */
  async workers(): Promise<Workers> {
    return parseWorkers(await this.#say("show proc\n"));
  }

  /** One command to a worker; gives what it answers. */
  async ask(worker: number, command: string): Promise<string> {
    return this.#say(`@!${worker} ${command}\n`);
  }

  /** Commands that answer little, in order; gives what was said to all of them. */
  async tell(worker: number, commands: readonly string[]): Promise<string> {
    const answers: string[] = [];
    let batch = "";
    for (const command of commands) {
      const next = `@!${worker} ${command}`;
      if (batch !== "" && batch.length + next.length > LONGEST_BATCH) {
        answers.push(await this.#say(`${batch}\n`));
        batch = "";
      }
      batch = batch === "" ? next : `${batch}; ${next}`;
    }
    if (batch !== "") answers.push(await this.#say(`${batch}\n`));
    return answers.join("").replace(/\n+/g, "\n").trim();
  }

  /** Starts it; `workers` tells when it is done and whether it failed. */
  async reload(): Promise<void> {
    await this.#say("reload\n");
  }

  #say(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#socket, () => socket.end(text));
      const chunks: Buffer[] = [];
      socket.setTimeout(PATIENCE, () =>
        socket.destroy(new Error("HAProxy does not answer its control socket.")),
      );
      socket.on("data", (chunk) => chunks.push(chunk));
      socket.on("error", reject);
      socket.on("close", () => resolve(Buffer.concat(chunks).toString()));
    });
  }
}

/** Of `show proc`: a line for each process, under headings. */
export function parseWorkers(text: string): Workers {
  let section = "";
  let [reloads, failed] = [0, 0];
  let current: number | undefined;
  const old: number[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("#")) {
      section = line;
      continue;
    }
    const found = /^(\d+)\s+(\S+)\s+(\d+)(?:\s+\[failed: (\d+)\])?/.exec(line);
    if (found === null) continue;
    if (found[2] === "master") [reloads, failed] = [Number(found[3]), Number(found[4] ?? 0)];
    else if (found[2] === "worker" && section.startsWith("# workers")) current = Number(found[1]);
    else if (found[2] === "worker") old.push(Number(found[1]));
  }
  return { current, old, reloads, failed };
}

/** No worker answers. */
export class WorkerAway extends Error {}

/** Nobody is there to be asked: before the start has ended, in a reload, after the end. */
export function isAway(error: unknown): boolean {
  if (error instanceof WorkerAway) return true;
  return ["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE"].includes(
    (error as NodeJS.ErrnoException).code ?? "",
  );
}
