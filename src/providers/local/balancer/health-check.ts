/**
 * Asks one member at intervals whether it is well, as its pool's check says.
 *
 *   well --failureThreshold failures in a row--> bad --successThreshold successes in a row--> well
 *
 * Owns its timer and, while it asks, one connection of its own.
 *
 * Invariants
 *  H1 One question at a time; the next is asked a period after the last began, or when that is over.
 *  H2 After `stop` nothing is called and nothing is left open.
 *  H3 A new member is taken for well: whoever made it a member had a reason to.
 */
import { equal } from "../../../model/equality.ts";
import type { CheckConfiguration } from "./configuration.ts";
import type { ResponseHead } from "./response-parser.ts";
import { UpstreamConnection, type UpstreamUser } from "./upstream.ts";

interface Checked {
  readonly host: string;
  readonly port: number;
  readonly healthy: boolean;
}

export class HealthCheck {
  readonly configuration: CheckConfiguration;
  readonly #member: Checked;
  readonly #onVerdict: (healthy: boolean) => void;
  #timer: NodeJS.Timeout | undefined;
  #question: Question | undefined;
  /** Answers in a row that speak against what is believed. */
  #against = 0;

  constructor(configuration: CheckConfiguration, member: Checked, onVerdict: (healthy: boolean) => void) {
    this.configuration = configuration;
    this.#member = member;
    this.#onVerdict = onVerdict;
  }

  /** `random`: 0 to 1. Members that came together are asked one after the other. */
  start(random: number): void {
    this.#after(random * this.configuration.periodMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#question?.cancel();
    this.#timer = undefined;
    this.#question = undefined;
  }

  #after(delay: number): void {
    this.#timer = setTimeout(() => this.#ask(), delay);
    this.#timer.unref();
  }

  #ask(): void {
    const begun = performance.now();
    this.#question = new Question(this.#member, this.configuration, (isGood) => {
      this.#question = undefined;
      this.#after(Math.max(1, this.configuration.periodMs - (performance.now() - begun)));
      this.#note(isGood);
    });
  }

  #note(isGood: boolean): void {
    if (isGood === this.#member.healthy) {
      this.#against = 0;
      return;
    }
    this.#against += 1;
    const { failureThreshold, successThreshold } = this.configuration;
    if (this.#against < (isGood ? successThreshold : failureThreshold)) return;
    this.#against = 0;
    this.#onVerdict(isGood);
  }
}

/** One question: a connection, a GET, and the status of what comes back. */
class Question implements UpstreamUser {
  readonly #connection: UpstreamConnection;
  readonly #timer: NodeJS.Timeout;
  readonly #text: string;
  #onAnswer: ((isGood: boolean) => void) | undefined;

  constructor(
    { host, port }: Checked,
    { path, timeoutMs }: CheckConfiguration,
    onAnswer: (isGood: boolean) => void,
  ) {
    this.#onAnswer = onAnswer;
    const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    this.#text = `GET ${path} HTTP/1.1\r\nHost: ${authority}\r\nUser-Agent: tutti-health-check\r\nConnection: close\r\n\r\n`;
    this.#timer = setTimeout(() => this.#answer(false), timeoutMs);
    this.#connection = new UpstreamConnection(
      { host, port, connectTimeoutMs: timeoutMs },
      this,
      () => undefined,
    );
  }

  cancel(): void {
    this.#onAnswer = undefined;
    this.#answer(false);
  }

  onConnect(): void {
    this.#connection.send("GET", this.#text);
  }

  onHead({ status }: ResponseHead): void {
    this.#answer(status >= 200 && status < 400);
  }

  onFailure(): void {
    this.#answer(false);
  }

  onInformational(): void {}
  onDrain(): void {}
  onBody(): void {}
  onEnd(): void {}

  #answer(isGood: boolean): void {
    const onAnswer = this.#onAnswer;
    this.#onAnswer = undefined;
    clearTimeout(this.#timer);
    this.#connection.destroy();
    onAnswer?.(isGood);
  }
}

/** Whether a check that runs does what is wanted. */
export function isSameCheck(check: HealthCheck, wanted: CheckConfiguration): boolean {
  return equal(check.configuration, wanted);
}
