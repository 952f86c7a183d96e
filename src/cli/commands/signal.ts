import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { CommandContext } from "../context.ts";
import { misuse } from "../exit.ts";
import { emit } from "../output.ts";
import { fetchedRun } from "../run-target.ts";
import type { Verb } from "../verb.ts";

const EXAMPLES = `
A signal is kept until a step of the run waits for it, and is given to one step. The payload is JSON, or a text; @file reads
one. With --id, the same signal sent again changes nothing.

Examples:
  $ tutti signal order-x7k2p9 paid
  $ tutti signal order-x7k2p9 paid '{"by": "ann", "amount": 12}'
  $ tutti signal order-x7k2p9 paid @payment.json --id payment-991`;

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<run>", "name of the run")
      .argument("<signal>", "name of the signal")
      .argument("[payload]", "JSON, a text, or @file")
      .option("--id <id>", "of this signal, so that it counts once")
      .addHelpText("after", EXAMPLES)
      .action((word: string, name: string, payload: string | undefined, { id }: { readonly id?: string }) =>
        act((context) =>
          signal(context, word, {
            name,
            payload: read(context, payload),
            ...(id === undefined ? {} : { id }),
          }),
        ),
      );
  },
};

async function signal(
  context: CommandContext,
  word: string,
  sent: { readonly name: string; readonly payload: unknown; readonly id?: string },
): Promise<void> {
  const { name } = (await fetchedRun(context, word)).metadata;
  const scope = { namespace: context.namespace, signal: context.signal };
  await (await context.client()).workflows.signal(name, sent, scope);
  context.say(`run/${name} has the signal '${sent.name}'.`);
  await emit(context, { run: name, ...sent }, () => "");
}

function read({ environment: { cwd } }: CommandContext, text: string | undefined): unknown {
  if (text === undefined) return null;
  const content = text.startsWith("@") ? file(resolve(cwd, text.slice(1))) : text;
  try {
    return JSON.parse(content) as unknown;
  } catch {
    return content;
  }
}

function file(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    return misuse(`'${path}' cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown"}.`);
  }
}
