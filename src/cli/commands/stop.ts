import { kindNamed } from "../../kinds/registry.ts";
import type { Resource } from "../../model/resource.ts";
import { applyPlan, approve, isEmpty, showPlan } from "../declaration.ts";
import type { CommandContext } from "../context.ts";
import { settle } from "../settle.ts";
import type { Verb } from "../verb.ts";
import { counted } from "../views/style.ts";
import { durationOf } from "./up.ts";

interface StopOptions {
  readonly all?: boolean;
  readonly yes?: boolean;
}

export const verb: Verb = {
  define(command, act) {
    command
      .option("--all", "take all systems down first")
      .option("-y, --yes", "with --all: without asking")
      .addHelpText(
        "after",
        "\nInstances and databases keep running without it, but are neither healed nor scaled; the next control plane of the\nsame state folder takes them over. With --all everything is taken down first.\n\nExamples:\n  $ tutti stop\n  $ tutti stop --all",
      )
      .action((options: StopOptions) => act((context) => stop(context, options)));
  },
};

async function stop(context: CommandContext, options: StopOptions): Promise<void> {
  const access = await context.access();
  const client = await context.connected();
  if (client === undefined) return context.say(`No control plane of ${access.home} is running.`);
  if (options.all === true) await takeAllDown(context, options.yes === true);
  const running = await instancesLeft(context);
  await access.stop();
  context.say(
    running === 0
      ? "The control plane has stopped."
      : `The control plane has stopped; ${counted(running, "instance")} keep${running === 1 ? "s" : ""} running. 'tutti serve' takes them over again.`,
  );
}

async function instancesLeft(context: CommandContext): Promise<number> {
  const kind = kindNamed("Instance");
  try {
    return kind === undefined ? 0 : (await (await context.client()).list(kind)).items.length;
  } catch {
    return 0;
  }
}

async function takeAllDown(context: CommandContext, yes: boolean): Promise<void> {
  const kind = kindNamed("System");
  const client = await context.client();
  const systems: readonly Resource[] = kind === undefined ? [] : (await client.list(kind)).items;
  for (const { metadata } of systems) {
    const proposed = { resources: [], action: "down" as const };
    const plan = await client.plan(metadata.name, proposed, { namespace: metadata.namespace ?? "default" });
    if (isEmpty(plan)) continue;
    showPlan(context, plan);
    await approve(context, plan, yes);
    const { revision } = await applyPlan(context, client, { plan, proposed });
    await settle(context, client, { plan, revision, timeout: await durationOf("10m") });
  }
}
