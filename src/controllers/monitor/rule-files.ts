/**
 * The rule files there are: one for each AlertRule, generated or declared. What is generated is taken as it is (tests of
 * the generator say that it loads); what is declared is resolved and checked, and left out while it is wrong, so that one
 * bad rule never stops the others.
 */
import type { Resolver } from "../../controller/resolve.ts";
import { equal } from "../../model/equality.ts";
import { type Resource, keyText, parseKeyText } from "../../model/resource.ts";
import type { RuleFile } from "../../provider/monitoring.ts";
import type { Change, Store } from "../../store/store.ts";
import { guarded, problemsOf, refers } from "./check-rules.ts";
import { type Problem, meant } from "./monitors.ts";

export interface RuleVerdict {
  readonly resource: Resource;
  readonly problem: Problem | undefined;
  readonly rules?: number;
}

interface Spec {
  readonly groups: readonly { readonly rules: readonly unknown[] }[];
}

export class RuleFiles {
  readonly #store: Store;
  readonly #resolver: Resolver;
  readonly #files = new Map<string, RuleFile>();
  /** Declared ones that refer to something, which may change by itself. */
  readonly #referring = new Set<string>();
  readonly #noted = new Set<string>();
  #isFilled = false;
  #isChanged = true;

  constructor(store: Store, resolver: Resolver) {
    this.#store = store;
    this.#resolver = resolver;
  }

  current(): Iterable<RuleFile> {
    return this.#files.values();
  }

  /** Whether the change concerns them. */
  note({ type, key, resource, previous }: Change): boolean {
    if (key.kind !== "AlertRule") {
      // Whatever has changed may be what they refer to.
      if (this.#referring.size === 0 || key.kind === "Instance" || key.kind === "Event") return false;
      for (const text of this.#referring) this.#noted.add(text);
      return true;
    }
    if (type === "MODIFIED" && previous?.metadata.generation === resource.metadata.generation) return false;
    this.#noted.add(keyText(key));
    return true;
  }

  update(): { readonly isChanged: boolean; readonly verdicts: readonly RuleVerdict[] } {
    if (!this.#isFilled) {
      for (const { metadata } of this.#store.list({ kind: "AlertRule" }).items)
        this.#noted.add(
          keyText({ kind: "AlertRule", namespace: metadata.namespace ?? "default", name: metadata.name }),
        );
      this.#isFilled = true;
    }
    const verdicts: RuleVerdict[] = [];
    for (const text of this.#noted) {
      const verdict = this.#look(text);
      if (verdict !== undefined) verdicts.push(verdict);
    }
    this.#noted.clear();
    const isChanged = this.#isChanged;
    this.#isChanged = false;
    return { isChanged, verdicts };
  }

  /** The sink did not take them. */
  retry(): void {
    this.#isChanged = true;
  }

  #look(text: string): RuleVerdict | undefined {
    const resource = this.#store.get(parseKeyText(text));
    if (resource === undefined || resource.metadata.deletionTimestamp !== undefined) {
      this.#referring.delete(text);
      this.#put(text, undefined);
      return undefined;
    }
    const { groups } = resource.spec as Spec;
    const name = `${resource.metadata.namespace ?? "default"}/${resource.metadata.name}`;
    if (resource.metadata.labels?.["tutti.dev/generated"] === "monitoring") {
      this.#put(text, { name, groups });
      return undefined;
    }
    const { found, problem } = this.#resolved(resource, text);
    this.#put(text, problem === undefined ? { name, groups: found } : undefined);
    return { resource, problem, rules: groups.reduce((sum, { rules }) => sum + rules.length, 0) };
  }

  #resolved(
    resource: Resource,
    text: string,
  ): { readonly found: readonly unknown[]; readonly problem: Problem | undefined } {
    const { groups } = resource.spec as Spec;
    if (refers(groups)) this.#referring.add(text);
    else this.#referring.delete(text);
    const result = meant<Spec>({ ...resource, spec: { groups: guarded(groups), tests: [] } }, this.#resolver);
    if ("problem" in result) return { found: [], problem: result.problem };
    const [first] = problemsOf(result.spec.groups);
    return {
      found: result.spec.groups,
      problem: first === undefined ? undefined : { reason: first.code, message: first.message },
    };
  }

  #put(text: string, file: RuleFile | undefined): void {
    const before = this.#files.get(text);
    if (file === undefined) {
      if (this.#files.delete(text)) this.#isChanged = true;
    } else if (before === undefined || !equal(before, file)) {
      this.#files.set(text, file);
      this.#isChanged = true;
    }
  }
}
