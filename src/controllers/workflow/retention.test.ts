/** Which ended runs are kept. */
import { describe, expect, it } from "vitest";
import { type Run, hasEnded, runDraft } from "../../controller/runs.ts";
import { superseded } from "./retention.ts";

describe("ended runs", () => {
  const ended = (name: string, phase: string, day: number): Run =>
    ({
      ...runDraft(name, "default", { workflow: "w", parameters: {} }),
      metadata: { name, uid: name, creationTimestamp: "", resourceVersion: "1", generation: 1 },
      status: { phase, endedAt: new Date(Date.UTC(2026, 0, day)).toISOString() },
    }) as Run;
  const runs = [
    ended("s1", "Succeeded", 1),
    ended("s2", "Succeeded", 2),
    ended("s3", "Succeeded", 3),
    ended("f1", "Failed", 1),
    ended("c4", "Cancelled", 4),
    ended("r", "Running", 1),
  ];
  const now = Date.UTC(2026, 0, 5);
  const removed = (keep: {
    readonly succeeded: number | string;
    readonly failed: number | string;
  }): readonly string[] => superseded(runs, keep, now).remove.map(({ metadata }) => metadata.name);

  it("are kept as many as are to be, the newest of them", () => {
    expect(runs.filter(hasEnded)).toHaveLength(5);
    expect(removed({ succeeded: 2, failed: 10 })).toEqual(["s1"]);
    expect(removed({ succeeded: 0, failed: 1 })).toEqual(["s3", "s2", "s1", "f1"]);
  });

  it("are kept for as long as they are to be, and the next to go is known", () => {
    expect(removed({ succeeded: "3d", failed: "2d" })).toEqual(["s1", "s2", "f1"]);
    expect(superseded(runs, { succeeded: "3d", failed: "2d" }, now).next).toBe(Date.UTC(2026, 0, 6));
  });
});
