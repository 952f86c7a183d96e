/** What `/metrics` tells beyond the API's own requests: the control plane, its resources, and what each balancer has counted. */
import type { Resource } from "../model/resource.ts";

export interface MetricsSources {
  readonly own: () => string;
  readonly balancers: () => Iterable<Resource>;
  /** What one balancer counts, in Prometheus' text format; rejects while it does not answer. */
  readonly balancerMetrics: (balancer: Resource) => Promise<string>;
}

export async function metricsText({ own, balancers, balancerMetrics }: MetricsSources): Promise<string> {
  const expositions = await Promise.all(
    [...balancers()].map(async (balancer) =>
      labelled(await balancerMetrics(balancer).catch(() => ""), nameOf(balancer)),
    ),
  );
  return `${own()}${merged(expositions)}`;
}

function nameOf({ metadata }: Resource): string {
  return `${metadata.namespace ?? "default"}/${metadata.name}`;
}

/** Each sample with the balancer it is of. Names and values need no escaping: they are resource names. */
function labelled(exposition: string, balancer: string): readonly string[] {
  return exposition
    .split("\n")
    .filter((line) => line !== "")
    .map((line) =>
      line.startsWith("#")
        ? line
        : line.replace(/^([a-zA-Z_:][\w:]*)(\{)?/, (_all, name: string, brace?: string) =>
            brace === undefined ? `${name}{balancer="${balancer}"}` : `${name}{balancer="${balancer}",`,
          ),
    );
}

/** The format wants all samples of a metric together, under one HELP and one TYPE. */
function merged(expositions: readonly (readonly string[])[]): string {
  const families = new Map<string, { readonly head: string[]; readonly samples: string[] }>();
  for (const lines of expositions) {
    let family = { head: [] as string[], samples: [] as string[] };
    for (const line of lines) {
      const name = /^# (?:HELP|TYPE) (\S+)/.exec(line)?.[1];
      if (name !== undefined) {
        family = families.get(name) ?? { head: [], samples: [] };
        families.set(name, family);
        if (!family.head.includes(line)) family.head.push(line);
      } else if (!line.startsWith("#")) family.samples.push(line);
    }
  }
  return [...families.values()].flatMap(({ head, samples }) => [...head, ...samples, ""]).join("\n");
}
