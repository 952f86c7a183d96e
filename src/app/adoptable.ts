/**
 * Whether what a plan adopts is there, and nobody's: asked of the providers' lists before anything is committed, once for
 * each place, however many of it are adopted.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";
import { ADOPT } from "../provider/adoption.ts";
import type { Found, Provider } from "../provider/provider.ts";
import { type DiscoveryParts, listed, ownerOf, whereOf } from "./discovery.ts";

type Spec = Readonly<Record<string, unknown>>;

export interface Adopting {
  readonly address: string;
  readonly namespace: string;
  readonly name: string;
  readonly spec: Spec;
  readonly id: string;
  readonly provider: Provider;
}

const PATH = `metadata.annotations["${ADOPT}"]`;

export async function adoptionProblems(
  all: readonly Adopting[],
  parts: DiscoveryParts,
): Promise<readonly Diagnostic[]> {
  const able = all.filter(({ provider }) => provider.adopt !== undefined);
  const places = Map.groupBy(able, ({ provider, spec }) =>
    JSON.stringify([provider.kind, provider.class, spec["location"], whereOf(spec)]),
  );
  const answers = await Promise.all([...places.values()].map((group) => problemsAt(group, parts)));
  return [...all.filter((one) => !able.includes(one)).map(cannot), ...answers.flat(), ...twice(places)];
}

async function problemsAt(group: readonly Adopting[], parts: DiscoveryParts): Promise<readonly Diagnostic[]> {
  const [{ provider, spec, namespace }] = group as readonly [Adopting, ...Adopting[]];
  // Who lists nothing looks when it adopts.
  if (provider.list === undefined) return [];
  const where = whereOf(spec);
  const { found, problems } = await listed(
    provider,
    where,
    { location: String(spec["location"]), namespace, kind: provider.kind },
    parts,
  );
  // What it refers to is not there yet: it is looked at when it is.
  if (problems.length > 0) return problems.filter(({ code }) => code !== "WaitingFor");
  return group.flatMap((one) => problemOf(one, found, where, parts));
}

function problemOf(
  one: Adopting,
  found: readonly Found[],
  where: Spec,
  parts: DiscoveryParts,
): readonly Diagnostic[] {
  const { address, provider } = one;
  const id = idOf(one);
  const there = found.find((candidate) => candidate.id === id);
  if (there === undefined)
    return [
      {
        severity: "error",
        code: "NothingToAdopt",
        address,
        path: PATH,
        message: `There is no ${provider.kind} '${id}' of class '${provider.class}' to be adopted.`,
        hint:
          didYouMean(
            id,
            found.map((candidate) => candidate.id),
          ) ?? `See what there is: tutti discover --kind ${provider.kind.toLowerCase()}.`,
      },
    ];
  const owner = ownerOf(there, { provider, where, parts });
  if (owner === undefined) return [];
  return [
    {
      severity: "error",
      code: "OwnedByAnother",
      address,
      path: PATH,
      message: `The ${provider.kind} '${id}' belongs to ${owner} already.`,
      hint: "Let that go first (`tutti forget`), or choose another.",
    },
  ];
}

/** Of a Database `true` means the one that it names. */
function idOf({ id, spec, name }: Adopting): string {
  return id === "true" ? String(spec["database"] ?? name) : id;
}

function cannot({ address, provider }: Adopting): Diagnostic {
  return {
    severity: "error",
    code: "NotAdoptable",
    address,
    path: PATH,
    message: `The class '${provider.class}' of ${provider.kind} adopts nothing.`,
    hint: "Choose another class, or leave the annotation out to have one made.",
  };
}

function twice(places: ReadonlyMap<string, readonly Adopting[]>): readonly Diagnostic[] {
  return [...places.values()].flatMap((group) => {
    const taken = new Map<string, string>();
    return group.flatMap((one): readonly Diagnostic[] => {
      const { address } = one;
      const id = idOf(one);
      const first = taken.get(id);
      if (first === undefined) taken.set(id, address);
      if (first === undefined) return [];
      const message = `${first} adopts '${id}' as well.`;
      return [{ severity: "error", code: "AdoptedTwice", address, path: PATH, message }];
    });
  });
}
