import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { run } from "./workflow-dags.ts";
import { lowerBound, simpleBound } from "./workflow-dags/lower-bound.ts";
import { cannotFit } from "./workflow-dags/packing.ts";

const none = (count: number): number[][] => Array.from({ length: count }, () => []);

describe("the corpus of workflow graphs", () => {
  it("passes a graph when its run takes at most 1.05 times what no schedule can beat", async () => {
    const folder = mkdtempSync(join(tmpdir(), "dags-"));
    try {
      const graphs = [
        { file: "chain", runtime_s: [1.5, 2, 3], parents: [[], [0], [1]] },
        // The longest path begins last in the text, and must be first.
        { file: "wide", runtime_s: [...Array.from({ length: 160 }, () => 10), 100], parents: none(161) },
        // Seventeen equal steps on sixteen slots take two rounds; path and work alone would promise one.
        { file: "seventeen", runtime_s: Array.from({ length: 17 }, () => 10), parents: none(17) },
      ];
      writeFileSync(join(folder, "dags.jsonl"), graphs.map((one) => JSON.stringify(one)).join("\n"));
      expect(await Array.fromAsync(run(folder))).toEqual([
        {
          suite: expect.stringMatching(/^dags\.jsonl \(181 steps, .* us CPU a step; 1 graphs need more/),
          passed: 3,
          failed: 0,
          problems: [],
        },
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("is refused when parents name steps that are not there", async () => {
    const folder = mkdtempSync(join(tmpdir(), "dags-"));
    try {
      writeFileSync(join(folder, "dags.jsonl"), '{"file": "x", "runtime_s": [1], "parents": [[7]]}');
      await expect(Array.fromAsync(run(folder))).rejects.toThrow("do not fit each other");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("what no schedule can beat", () => {
  it("is the longest path, or the work of all slots", () => {
    expect(simpleBound([5, 5, 1], [[], [0], []], 2)).toBe(10);
    expect(simpleBound([4, 4, 4, 4], none(4), 2)).toBe(8);
  });

  it("is more where many stand between what is before and after them", () => {
    // 3, then eight of 2 on two slots, then 5.
    const needs = [[], ...Array.from({ length: 8 }, () => [0]), [1, 2, 3, 4, 5, 6, 7, 8]];
    expect(lowerBound([3, 2, 2, 2, 2, 2, 2, 2, 2, 5], needs, 2)).toBe(16);
  });

  it("is two rounds where there is one step more than slots", () => {
    expect(lowerBound([10, 10, 10], none(3), 2)).toBe(20);
  });

  it("is what long steps need when they are packed in the best of all ways", () => {
    const takes = [7, 6, 5, 4, 4, 4, 3];
    expect(cannotFit(takes, 3, 10.9)).toBe(true);
    expect(cannotFit(takes, 3, 11)).toBe(false);
  });
});
