import { spawn } from "node:child_process";
import type { CommandContext } from "../context.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { emit } from "../output.ts";
import { addressesIn } from "../settle.ts";
import { pictureKey } from "../follow.ts";
import { kindOf, systemOf } from "../target.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  define(command, act) {
    command
      .argument("[system]", "name of the system; not needed when there is only one")
      .option("--print", "only print it")
      .addHelpText(
        "after",
        "\nPrints the address where there is no desktop.\n\nExamples:\n  $ tutti open\n  $ curl $(tutti open shop --print)",
      )
      .action((system: string | undefined, options: { readonly print?: boolean }) =>
        act((context) => open(context, system, options.print === true)),
      );
  },
};

async function open(context: CommandContext, word: string | undefined, onlyPrint: boolean): Promise<void> {
  const system = await systemOf(context, word);
  const namespace = system.metadata.namespace ?? context.namespace;
  const { items } = await (
    await context.client()
  ).list(kindOf("loadbalancer"), { namespace, labelSelector: `tutti.dev/system=${system.metadata.name}` });
  const picture = new Map(
    [system, ...items].map((resource) => [pictureKey(resource.kind, resource.metadata.name), resource]),
  );
  const urls = addressesIn(picture, [], system.metadata.name);
  const [url] =
    urls.length > 0
      ? urls
      : addressesIn(
          picture,
          items.map((item) => item.metadata.name),
          system.metadata.name,
        );
  if (url === undefined)
    throw new CommandFailure(
      EXIT.failed,
      `${system.metadata.name} has no address yet.`,
      `Only load balancers have one; see: tutti status ${system.metadata.name}`,
    );
  await emit(context, { url }, () => url);
  if (!onlyPrint && !context.isStructured && context.isInteractive) browse(url, context);
}

/** Whether a browser appears is nothing to fail for: the address is printed. */
function browse(url: string, context: CommandContext): void {
  const { env } = context.environment;
  if (!/^https?:\/\//.test(url)) return;
  const program =
    process.platform === "darwin" ? "open" : process.platform === "win32" ? "explorer" : "xdg-open";
  if (program === "xdg-open" && env["DISPLAY"] === undefined && env["WAYLAND_DISPLAY"] === undefined) return;
  const child = spawn(program, [url], { stdio: "ignore", detached: true });
  child.on("error", () => undefined);
  child.unref();
}
