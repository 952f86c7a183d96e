/**
 * Logs. Of an instance as plain lines; of a service as JSON lines of all its instances: in the order of their times, then,
 * while following, as they come, also from instances that come.
 */
import type { ServerResponse } from "node:http";
import { LABELS, type Resource } from "../../model/resource.ts";
import type { Placement } from "../../provider/placement.ts";
import {
  type Identity,
  type InstanceProvider,
  type InstanceSpec,
  type LogLine,
  type LogOptions,
  TerminalError,
} from "../../provider/provider.ts";
import type { Answer, ApiContext, Call, ResourceTarget } from "../api-context.ts";
import { existing, parseCount } from "../read.ts";
import { badRequest } from "../status-error.ts";

export async function instanceLog(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const instance = existing(context, target);
  const isStamped = call.query.get("timestamps") === "true";
  const options = logOptions(context, call);
  providerOf(context, instance);
  const stream = new LogStream(context, call);
  const lines = linesOf(context, instance, { ...options, signal: stream.signal });
  stream.open("text/plain; charset=utf-8");
  for await (const line of lines)
    if (!(await stream.write(isStamped ? `${timeText(line)} ${line.text}\n` : `${line.text}\n`))) break;
  stream.end();
  return undefined;
}

export async function serviceLog(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const service = existing(context, target);
  const options = logOptions(context, call);
  const present = context.store.list({
    kind: "Instance",
    namespace: target.namespace,
    labels: { [LABELS.service]: target.name },
  }).items;
  // Of those that have ended only the last one's log is kept, and it is the service's, whoever runs now.
  const instances = options.previous === true ? [lastEnded(context, service, present[0])] : present;
  // An unknown class is a refusal, and refusals come before the first byte.
  for (const instance of instances) providerOf(context, instance);
  const stream = new LogStream(context, call);
  stream.open("application/jsonlines");
  if (options.follow === true && options.previous !== true)
    await followAll(context, target, instances, { ...options, signal: stream.signal }, stream);
  else await writeMerged(context, instances, { ...options, signal: stream.signal }, stream);
  stream.end();
  return undefined;
}

/** Stands for an instance that is gone: what its provider needs to find the log that was kept. */
function lastEnded(context: ApiContext, service: Resource, present: Resource | undefined): Resource {
  const { location } = service.spec as Placement;
  const engine = providerOf(context, service);
  const { name, namespace = "default" } = service.metadata;
  return {
    ...service,
    kind: "Instance",
    metadata: { ...service.metadata, name: `${name} (ended)`, namespace },
    spec: present?.spec ?? { service: name, class: engine.class, location, run: { env: {} } },
  };
}

function logOptions(context: ApiContext, call: Call): LogOptions {
  const tail = call.query.get("tailLines");
  const since = parseCount(call.query.get("sinceSeconds"), "sinceSeconds");
  return {
    ...(tail === null ? {} : { tail: parseCount(tail, "tailLines") }),
    ...(since === 0 ? {} : { since: context.clock.now() - since * 1000 }),
    ...(call.query.get("previous") === "true" ? { previous: true } : {}),
    follow: isFlag(call.query.get("follow")),
  };
}

function isFlag(text: string | null): boolean {
  return text !== null && text !== "false" && text !== "0";
}

export function identityOf(instance: Resource): Identity {
  const { namespace = "", name, uid } = instance.metadata;
  return { kind: instance.kind, namespace, name, uid };
}

export function providerOf(context: ApiContext, instance: Resource): InstanceProvider {
  try {
    return context.engines.instance(instance.spec as Placement);
  } catch (error) {
    if (error instanceof TerminalError) throw badRequest(error.message);
    throw error;
  }
}

function linesOf(context: ApiContext, instance: Resource, options: LogOptions): AsyncIterable<LogLine> {
  return providerOf(context, instance).logs(identityOf(instance), instance.spec as InstanceSpec, options);
}

function timeText(line: LogLine): string {
  return new Date(line.time).toISOString();
}

function jsonLine(instance: Resource, line: LogLine): string {
  return `${JSON.stringify({ instance: instance.metadata.name, time: timeText(line), text: line.text })}\n`;
}

/** By time, over all instances; of each only the next line is held. */
async function writeMerged(
  context: ApiContext,
  instances: readonly Resource[],
  options: LogOptions,
  stream: LogStream,
): Promise<void> {
  const sources = instances.map((instance) => ({
    instance,
    lines: linesOf(context, instance, options)[Symbol.asyncIterator](),
  }));
  let heads = await Promise.all(
    sources.map(async (source) => ({ ...source, next: await source.lines.next() })),
  );
  for (;;) {
    heads = heads.filter((head) => head.next.done !== true);
    const [first, ...others] = heads;
    if (first === undefined) return;
    const earliest = others.reduce(
      (best, head) => ((head.next.value as LogLine).time < (best.next.value as LogLine).time ? head : best),
      first,
    );
    if (!(await stream.write(jsonLine(earliest.instance, earliest.next.value as LogLine)))) break;
    earliest.next = await earliest.lines.next();
  }
  for (const { lines } of heads) await lines.return?.();
}

async function followAll(
  context: ApiContext,
  target: ResourceTarget,
  present: readonly Resource[],
  options: LogOptions,
  stream: LogStream,
): Promise<void> {
  const followed = new Set<string>();
  const { signal } = stream;
  const follow = async (instance: Resource, from: LogOptions): Promise<void> => {
    for await (const line of linesOf(context, instance, from))
      if (!(await stream.write(jsonLine(instance, line)))) return;
  };
  const begin = (instance: Resource, from: LogOptions): void => {
    const { uid } = instance.metadata;
    if (followed.has(uid) || !hasStarted(instance)) return;
    followed.add(uid);
    follow(instance, from).catch((error: unknown) => {
      if (!signal.aborted)
        context.log.warn(
          { instance: instance.metadata.name, error: String(error) },
          "following a log ended early",
        );
    });
  };
  for (const instance of present) begin(instance, options);
  const { tail: _tail, since: _since, previous: _previous, ...whole } = options;
  const remove = context.hub.add(
    {
      kind: "Instance",
      send: ({ type, key, resource }) => {
        if (
          type !== "DELETED" &&
          key.namespace === target.namespace &&
          resource.metadata.labels?.[LABELS.service] === target.name
        )
          begin(resource, whole);
      },
    },
    context.store.revision,
  );
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  remove();
}

function hasStarted(instance: Resource): boolean {
  const state = (instance.status as { readonly state?: string } | undefined)?.state;
  return state !== undefined && state !== "Pending";
}

/** The response of a log: who reads slowly is waited for, who goes ends it. */
export class LogStream {
  readonly #response: ServerResponse;
  readonly #end = new AbortController();
  readonly #closing: AbortSignal;
  readonly #release: () => void;

  constructor(context: ApiContext, call: Call) {
    this.#release = context.streams.take();
    this.#response = call.response;
    this.#closing = context.closing;
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  open(type: string): void {
    this.#response.writeHead(200, { "content-type": type, "cache-control": "no-cache, private" });
    this.#response.flushHeaders();
    this.#response.once("close", this.#stop);
    this.#closing.addEventListener("abort", this.#stop, { once: true });
  }

  /** False once nobody reads any more. */
  async write(text: string): Promise<boolean> {
    if (this.signal.aborted) return false;
    if (!this.#response.write(text)) await this.#drained();
    return !this.signal.aborted;
  }

  end(): void {
    this.#stop();
    this.#response.end();
  }

  readonly #stop = (): void => {
    if (this.signal.aborted) return;
    this.#closing.removeEventListener("abort", this.#stop);
    this.#release();
    this.#end.abort();
  };

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#response.off("drain", done);
        this.signal.removeEventListener("abort", done);
        resolve();
      };
      this.#response.once("drain", done);
      this.signal.addEventListener("abort", done, { once: true });
    });
  }
}
