/**
 * The value of an expression as far as it is known while a plan is made: of parameters, of what is declared, and of the status of
 * what is ready and stays as it is. Nothing is guessed: what is made or changed by this very plan, or is not ready, has no
 * status yet, and is named instead.
 */
import { edgesOf } from "../kinds/edges.ts";
import { kindNamed, kindOfRoot } from "../kinds/registry.ts";
import { isReady } from "../model/condition.ts";
import { equal } from "../model/equality.ts";
import { type Reference, evaluateTemplate, hasExpression, parseTemplate } from "../model/expression.ts";
import { type Draft, type Resource, addressOf } from "../model/resource.ts";
import { valueAt } from "../model/walk.ts";
import type { ExpansionContext } from "./expansion.ts";
import { isTerminating } from "./ownership.ts";
import { parameterValues } from "./parameters.ts";
import { bodyOf, targetOf } from "./target.ts";

/** `until` is empty when the value is known. */
export interface Known {
  readonly value: unknown;
  readonly until: readonly string[];
}

/** What sets put out is told by their expansion, before any controller has written it. */
export type Members = (address: string) => Known | undefined;

const MAX_DEPTH = 20;

export class KnownValues {
  readonly #context: ExpansionContext;
  readonly #declared: ReadonlyMap<string, Draft>;
  readonly #parameters: ReadonlyMap<string, unknown>;
  readonly #members: Members;

  constructor(resources: readonly Draft[], context: ExpansionContext, members: Members) {
    this.#context = context;
    this.#declared = new Map(resources.map((draft) => [addressOf(draft), draft]));
    this.#parameters = parameterValues(resources.find((draft) => draft.kind === "System"));
    this.#members = members;
  }

  /** Of any JSON value: with values in place of all its expressions. Throws CEL's evaluation error. */
  of(value: unknown, depth = 0): Known {
    if (typeof value === "string") return hasExpression(value) ? this.#text(value, depth) : known(value);
    if (typeof value !== "object" || value === null) return known(value);
    const entries = Object.entries(value).map(([name, member]) => [name, this.of(member, depth)] as const);
    const until = unique(entries.flatMap(([, member]) => member.until));
    if (until.length > 0) return { value: undefined, until };
    if (Array.isArray(value)) return known(entries.map(([, member]) => member.value));
    return known(Object.fromEntries(entries.map(([name, member]) => [name, member.value])));
  }

  #text(text: string, depth: number): Known {
    const template = parseTemplate(text);
    const context: Record<string, Record<string, unknown>> = {};
    const until: string[] = [];
    for (const part of template.parts) {
      for (const reference of typeof part === "string" ? [] : part.references) {
        const found = this.#reference(reference, depth);
        until.push(...found.until);
        const root = (context[reference.root] ??= {});
        root[reference.name] = placed(root[reference.name], reference.path, found.value);
      }
    }
    return until.length > 0
      ? { value: undefined, until: unique(until) }
      : known(evaluateTemplate(template, context));
  }

  #reference({ root, name, path }: Reference, depth: number): Known {
    if (root === "param") return known(valueAt(this.#parameters.get(name), path));
    const kind = kindOfRoot(root);
    const address = `${root}/${name}`;
    if (kind === undefined || depth > MAX_DEPTH) return { value: undefined, until: [address] };
    if (kind.kind === "ResourceSet" && path[0] === "status" && path[1] === "members") {
      const members = this.#members(address);
      if (members !== undefined) return { ...members, value: valueAt(members.value, path.slice(2)) };
    }
    if (path[0] === "status") return this.#status(kind.kind, name, path);
    return this.#content(kind.kind, name, path, depth);
  }

  #content(kind: string, name: string, path: readonly string[], depth: number): Known {
    const address = addressOf({ kind, name, namespace: "" });
    const draft = this.#declared.get(address) ?? this.#live(kind, name);
    if (draft === undefined) return { value: undefined, until: [address] };
    // Configuration is text as it stands; what a spec says may refer to further things.
    if (kind === "ConfigMap" && path[0] !== "metadata") return known(dataOf(draft, path));
    return this.of(valueAt(draft, path), depth + 1);
  }

  #status(kind: string, name: string, path: readonly string[]): Known {
    const address = addressOf({ kind, name, namespace: "" });
    const live = this.#live(kind, name);
    const open = { value: undefined, until: [address] };
    if (live === undefined || isTerminating(live)) return open;
    const value = valueAt(live, path);
    // A System's outputs are there or not; whether all of it is ready is another question.
    if (kind === "System") return value === undefined ? open : known(value);
    return isReady(live) && !this.#isMoving(address) ? known(value) : open;
  }

  /** It, or something that its own values come from, is changed by this plan. */
  #isMoving(address: string): boolean {
    const seen = new Set([address]);
    for (const next of seen) {
      const draft = this.#declared.get(next);
      if (draft === undefined || draft.kind === "System") continue;
      const live = this.#live(draft.kind, draft.metadata.name);
      if (live === undefined || this.#context.pending(next) || isChanged(draft, live)) return true;
      for (const need of needsOf(draft)) seen.add(need);
    }
    return false;
  }

  #live(kind: string, name: string): Resource | undefined {
    const namespace = kindNamed(kind)?.namespaced === false ? "" : this.#context.namespace;
    return this.#context.live.get({ kind, namespace, name });
  }
}

function known(value: unknown): Known {
  return { value, until: [] };
}

function unique(addresses: readonly string[]): readonly string[] {
  return [...new Set(addresses)].toSorted();
}

function isChanged(draft: Draft, live: Resource): boolean {
  return !equal(bodyOf(targetOf({ draft, live, previous: undefined })), bodyOf(live));
}

function dataOf(draft: Draft, path: readonly string[]): unknown {
  const { data = {} } = draft as Draft & { readonly data?: Readonly<Record<string, unknown>> };
  return valueAt(data, path[0] === "data" && !Object.hasOwn(data, "data") ? path.slice(1) : path);
}

function placed(into: unknown, path: readonly string[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const members = typeof into === "object" && into !== null ? (into as Record<string, unknown>) : {};
  return { ...members, [step]: placed(members[step], rest, value) };
}

/** What must be ready before the expressions in it have values: addresses. */
export function needsOf(resource: Draft): readonly string[] {
  return unique(edgesOf(resource).edges.flatMap((edge) => (edge.weak ? [] : [edge.to])));
}
