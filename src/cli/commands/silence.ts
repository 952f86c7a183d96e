/** Alerts that nobody is to be told of for a while. */
import type { Draft, Resource } from "../../model/resource.ts";
import { addressOf } from "../../model/resource.ts";
import type { CommandContext } from "../context.ts";
import { misuse } from "../exit.ts";
import { emit } from "../output.ts";
import { fetched, kindOf, targetOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { resourceTable } from "../views/table.ts";
import { durationOf } from "./up.ts";

interface AddOptions {
  readonly for: string;
  readonly comment?: string;
  readonly name?: string;
}

interface Matcher {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  readonly isEqual: boolean;
}

type Silence = Resource<unknown, { readonly state?: "pending" | "active" | "expired" }>;

const EXAMPLES = `
What is silenced stays visible in 'tutti alerts'. A change silences what it touches by itself, until it is done.

Examples:
  $ tutti silence add service/api --for 2h --comment "new index"
  $ tutti silence add system/shop --for 30m
  $ tutti silence add alertname=InstanceSlow 'tutti_service=~"api|web"' --for 30m
  $ tutti silence list
  $ tutti silence end silence-k3x9qa`;

export const verb: Verb = {
  define(command, act) {
    command.addHelpText("after", EXAMPLES);
    command
      .command("add")
      .summary("Silence a resource, or whatever fits matchers")
      .description("Silences a resource, or whatever fits all of the matchers (label=value, !=, =~, !~).")
      .argument("<matchers...>", "kind/name, or matchers of labels")
      .requiredOption("--for <duration>", "how long")
      .option("--comment <text>", "why")
      .option("--name <name>", "what it is called; chosen when absent")
      .action((words: readonly string[], options: AddOptions) =>
        act((context) => add(context, words, options)),
      );
    command
      .command("list")
      .summary("List silences that are in force or to come")
      .description("Lists silences that are in force or to come.")
      .option("-a, --all", "also those that are over")
      .action((options: { readonly all?: boolean }) => act((context) => list(context, options)));
    command
      .command("end")
      .alias("expire")
      .summary("End a silence now")
      .description("Ends a silence now.")
      .argument("<name>", "name of the silence")
      .action((name: string) => act((context) => end(context, name)));
  },
};

async function add(context: CommandContext, words: readonly string[], options: AddOptions): Promise<void> {
  if ((await durationOf(options.for)) === 0)
    misuse("The silence would be over at once.", "Write how long it lasts, for example --for 2h.");
  if (words.filter(isAddress).length > 1)
    misuse(
      "A silence is of one resource: no alert is of two.",
      `Add one for each, or write 'tutti_resource=~"${words.filter(isAddress).join("|")}"'.`,
    );
  const matchers: Matcher[] = [];
  for (const word of words)
    matchers.push(...(isAddress(word) ? await resourceMatchers(context, word) : await labelMatchers(word)));
  const { clock, env } = context.environment;
  const kind = kindOf("silence");
  const client = await context.client();
  const { namespace, signal } = context;
  const name = options.name ?? `silence-${letters(clock.random())}`;
  if (options.name !== undefined && (await client.find(kind, name, { namespace, signal })) !== undefined)
    misuse(
      `There is already a silence '${name}'.`,
      `End it with 'tutti silence end ${name}', or choose another name.`,
    );
  const draft: Draft = {
    apiVersion: "tutti.dev/v1",
    kind: "Silence",
    metadata: { name, namespace },
    spec: {
      matchers,
      duration: options.for,
      createdBy: env["USER"] ?? env["LOGNAME"] ?? "",
      comment: options.comment ?? "",
    },
  };
  const because = `silence ${words.join(" ")}`;
  const made = await client.create(kind, draft, { namespace, signal, because });
  context.say(`Silenced for ${options.for}; end it before with: tutti silence end ${name}`);
  await emit(context, made, () => (context.output === "name" ? `silence/${name}` : ""));
}

function letters(random: number): string {
  return Math.floor(random * 36 ** 6)
    .toString(36)
    .padStart(6, "0");
}

/** `service/api`; in a matcher some operator comes first. */
function isAddress(word: string): boolean {
  return /^[^=!~"]+\/[^=!~"]+$/.test(word);
}

/** Alertmanager's notation; several in one word may have commas between them. */
async function labelMatchers(word: string): Promise<readonly Matcher[]> {
  const { MatcherSyntaxError, parseMatchers } = await import("../../metrics/alerting/matchers.ts");
  try {
    return parseMatchers(word).map(({ name, operator, value }) => ({
      name,
      value,
      isRegex: operator.endsWith("~"),
      isEqual: !operator.startsWith("!"),
    }));
  } catch (error) {
    if (!(error instanceof MatcherSyntaxError)) throw error;
    return misuse(
      /[=~]/.test(word) ? error.message : `'${word.slice(0, 80)}' is neither a resource nor a matcher.`,
      "Write service/api, or alertname=InstanceSlow, or 'tutti_service=~\"api|web\"'.",
    );
  }
}

/** Every alert of that resource. A name that is misspelt would silence nothing, and nobody would know. */
async function resourceMatchers(context: CommandContext, word: string): Promise<readonly Matcher[]> {
  const target = targetOf(word);
  const { kind, metadata } = await fetched(context, target);
  const { name } = metadata;
  const equal = (label: string, value: string): Matcher => ({
    name: label,
    value,
    isRegex: false,
    isEqual: true,
  });
  const namespaced = target.kind.namespaced ? [equal("tutti_namespace", context.namespace)] : [];
  // Of a System it is everything in it; an Instance's alerts are of its Service.
  if (kind === "System") return [...namespaced, equal("tutti_system", name)];
  if (kind === "Instance") return [...namespaced, equal("instance", name)];
  return [...namespaced, equal("tutti_resource", addressOf({ kind, metadata: { name } }))];
}

async function list(context: CommandContext, { all = false }: { readonly all?: boolean }): Promise<void> {
  const client = await context.client();
  const kind = kindOf("silence");
  const { items: known } = await client.list<Silence>(kind, {
    namespace: context.namespace,
    signal: context.signal,
  });
  const items = known.filter(({ status }) => all || status?.state !== "expired");
  if (items.length === 0 && !context.isStructured) return context.say("Nothing is silenced.");
  if (context.output === "name")
    return context.print(items.map(({ metadata }) => `silence/${metadata.name}`).join("\n"));
  await emit(context, items, () =>
    resourceTable(kind, items, {
      wide: true,
      namespaces: false,
      prefix: false,
      now: context.environment.clock.now(),
    }),
  );
}

async function end(context: CommandContext, name: string): Promise<void> {
  const kind = kindOf("silence");
  await fetched(context, { kind, name });
  const client = await context.client();
  await client.remove(kind, name, {
    namespace: context.namespace,
    signal: context.signal,
    because: "end the silence",
  });
  context.say(`The silence '${name}' has ended.`);
}
