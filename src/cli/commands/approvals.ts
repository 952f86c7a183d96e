/** Questions that wait for people. */
import { type Approval } from "../approval.ts";
import type { CommandContext } from "../context.ts";
import { emit } from "../output.ts";
import { fetched, kindOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { approvalView } from "../views/approval.ts";
import { resourceTable } from "../views/table.ts";

interface ApprovalsOptions {
  readonly all?: boolean;
  readonly allNamespaces?: boolean;
}

const EXAMPLES = `
What is decided is bound to what was shown, by its hash: when the subject changes, what was decided before does not count.

Examples:
  $ tutti approvals
  $ tutti approvals release-4-2
  $ tutti approve release-4-2 --comment "tested on staging"
  $ tutti reject release-4-2 --comment "not on a Friday"`;

export const verb: Verb = {
  define(command, act) {
    command
      .argument("[approval]", "all of this one")
      .option("-a, --all", "also what is decided")
      .option("-A, --all-namespaces", "of all namespaces")
      .addHelpText("after", EXAMPLES)
      .action((word: string | undefined, options: ApprovalsOptions) =>
        act((context) => (word === undefined ? list(context, options) : show(context, word))),
      );
  },
};

async function list(
  context: CommandContext,
  { all = false, allNamespaces = false }: ApprovalsOptions,
): Promise<void> {
  const kind = kindOf("approval");
  const { items } = await (
    await context.client()
  ).list<Approval>(kind, {
    ...(allNamespaces ? {} : { namespace: context.namespace }),
    signal: context.signal,
  });
  const shown = items.filter(({ status }) => all || (status?.state ?? "Pending") === "Pending");
  if (shown.length === 0 && !context.isStructured) return context.say("Nothing waits for a decision.");
  if (context.output === "name")
    return context.print(shown.map(({ metadata }) => `approval/${metadata.name}`).join("\n"));
  await emit(context, shown, () =>
    resourceTable(kind, shown, {
      wide: context.output === "wide",
      namespaces: allNamespaces,
      prefix: false,
      now: context.environment.clock.now(),
    }),
  );
}

async function show(context: CommandContext, word: string): Promise<void> {
  const name = word.replace(/^(approvals?|appr)\//, "");
  const approval = await fetched<Approval>(context, { kind: kindOf("approval"), name });
  await emit(context, approval, () =>
    approvalView(approval, { style: context.style, now: context.environment.clock.now() }),
  );
}
