/** What the guide shows of tests of workflows is run: its cases and its program. Its commands and declarations docs.test.ts runs. */
import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";

function block(language: string): string {
  const guide = readFileSync(join(ROOT, "docs/guides/workflows.md"), "utf8");
  const [, text] = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "m").exec(guide) ?? [];
  if (text === undefined) throw new Error(`The guide shows no '${language}'.`);
  return text;
}

test("the cases of the guide pass", async () => {
  const home = openHome();
  const folder = home.folder("orders");
  copyFileSync(join(ROOT, "examples/orders/tutti.yaml"), join(folder, "tutti.yaml"));
  writeFileSync(join(folder, "order.test.yaml"), block("yaml cases"));
  expect(await home.ok(["workflow", "test", join(folder, "order.test.yaml")])).toContain("1 passed");
});

test("the program of the guide ends without a complaint", () => {
  const file = join(openHome().folder("kit"), "order.ts");
  writeFileSync(file, block("ts kit").replace("tutti/testing", join(ROOT, "src/testing/index.ts")));
  const { status, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8" });
  expect({ status, stderr }).toMatchObject({ status: 0 });
});
