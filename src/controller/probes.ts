/** What of an instance is probed: shared by who starts instances and who checks them. */
import { parseDuration } from "../model/duration.ts";
import type { Resource } from "../model/resource.ts";

interface ProbeSpec {
  readonly http?: { readonly path: string; readonly port?: string };
  readonly tcp?: { readonly port?: string };
  readonly command?: readonly string[];
  readonly period: string;
  readonly timeout: string;
  readonly failureThreshold: number;
  readonly successThreshold: number;
}

export type Check =
  | { readonly type: "http"; readonly path: string; readonly port: number }
  | { readonly type: "tcp"; readonly port: number }
  | { readonly type: "command"; readonly command: readonly string[] };

export interface Probe {
  readonly check: Check;
  /** Milliseconds. */
  readonly period: number;
  readonly timeout: number;
  readonly failureThreshold: number;
  readonly successThreshold: number;
}

export interface Probes {
  readonly startup?: Probe;
  readonly readiness?: Probe;
  readonly liveness?: Probe;
}

const cache = new WeakMap<object, Probes>();

/** The probes of an instance; a TCP check of its first port when it has a port and declares no readiness probe. */
export function probesOf(instance: Resource): Probes {
  const spec = instance.spec as {
    readonly run: { readonly probes: Readonly<Record<keyof Probes, ProbeSpec | undefined>> };
    readonly ports: Readonly<Record<string, number>>;
  };
  const known = cache.get(spec);
  if (known !== undefined) return known;
  const declared = spec.run.probes;
  const first = Object.values(spec.ports)[0];
  const byDefault: ProbeSpec | undefined =
    first === undefined
      ? undefined
      : { tcp: {}, period: "5s", timeout: "1s", failureThreshold: 3, successThreshold: 1 };
  const probes = compact({
    startup: toProbe(declared.startup, spec.ports),
    readiness: toProbe(declared.readiness ?? byDefault, spec.ports),
    liveness: toProbe(declared.liveness, spec.ports),
  });
  cache.set(spec, probes);
  return probes;
}

export function isProbed(instance: Resource): boolean {
  return Object.keys(probesOf(instance)).length > 0;
}

function compact(probes: Readonly<Record<keyof Probes, Probe | undefined>>): Probes {
  return Object.fromEntries(Object.entries(probes).filter(([, probe]) => probe !== undefined));
}

function toProbe(spec: ProbeSpec | undefined, ports: Readonly<Record<string, number>>): Probe | undefined {
  if (spec === undefined) return undefined;
  const check = toCheck(spec, ports);
  if (check === undefined) return undefined;
  return {
    check,
    period: parseDuration(spec.period),
    timeout: parseDuration(spec.timeout),
    failureThreshold: spec.failureThreshold,
    successThreshold: spec.successThreshold,
  };
}

function toCheck(spec: ProbeSpec, ports: Readonly<Record<string, number>>): Check | undefined {
  const portOf = (name: string | undefined): number | undefined =>
    name === undefined ? Object.values(ports)[0] : ports[name];
  if (spec.command !== undefined) return { type: "command", command: spec.command };
  const port = portOf(spec.http?.port ?? spec.tcp?.port);
  if (port === undefined) return undefined;
  return spec.http === undefined ? { type: "tcp", port } : { type: "http", path: spec.http.path, port };
}
