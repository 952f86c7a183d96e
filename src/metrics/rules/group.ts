/**
 * A group at work: evaluates its rules in order, each seeing what those before it wrote, all at one timestamp.
 *
 * Owns: the alerts and health of its rules, which series each rule wrote last, and its counters. It knows nothing of when
 * it is evaluated (engine.ts does), so that rule tests run it in virtual time.
 *
 * Invariants
 *  G1 A rule that fails does not hold up the rules after it; its health says why.
 *  G2 A series that a rule wrote in its last good evaluation and does not write in this one is marked stale, at this timestamp.
 *  G3 Between two rules the state is whole: an evaluation can be given up there.
 */
import type { Labels } from "../labels.ts";
import type { Rejection, Sample, SeriesWriter } from "../series.ts";
import { AlertingRuleState, type OnTransition } from "./alerting-rule.ts";
import type { Alert } from "./alert.ts";
import type { Occasion, RuleEnvironment } from "./evaluation.ts";
import { ruleIdentities } from "./fingerprint.ts";
import { record } from "./recording-rule.ts";
import type { AlertingRule, Rule, RuleGroup } from "./rule.ts";

export interface GroupEnvironment extends RuleEnvironment {
  readonly writer: Pick<SeriesWriter, "write">;
  /** Milliseconds, for how long evaluations take. */
  readonly now: () => number;
  readonly onTransition: OnTransition;
  readonly notify: (alerts: readonly Alert[], rule: AlertingRule) => void;
  readonly interval: number;
  readonly queryOffset: number;
  readonly resendDelay: number;
}

export interface Health {
  readonly health: "unknown" | "ok" | "err";
  readonly lastError: string;
  /** Milliseconds. */
  readonly evaluationTime: number;
  /** Of the last evaluation; undefined when there was none. */
  readonly lastEvaluation: number | undefined;
}

export interface GroupCounters {
  evaluations: number;
  failures: number;
  iterations: number;
  missed: number;
  samples: number;
  readonly rejected: Partial<Record<Rejection, number>>;
}

interface Evaluated {
  readonly rule: Rule;
  readonly identity: string;
  readonly alerting: AlertingRuleState | undefined;
  /** What it wrote last, by key. */
  series: ReadonlyMap<string, Labels>;
  health: Health;
}

const UNKNOWN: Health = { health: "unknown", lastError: "", evaluationTime: 0, lastEvaluation: undefined };

export class GroupState {
  readonly group: RuleGroup;
  readonly counters: GroupCounters = {
    evaluations: 0,
    failures: 0,
    iterations: 0,
    missed: 0,
    samples: 0,
    rejected: {},
  };
  readonly #environment: GroupEnvironment;
  readonly #rules: readonly Evaluated[];
  /** Series of rules that are gone. */
  #abandoned = new Map<string, Labels>();
  /** Milliseconds the last evaluation took. */
  evaluationTime = 0;
  lastEvaluation: number | undefined;

  constructor(group: RuleGroup, environment: GroupEnvironment) {
    this.group = group;
    this.#environment = environment;
    const identities = ruleIdentities(group);
    this.#rules = group.rules.map((rule, index) => {
      const identity = identities[index] ?? "";
      const alerting =
        rule.kind === "alerting"
          ? new AlertingRuleState(rule, identity, environment, environment.onTransition)
          : undefined;
      return { rule, identity, alerting, series: new Map<string, Labels>(), health: UNKNOWN };
    });
  }

  get interval(): number {
    return this.group.interval ?? this.#environment.interval;
  }

  get rules(): readonly Pick<Evaluated, "rule" | "identity" | "alerting" | "health">[] {
    return this.#rules;
  }

  /**
   * Takes over what an earlier version of the group had; what belongs to rules it has no more comes to an end:
   * series at the next evaluation, alerts now.
   */
  takeOver(earlier: GroupState, at: number): void {
    const rules = new Map(this.#rules.map((evaluated) => [evaluated.identity, evaluated]));
    for (const old of earlier.#rules) {
      const now = rules.get(old.identity);
      if (now === undefined) {
        this.#abandon(old.series);
        earlier.#end(old, at);
      } else {
        now.series = old.series;
        now.health = old.health;
        now.alerting?.adopt(old.alerting?.alerts ?? []);
      }
    }
    this.#abandon(earlier.#abandoned);
    Object.assign(this.counters, earlier.counters);
    this.evaluationTime = earlier.evaluationTime;
    this.lastEvaluation = earlier.lastEvaluation;
  }

  /** The group is gone: its alerts end and its series are marked stale. */
  end(at: number): void {
    for (const evaluated of this.#rules) {
      this.#abandon(evaluated.series);
      this.#end(evaluated, at);
    }
    const time = Math.max(at, (this.lastEvaluation ?? at) + 1) - this.#queryOffset;
    this.#write([...this.#abandoned.values()].map((labels) => ({ labels, time, value: "stale" })));
    this.#abandoned = new Map();
  }

  /** Evaluates all rules at `at`; between two of them whoever drives it may do something else (G3). */
  *evaluate(at: number): Generator<void, void, void> {
    const { now } = this.#environment;
    let busy = 0;
    this.counters.samples = 0;
    for (const evaluated of this.#rules) {
      const start = now();
      this.#evaluateRule(evaluated, at, start);
      busy += now() - start;
      yield;
    }
    this.#markAbandoned(at);
    this.counters.iterations++;
    this.evaluationTime = busy;
    this.lastEvaluation = at;
  }

  #evaluateRule(evaluated: Evaluated, at: number, start: number): void {
    const { now } = this.#environment;
    this.counters.evaluations++;
    let lastError = "";
    try {
      this.#store(evaluated, at, this.#samplesOf(evaluated, at));
      this.#notify(evaluated, at);
    } catch (error) {
      this.counters.failures++;
      lastError = error instanceof Error ? error.message : String(error);
    }
    const health = lastError === "" ? "ok" : "err";
    evaluated.health = { health, lastError, evaluationTime: now() - start, lastEvaluation: at };
  }

  #samplesOf({ rule, alerting }: Evaluated, at: number): readonly Sample[] {
    const occasion: Occasion = { at, queryOffset: this.#queryOffset, limit: this.group.limit };
    if (alerting !== undefined) return alerting.evaluate(occasion);
    return rule.kind === "recording" ? record(rule, this.#environment, occasion) : [];
  }

  /** G2. */
  #store(evaluated: Evaluated, at: number, samples: readonly Sample[]): void {
    const written = new Map(samples.map(({ labels }) => [labels.key, labels]));
    const time = at - this.#queryOffset;
    const gone = [...evaluated.series].filter(([key]) => !written.has(key));
    this.#write([...samples, ...gone.map(([, labels]): Sample => ({ labels, time, value: "stale" }))]);
    this.counters.samples += samples.length;
    evaluated.series = written;
  }

  #notify({ rule, alerting }: Evaluated, at: number): void {
    if (alerting === undefined || rule.kind !== "alerting") return;
    const { resendDelay, notify } = this.#environment;
    const notices = alerting.notices(at, resendDelay, this.interval);
    if (notices.length > 0) notify(notices, rule);
  }

  #end(evaluated: Evaluated, at: number): void {
    evaluated.alerting?.resolveAll(at);
    this.#notify(evaluated, at);
  }

  #abandon(series: ReadonlyMap<string, Labels>): void {
    for (const [key, labels] of series) this.#abandoned.set(key, labels);
  }

  /** What another rule writes now has been taken over, not abandoned. */
  #markAbandoned(at: number): void {
    if (this.#abandoned.size === 0) return;
    const time = at - this.#queryOffset;
    const gone = [...this.#abandoned].filter(([key]) => this.#rules.every(({ series }) => !series.has(key)));
    this.#write(gone.map(([, labels]) => ({ labels, time, value: "stale" })));
    this.#abandoned = new Map();
  }

  #write(samples: readonly Sample[]): void {
    if (samples.length === 0) return;
    const { rejected } = this.#environment.writer.write(samples);
    for (const [reason, count] of Object.entries(rejected) as [Rejection, number][])
      this.counters.rejected[reason] = (this.counters.rejected[reason] ?? 0) + count;
  }

  get #queryOffset(): number {
    return this.group.queryOffset ?? this.#environment.queryOffset;
  }
}
