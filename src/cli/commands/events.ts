import type { ListOptions } from "../../client/client.ts";
import type { AnyKind } from "../../kinds/kind.ts";
import type { CommandContext } from "../context.ts";
import { emit, structured } from "../output.ts";
import { kindOf, targetOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { type EventResource, eventLine, eventsView, inOrder } from "../views/events.ts";

interface EventsOptions {
  readonly follow?: boolean;
  readonly for?: string;
  readonly allNamespaces?: boolean;
  readonly tail?: string;
}

export const verb: Verb = {
  define(command, act) {
    command
      .option("-f, --follow", "go on with what happens from now")
      .option("--for <resource>", "only of this one: service/api")
      .option("-A, --all-namespaces", "of all namespaces")
      .option("--tail <number>", "only the last ones")
      .addHelpText(
        "after",
        "\nOldest first; the newest stands last.\n\nExamples:\n  $ tutti events\n  $ tutti events --for service/api -f",
      )
      .action((options: EventsOptions) => act((context) => events(context, options)));
  },
};

async function events(context: CommandContext, options: EventsOptions): Promise<void> {
  const kind = kindOf("event");
  const client = await context.client();
  const query = queryOf(context, options);
  const list = await client.list<EventResource>(kind, { ...query, signal: context.signal });
  const items = inOrder(list.items).slice(-(Number(options.tail ?? Number.POSITIVE_INFINITY) || 1));
  if (options.follow === true)
    return followEvents(context, kind, items, { query, resourceVersion: list.resourceVersion });
  if (items.length === 0 && !context.isStructured)
    return context.say("Nothing happened lately: events are kept for an hour.");
  await emit(context, { apiVersion: "v1", kind: "List", items }, () =>
    eventsView(items, context.environment.clock.now()),
  );
}

function queryOf(
  context: CommandContext,
  options: EventsOptions,
): Pick<ListOptions, "namespace" | "fieldSelector"> {
  const target = options.for === undefined ? undefined : targetOf(options.for, "service");
  return {
    ...(options.allNamespaces === true ? {} : { namespace: context.namespace }),
    ...(target === undefined
      ? {}
      : { fieldSelector: `involvedObject.kind=${target.kind.kind},involvedObject.name=${target.name}` }),
  };
}

async function followEvents(
  context: CommandContext,
  kind: AnyKind,
  before: readonly EventResource[],
  from: { readonly query: ListOptions; readonly resourceVersion: string },
): Promise<void> {
  context.listenToInterrupts();
  const print = async (event: EventResource): Promise<void> =>
    context.print(
      context.isStructured ? await structured(event, context.output) : eventLine(event, context.style),
    );
  for (const event of before) await print(event);
  const { namespace, fieldSelector } = from.query;
  const query = {
    ...(namespace === undefined ? {} : { namespace }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
  const client = await context.client();
  for await (const event of client.watch<EventResource>(kind, {
    ...query,
    resourceVersion: from.resourceVersion,
    signal: context.signal,
  })) {
    if (event.type === "ADDED" || event.type === "MODIFIED") await print(event.object);
  }
}
