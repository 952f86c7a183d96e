/** Which provider is meant by a class: by name, or the first there is for `auto`. */
import { didYouMean } from "../diagnostics/suggestion.ts";
import { type InstanceProvider, type Provider, TerminalError } from "../provider/provider.ts";

interface Placed {
  readonly class: string;
  readonly location: string;
}

export class Classes {
  readonly instances: ReadonlyMap<string, InstanceProvider>;
  readonly #providers: ReadonlyMap<string, readonly Provider[]>;

  /** Both in order of preference. */
  constructor(instances: readonly InstanceProvider[], providers: readonly Provider[]) {
    this.instances = new Map(instances.map((provider) => [provider.class, provider]));
    const byKind = new Map<string, Provider[]>();
    for (const provider of providers)
      byKind.set(provider.kind, [...(byKind.get(provider.kind) ?? []), provider]);
    this.#providers = byKind;
  }

  /** The kinds that some provider makes. */
  get kinds(): ReadonlySet<string> {
    return new Set(this.#providers.keys());
  }

  /** Refuses with TerminalError. */
  instance(spec: Placed): InstanceProvider {
    return choose("Service", spec, [...this.instances.values()]);
  }

  provider(kind: string, spec: Placed): Provider {
    return choose(kind, spec, this.#providers.get(kind) ?? []);
  }

  /** By kind, for the Location's status. */
  capabilities(): Readonly<
    Record<string, readonly { readonly name: string; readonly capabilities: readonly string[] }[]>
  > {
    const listed = (
      providers: Iterable<{ readonly class: string; readonly capabilities: readonly string[] }>,
    ): { name: string; capabilities: readonly string[] }[] =>
      [...providers].map((provider) => ({ name: provider.class, capabilities: provider.capabilities }));
    return {
      Service: listed(this.instances.values()),
      ...Object.fromEntries([...this.#providers].map(([kind, providers]) => [kind, listed(providers)])),
    };
  }
}

function choose<P extends { readonly class: string }>(
  kind: string,
  spec: Placed,
  candidates: readonly P[],
): P {
  if (spec.location !== "local")
    throw new TerminalError({
      code: "UnknownLocation",
      path: "spec.location",
      message: `There is no way to reach the location '${spec.location}'.`,
      hint: "Use 'local', this machine.",
    });
  const found =
    spec.class === "auto" ? candidates[0] : candidates.find((candidate) => candidate.class === spec.class);
  if (found !== undefined) return found;
  const names = candidates.map((candidate) => candidate.class);
  throw new TerminalError({
    code: "UnknownClass",
    path: "spec.class",
    message: `Nothing here makes a ${kind} of class '${spec.class}'.`,
    hint: didYouMean(spec.class, names) ?? `Known classes: ${names.join(", ") || "none"}.`,
  });
}
