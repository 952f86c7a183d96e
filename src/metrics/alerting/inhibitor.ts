/**
 * Inhibition: while an alert that matches a rule's sources fires, alerts that match its targets and have the same values
 * of the `equal` labels are not notified of. A label that both lack is equal.
 *
 * An alert that matches both sides of a rule is not inhibited by another that does, nor by itself; else two such alerts
 * would silence each other.
 */
import type { Labels } from "../labels.ts";
import { type Alert, isResolved } from "./alert.ts";
import type { InhibitRule } from "./configuration/configuration.ts";
import { matchesAll } from "./matchers.ts";

export class Inhibitor {
  readonly #rules: readonly RuleState[];

  constructor(rules: readonly InhibitRule[]) {
    this.#rules = rules.map((rule) => new RuleState(rule));
  }

  observe(alert: Alert): void {
    for (const rule of this.#rules) rule.observe(alert);
  }

  /** Fingerprint of an alert that inhibits those labels now. */
  inhibitedBy(labels: Labels, now: number): string | undefined {
    for (const rule of this.#rules) {
      const found = rule.inhibitedBy(labels, now);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  forgetResolved(now: number): void {
    for (const rule of this.#rules) rule.forgetResolved(now);
  }
}

class RuleState {
  readonly #rule: InhibitRule;
  readonly #equal: ReadonlySet<string>;
  /** By the key of their `equal` labels, then by fingerprint. */
  readonly #sources = new Map<string, Map<string, Alert>>();

  constructor(rule: InhibitRule) {
    this.#rule = rule;
    this.#equal = new Set(rule.equal);
  }

  observe(alert: Alert): void {
    if (!matchesAll(this.#rule.sources, alert.labels)) return;
    const key = this.#keyOf(alert.labels);
    const known = this.#sources.get(key) ?? new Map<string, Alert>();
    known.set(alert.fingerprint, alert);
    this.#sources.set(key, known);
  }

  inhibitedBy(labels: Labels, now: number): string | undefined {
    const { sources, targets } = this.#rule;
    if (!matchesAll(targets, labels)) return undefined;
    const candidates = this.#sources.get(this.#keyOf(labels));
    if (candidates === undefined) return undefined;
    const isOnBothSides = matchesAll(sources, labels);
    for (const source of candidates.values()) {
      if (isResolved(source, now)) continue;
      if (isOnBothSides && matchesAll(targets, source.labels)) continue;
      return source.fingerprint;
    }
    return undefined;
  }

  forgetResolved(now: number): void {
    for (const [key, known] of this.#sources) {
      for (const alert of known.values()) if (isResolved(alert, now)) known.delete(alert.fingerprint);
      if (known.size === 0) this.#sources.delete(key);
    }
  }

  #keyOf(labels: Labels): string {
    return labels.keep(this.#equal).key;
  }
}
