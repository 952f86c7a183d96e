import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { run } from "./openmetrics.ts";

it("counts a case as passed when what should parse does, and nothing else", async () => {
  const folder = mkdtempSync(join(tmpdir(), "openmetrics-"));
  try {
    const add = (name: string, metrics: string, shouldParse: boolean): void => {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "metrics"), metrics);
      writeFileSync(
        join(folder, name, "test.json"),
        JSON.stringify({ type: "text", file: "metrics", shouldParse }),
      );
    };
    add("good", "a 1\n# EOF\n", true);
    add("bad", "a\n# EOF\n", false);
    add("wrongly_good", "a 1\n", true);
    add("wrongly_bad", "a 1\n# EOF\n", false);
    expect(await Array.fromAsync(run(folder))).toEqual([
      {
        suite: "parsers",
        passed: 2,
        failed: 2,
        problems: [
          "wrongly_bad was taken.",
          expect.stringMatching(/^wrongly_good: BadExposition: The exposition does not end with '# EOF'/),
        ],
      },
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
