/**
 * What the instances of a Location use, one exposition for all of them: a look at a thousand processes is one pass over
 * the table of processes, not a thousand requests.
 */
import { parseQuantity } from "../../../model/quantity.ts";
import { conditionOf } from "../../../model/condition.ts";
import { type Resource, keyOf, keyText } from "../../../model/resource.ts";
import { Exposition, type LabelValues } from "../../../provider/exposition.ts";
import type { InstanceEngines } from "../../../provider/placement.ts";
import type { Identity, InstanceSpec, InstanceStats } from "../../../provider/provider.ts";
import { TARGET_LABELS } from "../../../provider/monitoring.ts";
import { ownLabels } from "./own-labels.ts";

type Instance = Resource<
  InstanceSpec & { readonly class: string; readonly location: string },
  { readonly startedAt?: number; readonly exit?: object }
>;

export interface InstancesSource {
  readonly instances: () => Iterable<Resource>;
  readonly engines: Pick<InstanceEngines, "instance">;
  /** How often instances have ended by themselves, by the labels of their service. */
  readonly restarts: () => Iterable<readonly [LabelValues, number]>;
}

export async function instancesText(location: string, source: InstancesSource): Promise<string> {
  const here = ([...source.instances()] as Instance[]).filter(
    ({ spec, status }) => spec.location === location && status?.exit === undefined,
  );
  const stats = await statsOf(here, source.engines);
  const out = new Exposition();
  const samples = (value: (instance: Instance) => number | undefined): (readonly [LabelValues, number])[] =>
    here.flatMap((instance): (readonly [LabelValues, number])[] => {
      const found = value(instance);
      return found === undefined ? [] : [[labelsOf(instance), found]];
    });
  const used = (name: string, type: "counter" | "gauge", help: string, of: keyof InstanceStats): void =>
    out.samples(
      `tutti_instance_${name}`,
      type,
      help,
      samples(({ metadata }) => stats.get(metadata.uid)?.[of]),
    );
  used("cpu_seconds_total", "counter", "Processor seconds used.", "cpuSeconds");
  used("memory_bytes", "gauge", "Resident memory.", "memoryBytes");
  used("open_fds", "gauge", "Open file descriptors.", "openFiles");
  used("max_fds", "gauge", "File descriptors that may be open.", "maxOpenFiles");
  used("network_receive_bytes_total", "counter", "Bytes received.", "networkReceivedBytes");
  used("network_transmit_bytes_total", "counter", "Bytes sent.", "networkSentBytes");
  const known = (name: string, help: string, value: (instance: Instance) => number | undefined): void =>
    out.samples(`tutti_instance_${name}`, "gauge", help, samples(value));
  known("memory_limit_bytes", "Memory it may use.", ({ spec }) => quantity(spec.run.resources.memory));
  known("cpu_limit_cores", "Cores it may use.", ({ spec }) => quantity(spec.run.resources.cpu));
  known("ready", "1 while it is ready.", (one) => (conditionOf(one, "Ready")?.status === "True" ? 1 : 0));
  known("start_time_seconds", "When it was started.", ({ status }) =>
    status?.startedAt === undefined ? undefined : status.startedAt / 1000,
  );
  out.samples(
    "tutti_instance_restarts_total",
    "counter",
    "Instances of the service that ended by themselves.",
    source.restarts(),
  );
  return out.toString();
}

function labelsOf(instance: Instance): LabelValues {
  const { service } = instance.spec;
  return {
    ...ownLabels(instance),
    [TARGET_LABELS.service]: service,
    [TARGET_LABELS.resource]: `service/${service}`,
    instance: instance.metadata.name,
  };
}

function quantity(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseQuantity(text);
}

/** Of each class in one call; a class that does not answer is left out, the others are not. */
async function statsOf(
  instances: readonly Instance[],
  engines: InstancesSource["engines"],
): Promise<ReadonlyMap<string, InstanceStats>> {
  const byClass = Map.groupBy(instances, ({ spec }) => spec.class);
  const found = await Promise.allSettled(
    [...byClass.values()].map(async ([first, ...rest]) =>
      first === undefined
        ? new Map<string, InstanceStats>()
        : engines.instance(first.spec).stats([first, ...rest].map(identityOf)),
    ),
  );
  return new Map(found.flatMap((one) => (one.status === "fulfilled" ? [...one.value] : [])));
}

function identityOf({ metadata }: Instance): Identity {
  return {
    kind: "Instance",
    namespace: metadata.namespace ?? "default",
    name: metadata.name,
    uid: metadata.uid,
  };
}

/**
 * Counts the ends of instances by their service. The count is of this process: counters begin anew when the control
 * plane does, as readers of counters expect.
 */
export class RestartCounts {
  readonly #byService = new Map<string, number>();

  /** An instance of the service has ended by itself. */
  ended(service: Resource): void {
    const key = keyText(keyOf(service));
    this.#byService.set(key, (this.#byService.get(key) ?? 0) + 1);
  }

  /** 0 for a service of which none has: only what was there before can be seen to grow. */
  *samples(services: Iterable<Resource>): Generator<readonly [LabelValues, number]> {
    for (const service of services)
      yield [
        { ...ownLabels(service), [TARGET_LABELS.service]: service.metadata.name },
        this.#byService.get(keyText(keyOf(service))) ?? 0,
      ];
  }
}
