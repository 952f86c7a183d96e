/**
 * The client over HTTP. It loads nothing heavy (kinds are described by their names only), keeps its connections, and
 * turns refusals into ApiError and silence into UnreachableError.
 */
import { systemClock, type Clock } from "../clock/clock.ts";
import type { Draft, Resource } from "../model/resource.ts";
import type { Plan } from "../planner/plan.ts";
import type { Discovery, DiscoveryQuery } from "../provider/discovery.ts";
import type { ExecSession } from "../provider/provider.ts";
import type {
  Applied,
  Client,
  ClientOptions,
  ExecQuery,
  HistoryItem,
  KindName,
  ListOptions,
  LogQuery,
  Measurements,
  PatchType,
  Planned,
  Proposed,
  ReadOptions,
  RemoveOptions,
  ResourceList,
  Scope,
  ServiceLogLine,
  VersionReport,
  WhyLink,
  WriteOptions,
} from "./client.ts";
import { HttpChanges } from "./changes.ts";
import { HttpDrift } from "./drift.ts";
import { ApiError } from "./error.ts";
import { HttpWorkflows } from "./http-workflows.ts";
import { HttpMeasurements } from "./measurements.ts";
import { type Call, Transport, queryText } from "./transport.ts";
import { type WatchEvent, type WatchOptions, resumingWatch } from "./watch.ts";

const CONTENT_TYPES: Readonly<Record<PatchType, string>> = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  apply: "application/apply-patch+yaml",
};

const INSTANCE: KindName = {
  kind: "Instance",
  plural: "instances",
  group: "tutti.dev",
  version: "v1",
  namespaced: true,
};
const SERVICE: KindName = { ...INSTANCE, kind: "Service", plural: "services" };
const LOCATION: KindName = { ...INSTANCE, kind: "Location", plural: "locations", namespaced: false };
const SYSTEM: KindName = { ...INSTANCE, kind: "System", plural: "systems" };

export function createClient(options: ClientOptions): Client {
  return new HttpClient(new Transport(options), options.clock ?? systemClock);
}

class HttpClient implements Client {
  readonly workflows: HttpWorkflows;
  readonly changes: HttpChanges;
  readonly drift: HttpDrift;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #measurements: Measurements;

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
    this.workflows = new HttpWorkflows(transport, this);
    this.changes = new HttpChanges(transport);
    this.drift = new HttpDrift(transport, pathOf);
    this.#measurements = new HttpMeasurements(transport, "/prometheus");
  }

  get url(): string {
    return this.#transport.address.url;
  }

  async get<R extends Resource>(kind: KindName, name: string, options: ReadOptions = {}): Promise<R> {
    const { at, reveal, signal } = options;
    return (await this.#transport.json({
      method: "GET",
      path: pathOf(kind, options, name),
      query: { at, reveal },
      signal,
    })) as R;
  }

  async find<R extends Resource>(
    kind: KindName,
    name: string,
    options: ReadOptions = {},
  ): Promise<R | undefined> {
    try {
      return await this.get<R>(kind, name, options);
    } catch (error) {
      if ((error as { readonly reason?: unknown }).reason === "NotFound") return undefined;
      throw error;
    }
  }

  async list<R extends Resource>(kind: KindName, options: ListOptions = {}): Promise<ResourceList<R>> {
    const { namespace, signal, ...query } = options;
    const body = (await this.#transport.json({
      method: "GET",
      path: collectionPath(kind, namespace),
      query,
      signal,
    })) as {
      readonly items: readonly R[];
      readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
    };
    const more = body.metadata.continue;
    return {
      items: body.items,
      resourceVersion: body.metadata.resourceVersion,
      ...(more === undefined || more === "" ? {} : { continue: more }),
    };
  }

  watch<R extends Resource>(
    kind: KindName,
    options: WatchOptions & ListOptions = {},
  ): AsyncGenerator<WatchEvent<R>, void, undefined> {
    const { namespace, labelSelector, fieldSelector, signal } = options;
    const selectors = { labelSelector, fieldSelector };
    const source = {
      list: () => this.list(kind, dropUndefined({ namespace, ...selectors, signal })),
      stream: (resourceVersion: string) =>
        this.#transport.lines({
          method: "GET",
          path: collectionPath(kind, namespace),
          query: { ...selectors, resourceVersion, watch: true, allowWatchBookmarks: true },
          signal,
        }),
    };
    return resumingWatch(source, options, this.#clock) as AsyncGenerator<WatchEvent<R>, void, undefined>;
  }

  create(kind: KindName, draft: Draft, options: WriteOptions = {}): Promise<Resource> {
    const namespace = options.namespace ?? draft.metadata.namespace ?? "default";
    return this.#write({ method: "POST", path: collectionPath(kind, namespace), body: draft }, options);
  }

  update(kind: KindName, resource: Draft, options: WriteOptions = {}): Promise<Resource> {
    const namespace = options.namespace ?? resource.metadata.namespace ?? "default";
    return this.#write(
      { method: "PUT", path: pathOf(kind, { namespace }, resource.metadata.name), body: resource },
      options,
    );
  }

  patch(
    kind: KindName,
    name: string,
    patch: unknown,
    options: WriteOptions & { readonly type?: PatchType } = {},
  ): Promise<Resource> {
    return this.#write(
      {
        method: "PATCH",
        path: pathOf(kind, options, name),
        body: patch,
        contentType: CONTENT_TYPES[options.type ?? "merge"],
      },
      options,
    );
  }

  async remove(kind: KindName, name: string, options: RemoveOptions = {}): Promise<Resource | undefined> {
    const { propagation, uid, resourceVersion } = options;
    const preconditions = dropUndefined({ uid, resourceVersion });
    const body = dropUndefined({
      kind: "DeleteOptions",
      apiVersion: "v1",
      propagationPolicy: propagation,
      preconditions,
    });
    const answer = await this.#write({ method: "DELETE", path: pathOf(kind, options, name), body }, options);
    return answer.kind === "Status" ? undefined : answer;
  }

  status(kind: KindName, name: string, status: unknown, options: WriteOptions = {}): Promise<Resource> {
    return this.#write(
      {
        method: "PATCH",
        path: `${pathOf(kind, options, name)}/status`,
        body: { status },
        contentType: CONTENT_TYPES.merge,
      },
      options,
    );
  }

  async scale(
    kind: KindName,
    name: string,
    replicas?: number,
    options: WriteOptions = {},
  ): Promise<{ readonly declared: number; readonly present: number }> {
    const path = `${pathOf(kind, options, name)}/scale`;
    const answer =
      replicas === undefined
        ? await this.#transport.json({ method: "GET", path, signal: options.signal })
        : await this.#write(
            { method: "PATCH", path, body: { spec: { replicas } }, contentType: CONTENT_TYPES.merge },
            options,
          );
    const scale = answer as {
      readonly spec: { readonly replicas?: number };
      readonly status?: { readonly replicas?: number };
    };
    return { declared: scale.spec.replicas ?? 0, present: scale.status?.replicas ?? 0 };
  }

  async history(
    kind: KindName,
    name: string,
    options: Scope & { readonly limit?: number } = {},
  ): Promise<readonly HistoryItem[]> {
    const { limit, signal } = options;
    const body = await this.#transport.json({
      method: "GET",
      path: `${pathOf(kind, options, name)}/history`,
      query: { limit },
      signal,
    });
    return (body as { readonly items: readonly HistoryItem[] }).items;
  }

  async why(kind: KindName, name: string, options: Scope = {}): Promise<readonly WhyLink[]> {
    const body = await this.#transport.json({
      method: "GET",
      path: `${pathOf(kind, options, name)}/why`,
      signal: options.signal,
    });
    return (body as { readonly chain: readonly WhyLink[] }).chain;
  }

  async plan(system: string, proposed: Proposed, options: Scope = {}): Promise<Plan> {
    const body = await this.#transport.json({
      method: "POST",
      path: `${pathOf(SYSTEM, options, system)}/plan`,
      body: proposed,
      signal: options.signal,
    });
    return (body as { readonly plan: Plan }).plan;
  }

  async discover({ location, ...query }: DiscoveryQuery, signal?: AbortSignal): Promise<Discovery> {
    const path = `${pathOf(LOCATION, {}, location)}/discover`;
    return (await this.#transport.json({ method: "POST", path, body: query, signal })) as Discovery;
  }

  async savedPlan(system: string, proposed: Proposed, options: Scope = {}): Promise<Planned> {
    return (await this.#transport.json({
      method: "POST",
      path: `${pathOf(SYSTEM, options, system)}/plan`,
      body: { ...proposed, save: true },
      signal: options.signal,
    })) as Planned;
  }

  async apply(
    system: string,
    proposed: Parameters<Client["apply"]>[1],
    { onFailure, dryRun, ...options }: NonNullable<Parameters<Client["apply"]>[2]> = {},
  ): Promise<Applied> {
    const send = async (asked: object): Promise<Applied> =>
      (await this.#transport.json({
        method: "POST",
        path: `${pathOf(SYSTEM, options, system)}/apply`,
        query: { dryRun: dryRun === true ? "All" : undefined },
        body: dropUndefined({ ...asked, onFailure }),
        signal: options.signal,
      })) as Applied;
    if ("saved" in proposed || proposed.resources.length < WORTH_NOT_SENDING) return send(proposed);
    const { resources: _resources, ...rest } = proposed;
    return send({ ...rest, planned: true }).catch((error: unknown) => {
      if (isForgotten(error)) return send(proposed);
      throw error;
    });
  }

  async *log(instance: string, query: LogQuery = {}): AsyncGenerator<string, void, undefined> {
    yield* this.#transport.lines({
      method: "GET",
      path: `${pathOf(query.of ?? INSTANCE, query, instance)}/log`,
      query: logQuery(query),
      signal: query.signal,
    });
  }

  async *serviceLog(service: string, query: LogQuery = {}): AsyncGenerator<ServiceLogLine, void, undefined> {
    const call: Call = {
      method: "GET",
      path: `${pathOf(SERVICE, query, service)}/log`,
      query: logQuery(query),
      signal: query.signal,
    };
    for await (const line of this.#transport.lines(call))
      if (line !== "") yield JSON.parse(line) as ServiceLogLine;
  }

  async exec(instance: string, query: ExecQuery): Promise<ExecSession> {
    const { openExec } = await import("./exec.ts");
    const { command, stdin = false, tty = false } = query;
    const path = `${pathOf(query.of ?? INSTANCE, query, instance)}/exec${queryText({ command, stdin, tty, stdout: true, stderr: !tty })}`;
    return openExec(this.#transport.address, path, query.signal);
  }

  async version(signal?: AbortSignal): Promise<VersionReport> {
    return (await this.#transport.json({ method: "GET", path: "/version", signal })) as VersionReport;
  }

  query(...asked: Parameters<Measurements["query"]>): ReturnType<Measurements["query"]> {
    return this.#measurements.query(...asked);
  }

  queryRange(...asked: Parameters<Measurements["queryRange"]>): ReturnType<Measurements["queryRange"]> {
    return this.#measurements.queryRange(...asked);
  }

  prometheus(...asked: Parameters<Measurements["prometheus"]>): Promise<unknown> {
    return this.#measurements.prometheus(...asked);
  }

  observedBy(monitor: string, { namespace = "default" }: { readonly namespace?: string } = {}): Measurements {
    const path = `/monitoring/prometheus/${encodeURIComponent(namespace)}/${encodeURIComponent(monitor)}`;
    return new HttpMeasurements(this.#transport, path);
  }

  async alertmanager(
    path: string,
    query: Readonly<Record<string, string>> = {},
    signal?: AbortSignal,
  ): Promise<unknown> {
    return this.#transport.json({ method: "GET", path: `/alertmanager/api/v2/${path}`, query, signal });
  }

  async health(signal?: AbortSignal): Promise<boolean> {
    try {
      await this.#transport.text({ method: "GET", path: "/readyz", signal });
      return true;
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === 503) return false;
      throw error;
    }
  }

  close(): void {
    this.#transport.close();
  }

  async #write(call: Call, options: WriteOptions): Promise<Resource> {
    const query = { dryRun: options.dryRun === true ? "All" : undefined, because: options.because };
    return (await this.#transport.json({ ...call, query, signal: options.signal })) as Resource;
  }
}

function collectionPath(kind: KindName, namespace: string | undefined): string {
  const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  return `${root}${kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : ""}/${kind.plural}`;
}

function pathOf(kind: KindName, scope: { readonly namespace?: string }, name: string): string {
  return `${collectionPath(kind, scope.namespace ?? "default")}/${encodeURIComponent(name)}`;
}

function logQuery(query: LogQuery): NonNullable<Call["query"]> {
  const { follow, tail, since, timestamps, previous } = query;
  return { follow, tailLines: tail, sinceSeconds: since, timestamps, previous };
}

type Defined<T> = { readonly [name in keyof T]?: Exclude<T[name], undefined> };

/** So many resources are not sent twice: the control plane knows them by the plan's hash, or says that it has forgotten them. */
const WORTH_NOT_SENDING = 200;

function isForgotten(error: unknown): boolean {
  return (
    error instanceof ApiError &&
    (error.status.details?.causes ?? []).some(({ reason }) => reason === "PlanForgotten")
  );
}

function dropUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Defined<T>;
}
