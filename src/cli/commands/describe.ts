import { kindNamed } from "../../kinds/registry.ts";
import { LABELS, type Resource } from "../../model/resource.ts";
import type { CommandContext } from "../context.ts";
import { emit } from "../output.ts";
import { type Target, fetched, targetOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { type Description, describeView, troubleOf } from "../views/describe.ts";
import { type EventResource, inOrder } from "../views/events.ts";

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<resource>", "kind/name; a name alone is a service's")
      .argument("[name]", "name, when the kind stands alone")
      .addHelpText(
        "after",
        "\nExamples:\n  $ tutti describe service/api\n  $ tutti describe database orders\n  $ tutti describe api -o json",
      )
      .action((word: string, name: string | undefined) =>
        act((context) =>
          describe(context, targetOf(name === undefined ? word : `${word}/${name}`, "service")),
        ),
      );
  },
};

async function describe(context: CommandContext, target: Target): Promise<void> {
  const resource = await fetched(context, target);
  const description: Description = {
    resource,
    instances: await instancesOf(context, resource),
    events: await eventsOf(context, resource),
  };
  const { style, environment } = context;
  const trouble = troubleOf(description);
  await emit(context, { ...(trouble === undefined ? {} : { trouble }), ...description }, () =>
    describeView(description, { style, now: environment.clock.now() }),
  );
}

async function instancesOf(context: CommandContext, resource: Resource): Promise<readonly Resource[]> {
  const kind = kindNamed("Instance");
  if (resource.kind !== "Service" || kind === undefined) return [];
  const labelSelector = `${LABELS.service}=${resource.metadata.name}`;
  return (
    await (
      await context.client()
    ).list(kind, { namespace: context.namespace, labelSelector, signal: context.signal })
  ).items;
}

async function eventsOf(context: CommandContext, resource: Resource): Promise<readonly EventResource[]> {
  const kind = kindNamed("Event");
  if (kind === undefined) return [];
  const fieldSelector = `involvedObject.kind=${resource.kind},involvedObject.name=${resource.metadata.name}`;
  const namespace =
    resource.metadata.namespace === undefined ? {} : { namespace: resource.metadata.namespace };
  return inOrder(
    (
      await (
        await context.client()
      ).list<EventResource>(kind, { ...namespace, fieldSelector, signal: context.signal })
    ).items,
  );
}
