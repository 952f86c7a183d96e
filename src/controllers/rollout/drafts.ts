/** The Instances to be written for a service: names, ports, labels, owner. Written before anything is started (I3). */
import type { Clock } from "../../clock/clock.ts";
import { type Draft, FINALIZERS, LABELS, type Resource } from "../../model/resource.ts";
import { ATTEMPT } from "./status.ts";
import { type ServiceSpec, type Template, runOf } from "./template.ts";

export interface DraftOptions {
  readonly service: Resource<ServiceSpec>;
  readonly template: Template;
  readonly hash: string;
  readonly attempt: number;
  readonly count: number;
  /** `portsToChoose(run)` for each instance. */
  readonly numbers: readonly number[];
  readonly isTaken: (name: string) => boolean;
  readonly clock: Pick<Clock, "random">;
}

/** The names of the ports whose number is chosen, in order of declaration. */
export function portsToChoose(run: Pick<Template, "ports">): readonly string[] {
  return run.ports.flatMap((port) => (port.port === undefined ? [port.name] : []));
}

export function draftInstances(options: DraftOptions): readonly Draft[] {
  const { service, template, hash, count, numbers, attempt } = options;
  const { metadata } = service;
  const run = runOf(template);
  const owner = {
    apiVersion: service.apiVersion,
    kind: service.kind,
    name: metadata.name,
    uid: metadata.uid,
    controller: true,
  };
  const system = metadata.labels?.[LABELS.system];
  const names = new Set<string>();
  let next = 0;
  return Array.from({ length: count }, () => ({
    apiVersion: service.apiVersion,
    kind: "Instance",
    metadata: {
      name: freshName(names, options),
      namespace: metadata.namespace ?? "default",
      labels: {
        [LABELS.service]: metadata.name,
        [LABELS.template]: hash,
        ...(system === undefined ? {} : { [LABELS.system]: system }),
      },
      ...(attempt === 0 ? {} : { annotations: { [ATTEMPT]: String(attempt) } }),
      finalizers: [FINALIZERS.instance],
      ownerReferences: [owner],
    },
    spec: {
      service: metadata.name,
      class: template.class,
      location: template.location,
      template: hash,
      run,
      // In order of declaration: who asks for the first port means the first declared.
      ports: Object.fromEntries(run.ports.map((port) => [port.name, port.port ?? numbers[next++]])),
    },
  }));
}

const LETTERS = "bcdfghjklmnpqrstvwxz2456789";

function freshName(names: Set<string>, { service, isTaken, clock }: DraftOptions): string {
  for (;;) {
    let name = `${service.metadata.name.slice(0, 200)}-`;
    for (let index = 0; index < 6; index += 1)
      name += LETTERS.charAt(Math.floor(clock.random() * LETTERS.length));
    if (names.has(name) || isTaken(name)) continue;
    names.add(name);
    return name;
  }
}
