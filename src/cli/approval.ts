/** Approvals for who decides: what is asked, and the form that goes with the answer. */
import type { Command } from "commander";
import type { DecideOptions } from "../client/workflows.ts";
import type { Resource } from "../model/resource.ts";
import type { CommandContext } from "./context.ts";
import { confirm, firstLine } from "./confirm.ts";
import { CommandFailure, EXIT, misuse } from "./exit.ts";
import { emit } from "./output.ts";
import { fetched, kindOf } from "./target.ts";
import { APPROVES, type ChangeResource, stateOf } from "../planner/change.ts";
import { changeNamed, isChange } from "./change.ts";
import { changeView } from "./views/change.ts";
import { approvalView } from "./views/approval.ts";
import { harmless } from "./views/style.ts";

export type Approval = Resource<
  {
    readonly title?: string;
    readonly subject: unknown;
    readonly requester?: string;
    readonly form?: {
      readonly properties?: Readonly<Record<string, Field>>;
      readonly required?: readonly string[];
    };
    readonly chain?: readonly {
      readonly name?: string;
      readonly users?: readonly string[];
      readonly groups?: readonly string[];
      readonly quorum?: number;
    }[];
    readonly onExpire?: string;
    readonly run?: { readonly name: string; readonly step: string };
  },
  {
    readonly state?: "Pending" | "Approved" | "Rejected" | "Expired" | "Void";
    readonly hash?: string;
    readonly open?: readonly number[];
    readonly expiresAt?: string;
    readonly decisions?: readonly {
      readonly by: string;
      readonly decision: "approve" | "reject";
      readonly at: string;
      readonly comment?: string;
      readonly stage: number;
    }[];
  }
>;

interface Field {
  readonly type?: string;
  readonly description?: string;
  readonly title?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
}

export interface DecisionOptions {
  readonly comment?: string;
  /** `name=value`. */
  readonly form?: readonly string[];
  readonly yes?: boolean;
  /** In whose name, and in which groups. */
  readonly as?: string;
  readonly asGroup?: readonly string[];
}

export function withDecisionOptions(command: Command): Command {
  const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
  return command
    .option("--comment <text>", "why, for the record")
    .option("--as <user>", "decide in this name")
    .option("--as-group <group>", "who is in this group; may be repeated", collect)
    .option("-y, --yes", "do not ask");
}

const WORDS = { approve: "approved", reject: "rejected" } as const;

/** Shows what is asked, asks for the form and a yes, and decides on exactly what was shown. */
export async function decide(
  context: CommandContext,
  word: string,
  decision: "approve" | "reject",
  options: DecisionOptions,
): Promise<void> {
  const approval = await pending(context, await approvalNamed(context, word));
  const { name } = approval.metadata;
  await showAsked(context, approval);
  const form = decision === "approve" ? await formOf(context, approval, options.form ?? []) : undefined;
  if (options.yes !== true)
    await confirm(
      context,
      decision === "approve" ? "Approve this?" : "Reject this?",
      `approval/${name} would be ${WORDS[decision]}; without a terminal: tutti ${decision} ${name} --yes.`,
    );
  const client = await context.client();
  const decided = (await client.workflows.decide(
    name,
    decisionOf(context, decision, { ...options, form, hash: approval.status?.hash }),
  )) as Approval;
  const isOpen = (decided.status?.state ?? "Pending") === "Pending";
  context.say(`approval/${name}: ${WORDS[decision]}.${isOpen ? " Others must decide as well." : ""}`);
  await emit(context, decided, () => (context.output === "name" ? `approval/${name}` : ""));
}

function decisionOf(
  { namespace, signal }: CommandContext,
  decision: "approve" | "reject",
  {
    comment,
    form,
    hash,
    as: user,
    asGroup: groups = [],
  }: Omit<DecisionOptions, "form"> & { readonly form: unknown; readonly hash: string | undefined },
): DecideOptions {
  return {
    decision,
    namespace,
    signal,
    ...(comment === undefined ? {} : { comment }),
    ...(form === undefined ? {} : { form }),
    ...(hash === undefined ? {} : { hash }),
    ...(user === undefined ? {} : { as: { user, groups } }),
  };
}

/** Of an Approval, or of the Change that waits for one. */
async function approvalNamed(context: CommandContext, word: string): Promise<string> {
  const { namespace, signal } = context;
  const name = word.replace(/^(approvals?|appr)\//, "");
  if (name !== word) return name;
  const client = await context.client();
  if (!isChange(word)) {
    const approval = await client.find(kindOf("approval"), name, { namespace, signal });
    if (approval !== undefined) return name;
  }
  const change = await client.find<ChangeResource>(kindOf("change"), changeNamed(word), {
    namespace,
    signal,
  });
  if (change === undefined) return name;
  if (change.spec.approval !== undefined) return change.spec.approval;
  throw new CommandFailure(
    EXIT.failed,
    `change/${change.metadata.name} needs nobody's approval; it is ${stateOf(change)}.`,
    `See: tutti changes ${change.metadata.name}`,
  );
}

/** The plan itself, where it is one that is asked about: what its Change holds is what is applied. */
async function showAsked(context: CommandContext, approval: Approval): Promise<void> {
  const { errorStyle: style, environment, namespace, signal } = context;
  const { change: name } = (approval.spec.subject ?? {}) as { readonly change?: unknown };
  const change =
    typeof name === "string" && approval.metadata.annotations?.[APPROVES] === name
      ? await (await context.client()).find<ChangeResource>(kindOf("change"), name, { namespace, signal })
      : undefined;
  const now = environment.clock.now();
  if (change === undefined) return context.say(approvalView(approval, { style, now }));
  const columns = environment.stderr.columns ?? 100;
  context.say(changeView(change, { style, columns, now, approval, steps: [] }));
}

async function pending(context: CommandContext, name: string): Promise<Approval> {
  const approval = await fetched<Approval>(context, { kind: kindOf("approval"), name });
  const { state = "Pending" } = approval.status ?? {};
  if (state === "Pending") return approval;
  throw new CommandFailure(
    EXIT.failed,
    `approval/${name} is ${state.toLowerCase()} already.`,
    `See: tutti approvals ${name}`,
  );
}

/** What was given with --form, and the rest asked at the terminal, field by field. */
async function formOf(
  context: CommandContext,
  { spec }: Approval,
  given: readonly string[],
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (spec.form === undefined && given.length === 0) return undefined;
  const { readParameters } = await import("./run-parameters.ts");
  const { properties = {}, required = [] } = spec.form ?? {};
  const asked: string[] = [];
  for (const [field, schema] of Object.entries(properties)) {
    if (given.some((text) => text.startsWith(`${field}=`))) continue;
    const isRequired = required.includes(field);
    if (!context.isInteractive) {
      if (isRequired && schema.default === undefined)
        misuse(`The form wants '${field}'.`, `Give it: --form ${field}=...`);
      continue;
    }
    const answer = await ask(context, field, schema, isRequired);
    if (answer !== "") asked.push(`${field}=${answer}`);
  }
  return readParameters({ assignments: [...given, ...asked], files: [] }, spec.form, context.environment.cwd);
}

async function ask(
  context: CommandContext,
  field: string,
  schema: Field,
  isRequired: boolean,
): Promise<string> {
  const { stdin, stderr } = context.environment;
  const choices = schema.enum === undefined ? "" : ` (${schema.enum.map(String).join(", ")})`;
  const usual = schema.default === undefined ? "" : ` [${String(schema.default)}]`;
  const what = harmless(`${schema.title ?? field}${choices}${usual}${isRequired ? "" : ", if any"}: `);
  if (schema.description !== undefined)
    stderr.write(`${context.errorStyle.dim(harmless(schema.description))}\n`);
  stderr.write(context.errorStyle.bold(what));
  const answer = (await firstLine(stdin, context.signal)).trim();
  return answer === "" && schema.default !== undefined ? String(schema.default) : answer;
}
