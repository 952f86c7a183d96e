/** What the guide of changes shows is run, in its order: each declaration is the next state of the system. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT, type TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

/** Milliseconds: each verb is a process of its own. */
const LONG = 240_000;

test(
  "the commands of the guide do what it says, one after the other",
  async () => {
    const home = openHome();
    const folder = home.folder("shop");
    const guide = readFileSync(join(ROOT, "docs/guides/changes.md"), "utf8");
    for (const [, language, text = ""] of guide.matchAll(/^```(yaml|sh changes)\n([\s\S]*?)^```$/gm)) {
      if (language === "yaml") writeFileSync(join(folder, "tutti.yaml"), text);
      else for (const line of text.trim().split("\n")) await run(home, folder, line);
    }
  },
  LONG,
);

async function run(home: TestHome, cwd: string, line: string): Promise<void> {
  const [, command = "", code = "0"] = /^tutti (.*?)(?:\s+# exit (\d+))?$/.exec(line) ?? [];
  const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
  const outcome = await home.tutti(words, { cwd });
  expect(outcome, `${line}\n${outcome.stdout}\n${outcome.stderr}`).toMatchObject({ code: Number(code) });
  await until("all that was decided to have ended", async () => {
    const changes = await home.list("Change");
    const asked = new Set(
      (await home.list("Approval"))
        .filter(({ status }) => (status?.["state"] ?? "Pending") === "Pending")
        .map(({ metadata }) => metadata.name),
    );
    return changes.every(
      ({ spec, status }) => status?.["finishedAt"] !== undefined || asked.has(spec?.["approval"]),
    );
  });
}
