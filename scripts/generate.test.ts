import { describe, expect, it } from "vitest";
import { generate, stale } from "./generate.ts";

describe("generated files", () => {
  it("are what the kinds make of them", () => {
    expect(stale(generate())).toEqual([]);
  });

  it("are complained about when they are not", () => {
    const [first] = generate();
    expect(stale([{ path: first?.path ?? "", text: "something else" }])).toEqual([
      expect.objectContaining({ message: "is out of date: run `npm run generate`" }),
    ]);
  });

  it("carry documentation, defaults and builders of every kind that people declare", () => {
    const text = generate()[0]?.text ?? "";
    expect(text).toMatch(
      /\/\*\*\n {3}\* How many instances\.\n {3}\* @default 1\n {3}\*\/\n {2}readonly replicas\?: Numeric;/,
    );
    for (const name of [
      "configMap",
      "database",
      "dnsRecord",
      "dnsZone",
      "loadBalancer",
      "network",
      "secret",
      "service",
      "volume",
    ])
      expect(text).toContain(`export const ${name} = remembering<`);
  });

  it("have a table for each type of step, trigger and rule, and every link leads to a heading", () => {
    const text = generate()[1]?.text ?? "";
    for (const heading of ["steps: run", "steps: succeed", "triggers: webhook", "rules: cron"])
      expect(text).toContain(`\n#### ${heading}\n`);
    expect(text).toContain("| `retry[].attempts` | integer | required | Attempts in all, with the first. |");
    expect(text).toContain("| `body` | [scope](#workflow) | required |");
    const anchors = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading.toLowerCase().replaceAll(":", "").replaceAll(" ", "-"),
    );
    const links = [...text.matchAll(/\]\(#([^)]*)\)/g)].map(([, link = ""]) => link);
    expect(links.filter((link) => !anchors.includes(link))).toEqual([]);
    expect(anchors.filter((anchor, index) => anchors.indexOf(anchor) !== index)).toEqual([]);
  });
});
