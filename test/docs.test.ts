/**
 * What the documentation shows works: every TypeScript and YAML example is loaded and planned, every command of the
 * guides is run, in order, in a home of its own.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { startDaemon } from "../src/providers/docker/fixtures/daemon.ts";
import { startLxd } from "../src/providers/lxd/fixtures/daemon.ts";
import { ROOT } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";

interface Example {
  readonly language: string;
  readonly text: string;
  readonly line: number;
}

function examplesIn(file: string): readonly Example[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  return [...text.matchAll(/^```([\w ]+)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1] ?? "",
    text: match[2] ?? "",
    line: text.slice(0, match.index).split("\n").length + 1,
  }));
}

function wordsOf(command: string): readonly string[] {
  return command
    .replace(/\s+#.*$/, "")
    .trim()
    .split(/\s+/)
    .slice(1);
}

const guides = readdirSync(join(ROOT, "docs", "guides"))
  .filter((name) => name.endsWith(".md"))
  .map((name) => `docs/guides/${name}`);

describe.each(["README.md", ...guides])("%s", (file) => {
  const declarations = examplesIn(file).filter(({ language }) => language === "ts" || language === "yaml");

  test.skipIf(declarations.length === 0)(
    "shows declarations that are planned without a complaint",
    async () => {
      const home = openHome();
      for (const { language, text, line } of declarations) {
        const folder = home.declare(text, {
          file: language === "ts" ? "tutti.ts" : "tutti.yaml",
          folder: `line-${line}`,
        });
        const outcome = await home.tutti(["plan", folder, "-o", "json"]);
        expect(outcome, `${file}:${line}`).toMatchObject({ code: 0 });
        expect(JSON.parse(outcome.stdout), `${file}:${line}`).toMatchObject({
          summary: { create: expect.any(Number) as number },
        });
      }
    },
  );
});

function commandsIn(file: string, wanted: string): readonly string[] {
  return examplesIn(file)
    .filter(({ language }) => language === wanted)
    .flatMap(({ text }) => text.trim().split("\n"))
    .filter((line) => line.startsWith("./tutti "));
}

async function runAll(commands: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  const home = openHome();
  for (const command of commands) {
    const outcome = await home.tutti(wordsOf(command), { cwd: ROOT, env });
    expect(outcome, `${command}\n${outcome.stdout}\n${outcome.stderr}`).toMatchObject({ code: 0 });
  }
}

describe.each(guides)("%s", (file) => {
  const commands = commandsIn(file, "sh");
  test.skipIf(commands.length === 0)("shows commands that do what they say", () => runAll(commands, {}));

  const withContainers = commandsIn(file, "sh docker");
  test.skipIf(withContainers.length === 0)(
    "shows commands for containers that do what they say",
    async () => {
      const daemon = await startDaemon();
      onTestFinished(() => daemon.close());
      await runAll(withContainers, { DOCKER_HOST: daemon.endpoint });
    },
  );

  const withMachines = commandsIn(file, "sh lxd");
  test.skipIf(withMachines.length === 0)("shows commands for machines that do what they say", async () => {
    const daemon = await startLxd();
    onTestFinished(() => daemon.close());
    await runAll(withMachines, { LXD_DIR: daemon.folder });
  });
});

test("docs/api.md shows ways to the API that work", async () => {
  const home = openHome();
  const hasKubectl = spawnSync("kubectl", ["version", "--client"]).status === 0;
  for (const { language, text, line } of examplesIn("docs/api.md")) {
    if (language === "sh kubectl" && !hasKubectl) continue;
    const file = join(home.folder("client"), "example.ts");
    if (language === "ts client")
      writeFileSync(file, text.replace("tutti/client", join(ROOT, "src/client/index.ts")));
    const command = language === "ts client" ? `node ${file}` : text;
    const outcome = spawnSync("bash", ["-euc", command], {
      cwd: ROOT,
      env: {
        ...process.env,
        TUTTI_HOME: home.path,
        PATH: `${join(ROOT, "node_modules", ".bin")}:${process.env["PATH"] ?? ""}`,
      },
      encoding: "utf8",
    });
    expect(outcome, `docs/api.md:${line}\n${outcome.stdout}\n${outcome.stderr}`).toMatchObject({ status: 0 });
  }
});
