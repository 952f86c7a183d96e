import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import type { CommandContext } from "../context.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { emit } from "../output.ts";
import type { Verb } from "../verb.ts";

interface InitOptions {
  readonly yaml?: boolean;
  readonly name?: string;
}

export const verb: Verb = {
  define(command, act) {
    command
      .argument("[folder]", "folder to begin in; made when it does not exist", ".")
      .option("--yaml", "in YAML instead of TypeScript")
      .option("--name <name>", "name of the system; the folder's when absent")
      .addHelpText(
        "after",
        "\nNever overwrites a file.\n\nExamples:\n  $ tutti init\n  $ tutti init shop --yaml",
      )
      .action((folder: string, options: InitOptions) => act((context) => init(context, folder, options)));
  },
};

const DECLARATIONS = ["tutti.ts", "tutti.mts", "tutti.js", "tutti.mjs", "tutti.yaml", "tutti.yml"];

async function init(context: CommandContext, folder: string, options: InitOptions): Promise<void> {
  const { cwd } = context.environment;
  const target = resolve(cwd, folder);
  const existing = DECLARATIONS.find((name) => existsSync(join(target, name)));
  if (existing !== undefined)
    throw new CommandFailure(
      EXIT.usage,
      `There is a ${existing} already in '${folder}'; it was left as it is.`,
      "Choose another folder, or edit it.",
    );
  const name = options.name ?? nameOf(basename(target));
  const file = join(target, options.yaml === true ? "tutti.yaml" : "tutti.ts");
  try {
    mkdirSync(target, { recursive: true });
    writeFileSync(file, options.yaml === true ? yamlText(name) : typescriptText(name), { flag: "wx" });
  } catch (error) {
    throw new CommandFailure(
      EXIT.usage,
      `'${file}' cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)}).`,
      "Choose a folder you may write to.",
    );
  }
  const shown = relative(cwd, file) || file;
  await emit(
    context,
    { file, system: name },
    () => `Wrote ${shown}. Look at it, then: tutti up${folder === "." ? "" : ` ${folder}`}`,
  );
}

function nameOf(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63);
  return name === "" ? "hello" : name;
}

const PROGRAM = `node -e 'require("http").createServer((request, response) => response.end("Hello from " + process.pid + "\\n")).listen(process.env.PORT)'`;

function typescriptText(name: string): string {
  return `import { loadBalancer, service, system } from "tutti";

export default system(${JSON.stringify(name)}, { parameters: { replicas: { type: "integer", default: 2 } } }, (param) => {
  const web = service("web", {
    // Each instance is told its port in PORT.
    command: ${JSON.stringify(PROGRAM)},
    ports: [{ name: "http" }],
    replicas: param.replicas,
  });
  return [web, loadBalancer("front", { routes: [{ service: web }] })];
});
`;
}

function yamlText(name: string): string {
  return `kind: System
metadata: { name: ${name} }
spec:
  parameters:
    replicas: { type: integer, default: 2 }
---
kind: Service
metadata: { name: web }
spec:
  # Each instance is told its port in PORT.
  command: ${JSON.stringify(PROGRAM)}
  ports: [{ name: http }]
  replicas: \${param.replicas}
---
kind: LoadBalancer
metadata: { name: front }
spec:
  routes: [{ service: web }]
`;
}
