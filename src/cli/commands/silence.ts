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

const EXAMPLES = `
What is silenced stays visible in 'tutti alerts'. A change silences what it touches by itself, until it is done.

Examples:
  $ tutti silence add service/api --for 2h --comment "new index"
  $ tutti silence add alertname=InstanceSlow 'tutti_service=~"api|web"' --for 30m
  $ tutti silence list
  $ tutti silence end quiet-otter`;

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
      .summary("List silences")
      .description("Lists silences.")
      .action(() => act(list));
    command
      .command("end")
      .summary("End a silence now")
      .description("Ends a silence now.")
      .argument("<name>", "name of the silence")
      .action((name: string) => act((context) => end(context, name)));
  },
};

async function add(context: CommandContext, words: readonly string[], options: AddOptions): Promise<void> {
  const matchers = words.flatMap((word) => matchersOf(word, context.namespace));
  await durationOf(options.for);
  const { clock, env } = context.environment;
  const name =
    options.name ??
    `silence-${Math.floor(clock.random() * 36 ** 6)
      .toString(36)
      .padStart(6, "0")}`;
  const draft: Draft = {
    apiVersion: "tutti.dev/v1",
    kind: "Silence",
    metadata: { name, namespace: context.namespace },
    spec: {
      matchers,
      duration: options.for,
      createdBy: env["USER"] ?? "",
      comment: options.comment ?? "",
    },
  };
  const client = await context.client();
  const made = await client.create(kindOf("silence"), draft, {
    namespace: context.namespace,
    signal: context.signal,
    because: `silence ${words.join(" ")}`,
  });
  context.say(`Silenced for ${options.for}; end it before with: tutti silence end ${name}`);
  await emit(context, made, () => "");
}

/** `service/api` is every alert of that resource. */
function matchersOf(word: string, namespace: string): readonly Matcher[] {
  const matcher = /^([^=!~"]+)(=~|!~|!=|=)(.*)$/s.exec(word);
  if (matcher !== null) {
    const [, name = "", operator = "=", text = ""] = matcher;
    const value = /^".*"$/s.test(text) ? text.slice(1, -1) : text;
    return [{ name, value, isRegex: operator.endsWith("~"), isEqual: !operator.startsWith("!") }];
  }
  if (!word.includes("/"))
    misuse(
      `'${word.slice(0, 80)}' is neither a resource nor a matcher.`,
      "Write service/api, or alertname=InstanceSlow.",
    );
  const target = targetOf(word);
  const equal = (name: string, value: string): Matcher => ({ name, value, isRegex: false, isEqual: true });
  return [
    equal("tutti_namespace", namespace),
    equal("tutti_resource", addressOf({ kind: target.kind.kind, metadata: { name: target.name } })),
  ];
}

async function list(context: CommandContext): Promise<void> {
  const client = await context.client();
  const kind = kindOf("silence");
  const { items } = await client.list<Resource>(kind, {
    namespace: context.namespace,
    signal: context.signal,
  });
  if (items.length === 0 && !context.isStructured) return context.say("Nothing is silenced.");
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
