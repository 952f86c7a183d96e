/** `client.workflows` over HTTP: subresources of runs, workflows, schedules and approvals. */
import { createHash, randomInt } from "node:crypto";
import type { Draft, Resource } from "../model/resource.ts";
import type { Client, KindName, Scope } from "./client.ts";
import { ApiError } from "./error.ts";
import type { Call, Transport } from "./transport.ts";
import {
  type BackfilledRun,
  type DecideOptions,
  type ForkOptions,
  type ForkedRuns,
  type ForkRunsOptions,
  type NumberedRunEvent,
  type Run,
  type RunLogQuery,
  type ScheduledTime,
  type StartOptions,
  type StepView,
  type Workflows,
  isRunEnded,
} from "./workflows.ts";

const RUN: KindName = { kind: "Run", plural: "runs", group: "tutti.dev", version: "v1", namespaced: true };

export class HttpWorkflows implements Workflows {
  readonly #transport: Transport;
  readonly #client: Pick<Client, "create" | "get" | "watch">;

  constructor(transport: Transport, client: Pick<Client, "create" | "get" | "watch">) {
    this.#transport = transport;
    this.#client = client;
  }

  async start(workflow: string, options: StartOptions = {}): Promise<Run> {
    const { key, name, labels, annotations, parameters = {}, ...others } = options;
    const { priority, version, deadline, ...write } = others;
    const spec = { workflow, parameters, ...given({ priority, version, deadline }) };
    const draft: Draft = {
      apiVersion: "tutti.dev/v1",
      kind: "Run",
      metadata: { name: name ?? nameFor(workflow, key), ...given({ labels, annotations }) },
      spec,
    };
    try {
      return (await this.#client.create(RUN, draft, write)) as Run;
    } catch (error) {
      if (key === undefined || !(error instanceof ApiError) || error.reason !== "AlreadyExists") throw error;
      return this.#client.get<Run>(RUN, draft.metadata.name, write);
    }
  }

  async signal(
    run: string,
    { name, payload = null, id }: { readonly name: string; readonly payload?: unknown; readonly id?: string },
    options: Scope = {},
  ): Promise<void> {
    await this.#post("runs", run, "signal", { name, payload, ...given({ id }) }, options);
  }

  async cancel(
    run: string,
    { reason, grace, ...options }: Scope & { readonly reason?: string; readonly grace?: string } = {},
  ): Promise<void> {
    await this.#post("runs", run, "cancel", given({ reason, grace }), options);
  }

  async pause(run: string, options: Scope = {}): Promise<void> {
    await this.#post("runs", run, "pause", {}, options);
  }

  async resume(run: string, options: Scope = {}): Promise<void> {
    await this.#post("runs", run, "resume", {}, options);
  }

  async fork(run: string, { from, version, parameters, name, ...options }: ForkOptions = {}): Promise<Run> {
    return (await this.#post(
      "runs",
      run,
      "fork",
      given({ from, version, parameters, name }),
      options,
    )) as Run;
  }

  async forkRuns(
    workflow: string,
    { failed, since, from, version, atOnce, ...options }: ForkRunsOptions = {},
  ): Promise<ForkedRuns> {
    const body = given({ failed, since, from, version, atOnce });
    const answer = await this.#post("workflows", workflow, "fork-runs", body, options);
    const { items, refused } = answer as Pick<ForkedRuns, "refused"> & { readonly items: readonly Run[] };
    return { runs: items, refused };
  }

  async steps(run: string, options: Scope = {}): Promise<readonly StepView[]> {
    return ((await this.#get("runs", run, "steps", {}, options)) as { readonly items: readonly StepView[] })
      .items;
  }

  async *events(
    run: string,
    { from, follow, ...options }: Scope & { readonly from?: number; readonly follow?: boolean } = {},
  ): AsyncGenerator<NumberedRunEvent, void, undefined> {
    for await (const line of this.#lines(run, "events", { from, follow }, options))
      if (line !== "") yield JSON.parse(line) as NumberedRunEvent;
  }

  log(run: string, query: RunLogQuery): AsyncGenerator<string, void, undefined> {
    const { step, attempt, follow, tail, timestamps, ...options } = query;
    return this.#lines(run, "log", { step, attempt, follow, tailLines: tail, timestamps }, options);
  }

  query(run: string, options: Scope = {}): Promise<unknown> {
    return this.#get("runs", run, "query", {}, options);
  }

  async *watch(run: string, options: Scope = {}): AsyncGenerator<Run, void, undefined> {
    const fieldSelector = `metadata.name=${run}`;
    const { namespace = "default", signal } = options;
    for await (const event of this.#client.watch<Run>(RUN, {
      namespace,
      fieldSelector,
      ...(signal === undefined ? {} : { signal }),
    })) {
      if (event.type === "DELETED") return;
      const [seen] = event.type === "LISTED" ? event.items : [event.object];
      // Says itself that there is none.
      yield seen ?? (await this.#client.get<Run>(RUN, run, options));
      if (seen !== undefined && isRunEnded(seen)) return;
    }
  }

  async result(run: string, options: Scope = {}): Promise<Run> {
    for await (const seen of this.watch(run, options)) if (isRunEnded(seen)) return seen;
    options.signal?.throwIfAborted();
    return this.#client.get<Run>(RUN, run, options);
  }

  async next(
    schedule: string,
    { count, ...options }: Scope & { readonly count?: number } = {},
  ): Promise<readonly ScheduledTime[]> {
    const answer = await this.#get("schedules", schedule, "next", { count }, options);
    return (answer as { readonly items: readonly ScheduledTime[] }).items;
  }

  async backfill(
    schedule: string,
    range: { readonly from: string; readonly to: string },
    options: Scope = {},
  ): Promise<readonly BackfilledRun[]> {
    const answer = await this.#post("schedules", schedule, "backfill", range, options);
    return (answer as { readonly runs: readonly BackfilledRun[] }).runs;
  }

  async trigger(schedule: string, options: Scope = {}): Promise<Run> {
    return (await this.#post("schedules", schedule, "trigger", {}, options)) as Run;
  }

  async decide(
    approval: string,
    { decision, comment, form, hash, as, ...options }: DecideOptions,
  ): Promise<Resource> {
    const body = given({ decision, comment, form, hash });
    return (await this.#transport.json({
      method: "POST",
      path: pathOf("approvals", approval, "decide", options),
      body,
      as,
      signal: options.signal,
    })) as Resource;
  }

  #post(plural: string, name: string, verb: string, body: object, options: Scope): Promise<unknown> {
    return this.#transport.json({
      method: "POST",
      path: pathOf(plural, name, verb, options),
      body,
      signal: options.signal,
    });
  }

  #get(
    plural: string,
    name: string,
    verb: string,
    query: NonNullable<Call["query"]>,
    options: Scope,
  ): Promise<unknown> {
    return this.#transport.json({
      method: "GET",
      path: pathOf(plural, name, verb, options),
      query,
      signal: options.signal,
    });
  }

  #lines(
    run: string,
    verb: string,
    query: NonNullable<Call["query"]>,
    options: Scope,
  ): AsyncGenerator<string, void, undefined> {
    const { signal } = options;
    return this.#transport.lines({ method: "GET", path: pathOf("runs", run, verb, options), query, signal });
  }
}

function pathOf(plural: string, name: string, verb: string, { namespace = "default" }: Scope): string {
  return `/apis/tutti.dev/v1/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(name)}/${verb}`;
}

/** The same for the same key: a run of that name is there once. */
function nameFor(workflow: string, key: string | undefined): string {
  const suffix =
    key === undefined
      ? randomInt(36 ** 6)
          .toString(36)
          .padStart(6, "0")
      : createHash("sha256").update(key).digest("hex").slice(0, 12);
  return `${workflow.slice(0, 50)}-${suffix}`;
}

type Defined<T> = { readonly [name in keyof T]?: Exclude<T[name], undefined> };

function given<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Defined<T>;
}
