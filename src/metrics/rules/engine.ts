/**
 * Keeps rule groups evaluated.
 *
 *   setGroups(wanted) --compare content--> same: goes on | changed: takes over the state | gone: ends
 *   each group:  wait for its next time --> evaluate rules one after the other --> wait ...
 *
 * Invariants
 *  E1 A group is evaluated at `offset + n * interval`, the offset being its own and the same through restarts; never twice at once.
 *  E2 Times that passed while an evaluation still ran are left out and counted.
 *  E3 A group with many slow rules lets others have their turn between two rules.
 *  E4 `setGroups` with what is there already changes nothing. What is gone ends: firing alerts are resolved and sent as
 *     such, series are marked stale.
 *  E5 Restored alerts wait for their rule; those that no rule has claimed after the grace are ended, so that whoever keeps
 *     them can let go.
 *
 * Source: Prometheus' rule manager, from its documentation and behaviour.
 */
import type { Clock, Timer } from "../../clock/clock.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import type { SeriesWriter } from "../series.ts";
import { type Alert, resolved } from "./alert.ts";
import type { RuleQuery } from "./evaluation.ts";
import { contentOf, groupKey, offsetOf, ruleDigest } from "./fingerprint.ts";
import { type GroupEnvironment, GroupState } from "./group.ts";
import { type AlertNotice, type AlertRecord, alertOf, noticeOf, recordOf } from "./record.ts";
import type { AlertingRule, LabelPairs, RuleGroup } from "./rule.ts";
import { type RuleMetric, ruleMetrics } from "./rule-metrics.ts";
import { type AlertView, type GroupView, alertView, groupView } from "./views.ts";

export interface RuleEngineOptions {
  readonly clock: Clock;
  /** An instant query at `time` (milliseconds); throws when it fails. */
  readonly query: RuleQuery;
  readonly writer: Pick<SeriesWriter, "write">;
  /** Firing and ended alerts, again and again (`resendDelay`). Must not throw, nor wait. */
  readonly notify: (alerts: readonly AlertNotice[]) => void;
  /** Each transition of an alert, once: to be kept, so that `restored` can give it back. Must not throw. */
  readonly onTransition?: (record: AlertRecord) => void;
  /** Pending and firing alerts from before a restart. */
  readonly restored?: readonly AlertRecord[];
  readonly externalLabels?: LabelPairs;
  readonly externalURL?: string;
  /** Of groups without one of their own, milliseconds. One minute when absent. */
  readonly interval?: number;
  /** Of groups without one of their own, milliseconds. */
  readonly queryOffset?: number;
  /** How long until a firing alert is sent again, milliseconds. One minute when absent. */
  readonly resendDelay?: number;
}

interface Running {
  readonly state: GroupState;
  readonly content: string;
  timer?: Timer;
  isStopped: boolean;
}

const MINUTE = 60_000;
/** How long rules are evaluated in one go, milliseconds. */
const SLICE = 20;
/** Timers of Node go no further. */
const LONGEST_TIMER = 2 ** 31 - 1;

export class RuleEngine {
  readonly #options: RuleEngineOptions;
  readonly #environment: GroupEnvironment;
  /** By file and name. */
  readonly #groups = new Map<string, Running>();
  /** From before the restart, not claimed by a rule yet; by digest of the rule. */
  readonly #unclaimed = new Map<string, AlertRecord[]>();
  #grace: Timer | undefined;
  #isClosed = false;

  constructor(options: RuleEngineOptions) {
    this.#options = options;
    const { clock, query, writer, externalLabels = {}, externalURL = "" } = options;
    this.#environment = {
      query,
      writer,
      externalLabels,
      externalURL,
      now: () => clock.now(),
      interval: options.interval ?? MINUTE,
      queryOffset: options.queryOffset ?? 0,
      resendDelay: options.resendDelay ?? MINUTE,
      onTransition: (alert, rule, identity) => options.onTransition?.(recordOf(alert, rule, identity)),
      notify: (alerts, rule) => this.#notify(alerts, rule),
    };
    this.#expect(options.restored ?? []);
  }

  /**
   * The groups that are to be evaluated from now on. Throws a DiagnosticError, and changes nothing, when two have the same
   * file and name.
   */
  setGroups(wanted: readonly RuleGroup[]): void {
    if (this.#isClosed) return;
    const groups = new Map(wanted.map((group) => [groupKey(group), group]));
    if (groups.size < wanted.length) throw duplicates(wanted);
    const at = this.#options.clock.now();
    for (const [key, running] of this.#groups) {
      if (groups.has(key)) continue;
      stop(running);
      this.#groups.delete(key);
      running.state.end(at);
    }
    for (const [key, group] of groups) this.#set(key, group, at);
  }

  /** As `/api/v1/rules` shows them. */
  groups(): readonly GroupView[] {
    return this.#states.map(groupView);
  }

  /** Pending and firing, as `/api/v1/alerts` shows them. */
  activeAlerts(): readonly AlertView[] {
    return this.#states.flatMap(({ rules }) =>
      rules.flatMap(({ alerting }) => (alerting?.active ?? []).map(alertView)),
    );
  }

  /** What it counts of itself. */
  metrics(): readonly RuleMetric[] {
    return ruleMetrics(this.#states);
  }

  /** Stops evaluating; alerts and series stay as they are, for the next start. */
  close(): void {
    this.#isClosed = true;
    this.#grace?.cancel();
    for (const running of this.#groups.values()) stop(running);
  }

  get #states(): readonly GroupState[] {
    return [...this.#groups.values()].map(({ state }) => state);
  }

  /** E4. */
  #set(key: string, group: RuleGroup, at: number): void {
    const content = contentOf(group);
    const earlier = this.#groups.get(key);
    if (earlier?.content === content) return;
    const state = new GroupState(group, this.#environment);
    if (earlier !== undefined) {
      stop(earlier);
      state.takeOver(earlier.state, at);
    }
    this.#claim(state, at);
    const running: Running = { state, content, isStopped: false };
    this.#groups.set(key, running);
    this.#arm(running, nextTime(state, at));
  }

  #arm(running: Running, due: number): void {
    const { clock } = this.#options;
    const delay = Math.min(Math.max(0, due - clock.now()), LONGEST_TIMER);
    running.timer = clock.setTimeout(() => {
      if (clock.now() < due) this.#arm(running, due);
      else void this.#tick(running, due);
    }, delay);
  }

  /** E1, E2. */
  async #tick(running: Running, due: number): Promise<void> {
    const { state } = running;
    const late = Math.floor((this.#options.clock.now() - due) / state.interval);
    state.counters.missed += late;
    const at = due + late * state.interval;
    await this.#evaluate(running, at);
    if (!running.isStopped) this.#arm(running, at + state.interval);
  }

  /** E3. */
  async #evaluate(running: Running, at: number): Promise<void> {
    const { clock } = this.#options;
    let began = clock.now();
    try {
      for (const _ of running.state.evaluate(at)) {
        if (clock.now() - began < SLICE) continue;
        await clock.sleep(0);
        if (running.isStopped) return;
        began = clock.now();
      }
    } catch {
      // Rules keep their own errors; this is the store, which refused to mark series as ended.
      running.state.counters.failures++;
    }
  }

  #notify(alerts: readonly Alert[], rule: AlertingRule): void {
    this.#options.notify(alerts.map((alert) => noticeOf(alert, rule.expression, this.#environment)));
  }

  #expect(records: readonly AlertRecord[]): void {
    const { clock } = this.#options;
    for (const record of records) {
      if (record.state === "inactive") continue;
      const others = this.#unclaimed.get(record.rule);
      if (others === undefined) this.#unclaimed.set(record.rule, [record]);
      else others.push(record);
    }
    if (this.#unclaimed.size > 0) this.#grace = clock.setTimeout(() => this.#giveUp(), this.#graceOf());
  }

  #graceOf(interval = this.#environment.interval): number {
    return Math.max(MINUTE, 2 * interval);
  }

  #claim(state: GroupState, at: number): void {
    for (const { identity, alerting } of state.rules) {
      const digest = ruleDigest(identity);
      const records = alerting === undefined ? undefined : this.#unclaimed.get(digest);
      if (records === undefined) continue;
      this.#unclaimed.delete(digest);
      const until = at + this.#graceOf(state.interval);
      alerting?.adopt(records.map((record) => alertOf(record, until)));
    }
  }

  /** E5. */
  #giveUp(): void {
    const at = this.#options.clock.now();
    for (const record of [...this.#unclaimed.values()].flat()) {
      const ended = resolved(alertOf(record, at), at);
      this.#options.onTransition?.({ ...record, state: "inactive", resolvedAt: at });
      if (record.state === "firing") this.#options.notify([noticeOf(ended, undefined, this.#environment)]);
    }
    this.#unclaimed.clear();
  }
}

function stop(running: Running): void {
  running.isStopped = true;
  running.timer?.cancel();
}

/** The first time after `now` that is the group's. */
function nextTime({ group, interval }: GroupState, now: number): number {
  const offset = offsetOf(group, interval);
  return Math.floor((now - offset) / interval) * interval + offset + interval;
}

function duplicates(groups: readonly RuleGroup[]): DiagnosticError {
  const keys = groups.map(groupKey);
  return new DiagnosticError(
    groups.flatMap(({ name, file }, index) =>
      keys.indexOf(keys[index] ?? "") === index
        ? []
        : [
            {
              severity: "error",
              code: "DuplicateGroup",
              message: `The group '${name}' is there twice in '${file}'.`,
              hint: "Give each group of a file a name of its own.",
              source: { file },
            },
          ],
    ),
  );
}
