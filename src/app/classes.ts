/**
 * Which provider makes a resource: its Location says which engines there are, its class which of them; `auto` takes what
 * the Location names for the kind, else the first that has what the declaration needs.
 *
 *   spec.location --> Location --> engines there (opened once for each content of the Location) --class, needs--> provider
 *
 *  - Engines of a Location are opened when somebody first asks for them; opening reaches nobody, so it cannot fail for a
 *    reason that goes away by itself. A Location that is changed, or a Secret by which it is reached (certificates that
 *    were renewed), gets new engines, and the old ones are closed; so are those of a Location that is gone.
 *  - What listens to the ends and the health of instances hears of every engine, whenever it was opened. New engines
 *    know of no instance yet: who has found some by the old ones is told to find them again.
 */
import { didYouMean } from "../diagnostics/suggestion.ts";
import { needsOf } from "../kinds/features.ts";
import { type LocationSpec, SECRETS_OF_LOCATIONS, secretsOf } from "../kinds/location.ts";
import type { Resource } from "../model/resource.ts";
import {
  type EngineHealth,
  type Exit,
  type InstanceProvider,
  type Provider,
  TerminalError,
} from "../provider/provider.ts";
import type { InstanceEngines, Placement } from "../provider/placement.ts";
import type { Store } from "../store/store.ts";

/** What one place offers, in order of preference for `auto`. */
export interface Engines {
  readonly instances: readonly InstanceProvider[];
  readonly providers: readonly Provider[];
  /** What it says of itself, one phrase; rejects in one sentence when it cannot be reached. */
  readonly describe?: () => Promise<string>;
  readonly close?: () => void;
}

/** How the engines of one type of Location are opened. Refuses with TerminalError. */
export type OpenLocation = (location: Resource<LocationSpec>) => Engines;

interface Opened {
  /** What they were opened from. */
  readonly content: string;
  readonly engines: Engines;
  readonly subscriptions: readonly (() => void)[];
}

interface Candidate {
  readonly class: string;
  readonly features?: readonly string[];
}

export class Classes implements InstanceEngines {
  readonly #store: Pick<Store, "get" | "list">;
  readonly #types: ReadonlyMap<string, OpenLocation>;
  readonly #opened = new Map<string, Opened>();
  readonly #exits = new Set<(exit: Exit) => void>();
  readonly #healths = new Set<(health: EngineHealth) => void>();
  readonly #reopenings = new Set<(location: string) => void>();
  /** Of own kinds, by kind: at every Location. */
  readonly everywhere = new Map<string, Provider>();
  readonly kinds: ReadonlySet<string>;

  /** `kinds`: those that some provider makes, Services aside. */
  constructor(
    store: Pick<Store, "get" | "list">,
    types: ReadonlyMap<string, OpenLocation>,
    kinds: ReadonlySet<string>,
  ) {
    this.#store = store;
    this.#types = types;
    this.kinds = kinds;
  }

  instance(spec: Placement): InstanceProvider {
    return this.#choose("Service", spec, (engines) => engines.instances);
  }

  provider(kind: string, spec: Placement): Provider {
    return this.#choose(kind, spec, (engines) => engines.providers.filter((one) => one.kind === kind));
  }

  /** Refuses with TerminalError a Location that is not there or cannot be. */
  enginesAt(name: string): Engines {
    const engines = this.#openedAt(name);
    if (this.everywhere.size === 0) return engines;
    return { ...engines, providers: [...engines.providers, ...this.everywhere.values()] };
  }

  #openedAt(name: string): Engines {
    const found = this.#store.get({ kind: "Location", namespace: "", name }) as
      | Resource<LocationSpec>
      | undefined;
    if (found === undefined) throw this.#unknownLocation(name);
    const known = this.#opened.get(name);
    const content = this.#contentOf(found);
    if (known?.content === content) return known.engines;
    const open = this.#types.get(found.spec.type);
    if (open === undefined) throw this.#unknownLocation(name);
    const engines = open(found);
    this.#opened.set(name, { content, engines, subscriptions: this.#listenTo(engines.instances) });
    if (known !== undefined) {
      close(known);
      for (const listener of this.#reopenings) listener(name);
    }
    return engines;
  }

  /** Of a Location that is gone. */
  closeAt(name: string): void {
    const known = this.#opened.get(name);
    if (known === undefined) return;
    this.#opened.delete(name);
    close(known);
  }

  /** Equal as long as the same engines are meant, reached in the same way. */
  #contentOf(location: Resource<LocationSpec>): string {
    const secrets = secretsOf(location.spec).map((name) =>
      this.#store.get({ kind: "Secret", namespace: SECRETS_OF_LOCATIONS, name }),
    );
    return [location, ...secrets]
      .map((one) => (one === undefined ? "" : `${one.metadata.uid} ${one.metadata.generation}`))
      .join();
  }

  /** By kind, for the Location's status. */
  capabilities(
    engines: Engines,
  ): Readonly<
    Record<string, readonly { readonly name: string; readonly capabilities: readonly string[] }[]>
  > {
    const kinds = [...new Set(engines.providers.map(({ kind }) => kind))];
    const listed = (
      all: readonly { readonly class: string; readonly capabilities: readonly string[] }[],
    ): { name: string; capabilities: readonly string[] }[] =>
      all.map((provider) => ({ name: provider.class, capabilities: provider.capabilities }));
    return {
      Service: listed(engines.instances),
      ...Object.fromEntries(
        kinds.map((kind) => [kind, listed(engines.providers.filter((one) => one.kind === kind))]),
      ),
    };
  }

  onExit(listener: (exit: Exit) => void): () => void {
    this.#exits.add(listener);
    return () => this.#exits.delete(listener);
  }

  onHealth(listener: (health: EngineHealth) => void): () => void {
    this.#healths.add(listener);
    return () => this.#healths.delete(listener);
  }

  onReopened(listener: (location: string) => void): () => void {
    this.#reopenings.add(listener);
    return () => this.#reopenings.delete(listener);
  }

  close(): void {
    for (const opened of this.#opened.values()) close(opened);
    this.#opened.clear();
  }

  #listenTo(providers: readonly InstanceProvider[]): readonly (() => void)[] {
    return providers.flatMap((provider) => [
      provider.onExit((exit) => this.#exits.forEach((listener) => listener(exit))),
      ...(provider.onHealth === undefined
        ? []
        : [provider.onHealth((health) => this.#healths.forEach((listener) => listener(health)))]),
    ]);
  }

  #choose<P extends Candidate>(kind: string, spec: Placement, of: (engines: Engines) => readonly P[]): P {
    const engines = this.enginesAt(spec.location);
    const wanted = spec.class === "auto" ? this.#preferred(kind, spec.location) : spec.class;
    const there = of(engines);
    const candidates = wanted === undefined ? there : there.filter((one) => one.class === wanted);
    if (candidates.length === 0) throw unknownClass(kind, wanted ?? "auto", spec.location, there);
    const needs = needsOf(kind, spec);
    const found = candidates.find((one) => needs.every(({ feature }) => has(one, feature)));
    if (found !== undefined) return found;
    const [closest] = candidates as readonly [P, ...P[]];
    const missing = needs.find(({ feature }) => !has(closest, feature));
    throw new TerminalError({
      code: "Unsupported",
      path: missing?.path ?? "spec.class",
      message: `The class '${closest.class}' of ${kind} has no ${missing?.feature ?? "such thing"}.`,
      hint: this.#whoCould(kind, spec, of),
    });
  }

  #preferred(kind: string, name: string): string | undefined {
    const found = this.#store.get({ kind: "Location", namespace: "", name }) as
      | Resource<LocationSpec>
      | undefined;
    return found?.spec.classes[kind];
  }

  /** The classes, here and at the other Locations, that have everything that is needed. */
  #whoCould<P extends Candidate>(
    kind: string,
    spec: Placement,
    of: (engines: Engines) => readonly P[],
  ): string {
    const needs = needsOf(kind, spec);
    const able = (name: string): readonly string[] => {
      try {
        return of(this.enginesAt(name)).flatMap((one) =>
          needs.every(({ feature }) => has(one, feature)) ? [one.class] : [],
        );
      } catch {
        return [];
      }
    };
    const here = able(spec.location);
    if (here.length > 0)
      return `Classes that can, here: ${here.join(", ")}. Set spec.class, or leave it out.`;
    const elsewhere = this.#store
      .list({ kind: "Location" })
      .items.flatMap(({ metadata }) =>
        able(metadata.name).map((one) => `${one} at the location ${metadata.name}`),
      );
    return elsewhere.length > 0
      ? `Classes that can: ${elsewhere.join(", ")}.`
      : "No class that is known here can; leave it out.";
  }

  #unknownLocation(name: string): TerminalError {
    const names = this.#store.list({ kind: "Location" }).items.map(({ metadata }) => metadata.name);
    return new TerminalError({
      code: "UnknownLocation",
      path: "spec.location",
      message: `There is no way to reach the location '${name}'.`,
      hint:
        didYouMean(name, names) ??
        `Known locations: ${names.join(", ")}; apply a Location of that name first, by itself.`,
    });
  }
}

function has(candidate: Candidate, feature: string): boolean {
  return candidate.features?.includes(feature) === true;
}

function close({ engines, subscriptions }: Opened): void {
  for (const unsubscribe of subscriptions) unsubscribe();
  engines.close?.();
}

function unknownClass(
  kind: string,
  wanted: string,
  location: string,
  there: readonly Candidate[],
): TerminalError {
  const names = there.map((candidate) => candidate.class);
  return new TerminalError({
    code: "UnknownClass",
    path: "spec.class",
    message: `Nothing at the location '${location}' makes a ${kind} of class '${wanted}'.`,
    hint: didYouMean(wanted, names) ?? `Known classes: ${names.join(", ") || "none"}.`,
  });
}
