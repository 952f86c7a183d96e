/**
 * An alerting rule at work: it owns the alerts of its rule (alert.ts) from one evaluation to the next.
 *
 *   query -> findings (templates rendered) -> alerts -> ALERTS, ALERTS_FOR_STATE
 *                                                    -> transitions, to whoever keeps them through a restart
 *                                                    -> notices, to whoever sends them on
 *
 * Invariants
 *  R1 An evaluation that fails (query, duplicate labels) leaves all alerts as they were; more alerts than the limit drop all.
 *  R2 A template that fails does not fail the rule: its text says so instead.
 *  R3 Every transition is reported once, after the evaluation that caused it.
 */
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { type Labels, METRIC_NAME } from "../labels.ts";
import type { VectorSample } from "../promql/engine.ts";
import type { Sample } from "../series.ts";
import { Composite, type Value } from "../template/value.ts";
import {
  type Alert,
  type Finding,
  found,
  isTransition,
  missed,
  needsSending,
  resolved,
  sent,
} from "./alert.ts";
import { type Occasion, type RuleEnvironment, vectorOf } from "./evaluation.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { AlertingRule, LabelPairs } from "./rule.ts";
import { isPlain, parseRuleTemplate } from "./rule-templates.ts";
import { labelsValue, templateValue } from "./template-functions.ts";

/** `identity` is that of the rule (fingerprint.ts). */
export type OnTransition = (alert: Alert, rule: AlertingRule, identity: string) => void;

export class AlertingRuleState {
  readonly rule: AlertingRule;
  readonly #identity: string;
  readonly #environment: RuleEnvironment;
  readonly #onTransition: OnTransition;
  readonly #render: (text: string, sample: VectorSample, at: number) => string;
  /** By fingerprint; those that ended lately among them. */
  #alerts: ReadonlyMap<string, Alert> = new Map();

  /** `identity` tells the rule from all others, through restarts. */
  constructor(
    rule: AlertingRule,
    identity: string,
    environment: RuleEnvironment,
    onTransition: OnTransition,
  ) {
    this.rule = rule;
    this.#identity = identity;
    this.#environment = environment;
    this.#onTransition = onTransition;
    this.#render = renderer(rule, environment);
  }

  /** Alerts from before a restart or from before a change to the rule. Those it has already stay. */
  adopt(alerts: Iterable<Alert>): void {
    this.#alerts = new Map([
      ...[...alerts].map((alert) => [alert.fingerprint, alert] as const),
      ...this.#alerts,
    ]);
  }

  /** All it has, those that ended lately among them. */
  get alerts(): readonly Alert[] {
    return [...this.#alerts.values()];
  }

  /** Pending and firing ones. */
  get active(): readonly Alert[] {
    return this.alerts.filter(({ state }) => state !== "inactive");
  }

  /** Throws as R1 says. */
  evaluate(occasion: Occasion): readonly Sample[] {
    const { at, queryOffset, limit } = occasion;
    const findings = this.#findings(at, at - queryOffset);
    const after = new Map<string, Alert>();
    for (const finding of findings.values())
      after.set(finding.fingerprint, found(this.#alerts.get(finding.fingerprint), finding, this.rule, at));
    for (const alert of this.#alerts.values()) {
      const left = after.has(alert.fingerprint) ? undefined : missed(alert, this.rule, at);
      if (left !== undefined) after.set(left.fingerprint, left);
    }
    const active = [...after.values()].filter(({ state }) => state !== "inactive");
    if (limit > 0 && active.length > limit) {
      this.#become(new Map(), at);
      throw new Error(`It gives ${active.length} alerts; the limit of the group is ${limit}.`);
    }
    this.#become(after, at);
    return active.flatMap((alert) => alertSamples(alert, at - queryOffset));
  }

  /** What is to be sent now; it counts as sent. */
  notices(at: number, resendDelay: number, interval: number): readonly Alert[] {
    const due = this.alerts.filter((alert) => needsSending(alert, at, resendDelay));
    const marked = due.map((alert) => sent(alert, at, resendDelay, interval));
    if (marked.length > 0)
      this.#alerts = new Map([
        ...this.#alerts,
        ...marked.map((alert) => [alert.fingerprint, alert] as const),
      ]);
    return marked;
  }

  /** Ends every alert: the rule is gone. */
  resolveAll(at: number): void {
    const ended = this.alerts.flatMap((alert) => (alert.state === "firing" ? [resolved(alert, at)] : []));
    this.#become(new Map(ended.map((alert) => [alert.fingerprint, alert])), at);
  }

  #become(after: ReadonlyMap<string, Alert>, at: number): void {
    const before = this.#alerts;
    this.#alerts = after;
    for (const alert of after.values())
      if (isTransition(before.get(alert.fingerprint), alert))
        this.#onTransition(alert, this.rule, this.#identity);
    for (const alert of before.values())
      // An alert that was pending is gone without a trace: whoever keeps it is told that it is inactive.
      if (!after.has(alert.fingerprint) && alert.state !== "inactive")
        this.#onTransition(resolved(alert, at), this.rule, this.#identity);
  }

  #findings(at: number, time: number): ReadonlyMap<string, Finding> {
    const findings = new Map<string, Finding>();
    for (const sample of vectorOf(this.#environment.query(this.rule.parsed, time))) {
      const render = (text: string): string => this.#render(text, sample, at);
      const labels = sample.labels.with({
        ...rendered(this.rule.labels, render),
        [METRIC_NAME]: "",
        alertname: this.rule.name,
      });
      const fingerprint = fingerprintOf(this.#identity, labels);
      if (findings.has(fingerprint))
        throw new Error(
          `Two results have the same labels once those of the rule are added: ${labels.toString()}.`,
        );
      const annotations = rendered(this.rule.annotations, render);
      findings.set(fingerprint, { fingerprint, labels, annotations, value: sample.value });
    }
    return findings;
  }
}

function rendered(pairs: LabelPairs, render: (text: string) => string): LabelPairs {
  return Object.fromEntries(Object.entries(pairs).map(([name, text]) => [name, render(text)]));
}

function alertSamples({ labels, state, activeAt }: Alert, time: number): readonly Sample[] {
  return [
    { labels: labels.with({ [METRIC_NAME]: "ALERTS", alertstate: state }), time, value: 1 },
    { labels: labels.with({ [METRIC_NAME]: "ALERTS_FOR_STATE" }), time, value: Math.floor(activeAt / 1000) },
  ];
}

/** Each text of the rule is parsed once. */
function renderer(
  rule: AlertingRule,
  { query, externalLabels, externalURL }: RuleEnvironment,
): (text: string, sample: VectorSample, at: number) => string {
  let now = 0;
  const services = {
    query: (expression: string) => vectorOf(query(expression, now)),
    now: () => now,
    externalURL,
  };
  const texts = [...Object.values(rule.labels), ...Object.values(rule.annotations)];
  const templates = new Map(
    texts
      .filter((text) => !isPlain(text))
      .map((text) => [text, parseRuleTemplate(text, `alert ${rule.name}`, services)]),
  );
  const outside = new Map<string, Value>(Object.entries(externalLabels));
  return (text, { labels, value }, at) => {
    const template = templates.get(text);
    if (template === undefined) return text;
    now = at;
    const [Labels, Value] = [labelsValue(labels), templateValue(value)];
    const data = Composite.struct("template.AlertTemplateData", {
      Labels,
      ExternalLabels: outside,
      ExternalURL: externalURL,
      Value,
    });
    const variables = { labels: Labels, externalLabels: outside, externalURL, value: Value };
    return attempted(() => template.render(data, variables));
  };
}

/** R2. */
function attempted(render: () => string): string {
  try {
    return render();
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return `<error expanding template: ${error.diagnostics.map(({ message }) => message).join(" ")}>`;
  }
}

/** The labels of what is sent or shown. */
export function withExternal(labels: Labels, externalLabels: LabelPairs): Labels {
  const missing = Object.entries(externalLabels).filter(([name]) => !labels.has(name));
  return missing.length === 0 ? labels : labels.with(Object.fromEntries(missing));
}
