/**
 * One process with the functions of one module, and the calls that are under way in it.
 *
 *     starting ──offer──> serving ──end──> gone
 *        '──problem: the module cannot be loaded──> gone          '──exit, or killed: blocked, out of memory──> gone
 *
 * Invariants
 *  1. Every call ends: with what the function gave, with its failure, or as Lost when the process is gone.
 *  2. The process is ended when this one ends, however it does: its end of the pipe closes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import type { ProviderSource } from "../../kinds/own-kind.ts";
import { tellingLine } from "../../provider/redaction.ts";
import type { Failure } from "../../workflow/run/failure.ts";
import { lineChannel } from "../../workflow/worker/lines.ts";
import { type MainReport, type Report, isWellFormed, messagesIn } from "../../workflow/worker/protocol.ts";
import { Session } from "../../workflow/worker/session.ts";
import type { Begin } from "./main.ts";

/** A function said no, in its own words. */
export class FunctionFailed extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Nobody knows how far it came. */
export class Lost extends Error {}

export interface FunctionCall {
  /** `Bucket.ensure`. */
  readonly handler: string;
  readonly input: unknown;
  /** `namespace/name` of the resource. */
  readonly about: string;
  /** What tells the thing from others: its uid. */
  readonly subject: string;
  /** A line that it printed. */
  readonly say: (line: string) => void;
}

interface Waiting {
  readonly call: FunctionCall;
  readonly settle: PromiseWithResolvers<unknown>;
}

export interface Called {
  readonly answer: Promise<unknown>;
  /** Its signal is aborted. */
  readonly stop: () => void;
}

const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const MAIN = fileURLToPath(new URL(`./main${extension}`, import.meta.url));
/** Without a sign of life from the thread, milliseconds. */
const PATIENCE = 10_000;
const LAST_WORDS = 8000;

export class FunctionProcess {
  readonly #child: ChildProcess;
  readonly #session: Session;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onGone: (subjects: readonly string[]) => void;
  readonly #loaded = Promise.withResolvers<void>();
  #last = 0;
  #lastWords = "";
  #reason: string | undefined;
  #isGone = false;

  /** `onGone`: with the subjects of the calls that were lost with it. */
  constructor(source: ProviderSource, onGone: (subjects: readonly string[]) => void) {
    const { folder, module, sources } = source;
    this.#onGone = onGone;
    this.#session = new Session((_target, text) => this.#receive(text));
    this.#child = spawn(process.execPath, [MAIN], {
      cwd: existsSync(folder) ? folder : tmpdir(),
      stdio: ["pipe", "ignore", "pipe", "pipe"],
    });
    this.#listen();
    const begin: Begin = {
      module: join(folder, module),
      sources: Object.fromEntries(Object.entries(sources).map(([path, text]) => [join(folder, path), text])),
    };
    this.#child.stdin?.on("error", () => undefined).end(JSON.stringify(begin));
  }

  /** Resolves when functions can be called, or never will be. */
  get loaded(): Promise<void> {
    return this.#loaded.promise;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  call(call: FunctionCall): Called {
    const id = ++this.#last;
    const settle = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { call, settle });
    const { handler, input, about, subject } = call;
    this.#tell({ do: "attempt", id, handler, input, run: about, path: handler, attempt: 1, key: subject });
    return { answer: settle.promise, stop: () => this.#tell({ do: "stop", id }) };
  }

  /** `reason`: a sentence, for whoever still waits. */
  kill(reason: string): void {
    this.#reason ??= reason;
    this.#child.kill("SIGKILL");
  }

  #tell(order: object): void {
    this.#session.send("t", JSON.stringify([order]));
  }

  #listen(): void {
    const child = this.#child;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-LAST_WORDS);
    });
    child.on("error", (error) => this.#gone(`could not be started: ${error.message}`));
    child.on("exit", (code, signal) =>
      this.#gone(signal === null ? `ended with exit code ${code ?? 0}` : `was killed by ${signal}`),
    );
    const pipe = child.stdio[3] as Duplex | null | undefined;
    if (pipe == null) return;
    const channel = lineChannel(
      pipe,
      (text) => {
        if (!this.#session.accept(text)) this.kill("Its process spoke what nobody understands.");
      },
      () => child.kill("SIGKILL"),
    );
    this.#session.attach(channel, 0);
  }

  #receive(text: string): void {
    for (const report of messagesIn<Report | MainReport>(text) ?? []) {
      if (isWellFormed(report)) this.#follow(report);
      else this.kill("Its process spoke what nobody understands.");
    }
  }

  #follow(report: Report | MainReport): void {
    switch (report.is) {
      case "succeeded":
        this.#settled(report.id)?.settle.resolve(report.result);
        break;
      case "failed":
        this.#settled(report.id)?.settle.reject(new FunctionFailed(report.failure));
        break;
      case "log":
        this.#waiting.get(report.id)?.call.say(report.line);
        break;
      case "offer":
        this.#loaded.resolve();
        break;
      case "problem":
        this.#cannotLoad(report.message);
        break;
      case "alive":
        this.#alive(report.silent);
        break;
      case "gone":
        this.kill(report.reason);
        break;
      default:
    }
  }

  #alive(silent: number): void {
    if (silent < PATIENCE || this.#waiting.size === 0) return;
    this.kill(`One of the functions has blocked its process for ${Math.round(silent / 1000)} s.`);
  }

  #settled(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  /** It stays so until another module is applied. */
  #cannotLoad(message: string): void {
    const failure: Failure = {
      class: "Terminal",
      error: "ModuleFailed",
      message,
      details: { hint: "Mend the module, and apply it again." },
    };
    for (const id of this.#waiting.keys()) this.#settled(id)?.settle.reject(new FunctionFailed(failure));
    this.kill(message);
  }

  #gone(how: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#loaded.resolve();
    this.#session.close();
    const last = /^FATAL ERROR: .*$/m.exec(this.#lastWords)?.[0] ?? tellingLine(this.#lastWords);
    const reason = this.#reason ?? `The process of its functions ${how}${last === "" ? "." : `: ${last}`}`;
    const lost = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { settle } of lost) settle.reject(new Lost(reason));
    this.#onGone(lost.map(({ call }) => call.subject));
  }
}
