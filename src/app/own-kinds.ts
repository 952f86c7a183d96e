/**
 * Own kinds in a control plane: known as long as their definition is in the store, and made by whoever its functions are.
 *
 *     store ──CustomResourceDefinition──> kind known (kinds/registry.ts), its provider at every Location (classes.ts)
 *           ──another one──> the kind in its place; the provider too, where the functions are others: what is under way ends as it began
 *           ──deleted──> known no more
 *
 * Invariants
 *  1. Whoever looks at a commit looks after this: a resource and the kind that it is of may come in the same one.
 *  2. A definition is never half in force: it was checked when it was admitted; one that cannot be read is left out and told.
 */
import type { Logger } from "../controller/reconciler.ts";
import type { View } from "../controller/view.ts";
import { DEFINITION } from "../kinds/declared-kinds.ts";
import type { AnyKind } from "../kinds/kind.ts";
import { type DefinitionSpec, type ProviderSource, ownKind } from "../kinds/own-kind.ts";
import { forget, isBuiltIn, learn } from "../kinds/registry.ts";
import { equal } from "../model/equality.ts";
import type { Resource } from "../model/resource.ts";
import type { Provider } from "../provider/provider.ts";
import type { Change, Snapshot } from "../store/store.ts";

export interface OwnProvider extends Provider {
  /** Takes nothing further, and ends when nothing is under way. */
  readonly retire?: () => void;
  readonly close?: () => void;
}

export interface OwnKindsOptions {
  readonly store: Snapshot;
  /** Nobody makes any when absent. */
  readonly providerOf?: (kind: AnyKind, source: ProviderSource) => OwnProvider;
  /** Told of every kind that a provider makes from now on, or no longer. */
  readonly provided: (kind: string, provider: Provider | undefined) => void;
  readonly log: Logger;
}

interface Known {
  readonly kind: AnyKind;
  readonly source: ProviderSource | undefined;
  readonly provider: OwnProvider | undefined;
}

export class OwnKinds implements View {
  readonly #options: OwnKindsOptions;
  /** By the name of their definition. */
  readonly #known = new Map<string, Known>();

  constructor(options: OwnKindsOptions) {
    this.#options = options;
    for (const definition of options.store.list({ kind: DEFINITION }).items) this.#put(definition);
  }

  /** They are known from the beginning. */
  fill(): void {}

  apply({ key, type, resource }: Change): void {
    if (key.kind !== DEFINITION) return;
    if (type === "DELETED") this.#drop(key.name);
    else this.#put(resource);
  }

  close(): void {
    for (const { provider } of this.#known.values()) provider?.close?.();
  }

  #put(definition: Resource): void {
    const { name } = definition.metadata;
    const made = ownKind(definition as Pick<Resource<DefinitionSpec>, "spec">);
    if (!("kind" in made) || this.#isTaken(made.kind.kind, name)) {
      this.#options.log.error({ definition: name }, "the definition of a kind cannot be used");
      return;
    }
    const { provider } = definition.spec as DefinitionSpec;
    this.#know(name, made.kind, provider);
  }

  #know(name: string, kind: AnyKind, source: ProviderSource | undefined): void {
    const before = this.#known.get(name);
    if (before?.kind === kind && equal(before.source, source)) return;
    if (before?.kind.kind !== kind.kind) this.#drop(name);
    learn(kind);
    const provider = source === undefined ? undefined : this.#options.providerOf?.(kind, source);
    this.#known.set(name, { kind, source, provider });
    this.#options.provided(kind.kind, provider);
    before?.provider?.retire?.();
  }

  #isTaken(kind: string, definition: string): boolean {
    return (
      isBuiltIn(kind) ||
      [...this.#known].some(([name, known]) => name !== definition && known.kind.kind === kind)
    );
  }

  #drop(name: string): void {
    const known = this.#known.get(name);
    if (known === undefined) return;
    this.#known.delete(name);
    forget(known.kind.kind);
    this.#options.provided(known.kind.kind, undefined);
    known.provider?.retire?.();
  }
}
