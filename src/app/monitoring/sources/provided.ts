/** What providers measure of the resources that they made, one exposition for each kind: databases, volumes, machines. */
import { identityOf } from "../../../controller/desired.ts";
import type { Resource } from "../../../model/resource.ts";
import { Exposition, type LabelValues } from "../../../provider/exposition.ts";
import { type Placement, placed } from "../../../provider/placement.ts";
import type { Measurement, Provider, ProviderContext } from "../../../provider/provider.ts";
import { ownLabels } from "./own-labels.ts";

export interface ProvidedSource {
  readonly resources: () => Iterable<Resource>;
  readonly providerOf: (kind: string, spec: Placement) => Provider;
  readonly context: Omit<ProviderContext, "signal">;
}

type Provided = Resource<Placement, { readonly made?: Placement }>;

/** Those that do not answer within the time of the signal, or at all, are left out; `tutti_database_up 0` says so of databases. */
export async function providedText(source: ProvidedSource, signal: AbortSignal): Promise<string> {
  const measured = await Promise.all(
    ([...source.resources()] as Provided[]).map(async (resource) => ({
      labels: labelsOf(resource),
      measurements: await measurementsOf(resource, source, signal),
    })),
  );
  const families = new Map<
    string,
    { readonly head: Measurement; readonly samples: [LabelValues, number][] }
  >();
  for (const { labels, measurements } of measured)
    for (const measurement of measurements) {
      const family = families.get(measurement.name) ?? { head: measurement, samples: [] };
      families.set(measurement.name, family);
      family.samples.push([labels, measurement.value]);
    }
  const out = new Exposition();
  for (const { head, samples } of families.values()) out.samples(head.name, head.type, head.help, samples);
  return out.toString();
}

async function measurementsOf(
  resource: Provided,
  { providerOf, context }: ProvidedSource,
  signal: AbortSignal,
): Promise<readonly Measurement[]> {
  const { kind, status } = resource;
  const down: readonly Measurement[] =
    kind === "Database"
      ? [{ name: "tutti_database_up", type: "gauge", help: "1 when it answers.", value: 0 }]
      : [];
  if (status?.made === undefined) return [];
  try {
    const provider = providerOf(kind, placed(resource));
    const desired = {
      identity: identityOf(resource),
      // What it was made from: every reference in it is resolved.
      spec: status.made,
      status: status as Readonly<Record<string, unknown>>,
    };
    const answer = provider.measure?.(desired, { ...context, signal });
    return answer === undefined ? [] : await within(signal, answer);
  } catch {
    return down;
  }
}

/** Servers that hang answer neither yes nor no: others' measurements do not wait for theirs. */
async function within<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const giveUp = (): void => late.reject(signal.reason as Error);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    if (signal.aborted) giveUp();
    return await Promise.race([answer, late.promise]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

function labelsOf(resource: Resource): LabelValues {
  return { ...ownLabels(resource), instance: resource.metadata.name };
}
