/**
 * What a worker is given to do: an attempt of a function step, or the code of a code workflow. Each is over exactly once, by
 * a report, by the loss of its worker, or because nobody waits any more.
 */
import { PlaceLost } from "../code/code-host.ts";
import type { Begin, Call, Ending } from "../code/code-run.ts";
import type { TaskStep } from "../engine/interpreter.ts";
import type { Attempt } from "../engine/step-type.ts";
import { TaskError } from "../engine/step-type.ts";
import type { Failure } from "../run/failure.ts";
import type { Order, Report } from "./protocol.ts";

/** What a worker must offer for it, and for whom. */
export interface Demand {
  readonly namespace: string;
  readonly workflow: string;
  readonly what: "handler" | "program";
  /** `charge`, `charge@2`; or the name of the code workflow. */
  readonly name: string;
  /** Of workers: those of a pool take only its steps. */
  readonly pool: string | undefined;
}

export interface Work {
  readonly id: number;
  readonly demand: Demand;
  /** For messages: `default/shop-1 charge, attempt 2`. */
  readonly title: string;
  /** When it was told to stop. */
  stoppedAt: number | undefined;
  isOver: boolean;
  order(): Order;
  /** True when it is over with this. */
  hear(report: Report): boolean;
  /** Its worker is gone. */
  lose(reason: string): void;
  /** It blocks the thread in which it runs with others. */
  block(silent: number): void;
  /** It does not stop although it was told to. */
  abandon(): void;
}

/** `default/shop-1` is a run of the namespace `default`. */
function namespaceOf(run: string): string {
  return run.slice(0, Math.max(0, run.indexOf("/"))) || "default";
}

export function functionDemand(step: TaskStep, of: Pick<Attempt, "run" | "workflow">): Demand {
  const name = step.type === "function" ? step.handler : "";
  return { namespace: namespaceOf(of.run), workflow: of.workflow, what: "handler", name, pool: step.pool };
}

export class AttemptWork implements Work {
  readonly id: number;
  readonly demand: Demand;
  readonly #attempt: Attempt;
  readonly #settled = Promise.withResolvers<unknown>();
  stoppedAt: number | undefined;
  isOver = false;

  constructor(id: number, attempt: Attempt) {
    this.id = id;
    this.#attempt = attempt;
    this.demand = functionDemand(attempt.step, attempt);
  }

  get result(): Promise<unknown> {
    return this.#settled.promise;
  }

  get title(): string {
    const { run, path, attempt } = this.#attempt;
    return `${run} ${path}, attempt ${attempt}`;
  }

  order(): Order {
    const { run, path, input, attempt, idempotencyKey: key } = this.#attempt;
    const given = input === undefined ? null : input;
    return { do: "attempt", id: this.id, handler: this.demand.name, input: given, run, path, attempt, key };
  }

  hear(report: Report): boolean {
    switch (report.is) {
      case "heartbeat":
        this.#attempt.heartbeat();
        return false;
      case "log":
        this.#attempt.log(String(report.line), report.stream === "stderr" ? "stderr" : "stdout");
        return false;
      case "succeeded":
        this.isOver = true;
        this.#settled.resolve(report.result);
        return true;
      case "failed":
        this.#fail(taskError(report.failure));
        return true;
      default:
        return false;
    }
  }

  lose(reason: string): void {
    this.#fail(new TaskError("InfraLost", reason, { class: "InfraLost" }));
  }

  block(silent: number): void {
    const seconds = Math.round(silent / 1000);
    this.#fail(
      new TaskError(
        "HandlerBlocked",
        `The handler '${this.demand.name}' has blocked its thread for ${seconds} s while others waited for it, and was ` +
          "ended. Let it give way (await), or do what is long in a step of type 'run'.",
      ),
    );
  }

  abandon(): void {
    this.#fail(
      new TaskError("NotStopped", `The handler '${this.demand.name}' did not stop when it was told to.`),
    );
  }

  #fail(error: TaskError): void {
    this.isOver = true;
    this.#settled.reject(error);
  }
}

/** A worker cannot claim more than that its handler failed. */
function taskError(failure: Failure | undefined): TaskError {
  const { error = "Error", message = "", details } = failure ?? {};
  return new TaskError(String(error), String(message), { terminal: failure?.class === "Terminal", details });
}

export class ProgramWork implements Work {
  readonly id: number;
  readonly demand: Demand;
  readonly #begin: Begin;
  readonly #tell: (call: Call) => void;
  readonly #ended = Promise.withResolvers<Ending>();
  stoppedAt: number | undefined;
  isOver = false;

  constructor(id: number, name: string, begin: Begin, tell: (call: Call) => void) {
    this.id = id;
    this.#begin = begin;
    this.#tell = tell;
    const namespace = namespaceOf(begin.run);
    this.demand = { namespace, workflow: name, what: "program", name, pool: undefined };
    this.#ended.promise.catch(() => undefined);
  }

  get ended(): Promise<Ending> {
    return this.#ended.promise;
  }

  get title(): string {
    return `the code of ${this.#begin.run}`;
  }

  order(): Order {
    const { run, input, startedAt } = this.#begin;
    return { do: "program", id: this.id, name: this.demand.name, run, input, startedAt };
  }

  hear(report: Report): boolean {
    if (report.is === "call") {
      const { call, path, step, asked, cleanup } = report;
      this.#tell({ call, path, step, asked, cleanup });
      return false;
    }
    if (report.is !== "ended" && report.is !== "failed") return false;
    this.isOver = true;
    this.#ended.resolve(report.is === "ended" ? { output: report.output } : { failure: report.failure });
    return true;
  }

  lose(reason: string): void {
    this.isOver = true;
    this.#ended.reject(new PlaceLost(reason));
  }

  block(silent: number): void {
    this.lose(`The code has blocked its thread for ${Math.round(silent / 1000)} s.`);
  }

  abandon(): void {
    this.lose("Nobody waits for it any more.");
  }
}
