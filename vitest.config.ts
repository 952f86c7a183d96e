import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./scripts/longest-first.ts";

/** Start-up of a whole system, with PostgreSQL in it, on a slow machine. */
const endToEnd = 120_000;
const ordinary = 60_000;

/**
 * Folders whose tests only compute, or open what they close. Their files share processes: loading the sources anew for each
 * takes longer than the tests. Not those of kinds and of what loads declarations: own kinds are known to a whole process.
 */
const sharing = [
  "src/{api,client,clock,controller,controllers,diagnostics,dialects,graph,metrics,model,planner,testing}/**/*.test.ts",
];

/** For projects with databases in them. */
const globalSetup = "src/providers/databases/fixtures/shared-templates.ts";

export default defineConfig({
  test: {
    pool: "forks",
    execArgv: ["--disable-warning=ExperimentalWarning"],
    // Much of the time is spent waiting. A test of a whole system takes half a gigabyte.
    maxWorkers: Math.min(2 * availableParallelism(), 8),
    sequence: { sequencer: LongestFirst },
    passWithNoTests: true,
    // In the order in which they are started.
    projects: [
      {
        extends: true,
        test: {
          name: "end to end",
          globalSetup,
          include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
          testTimeout: endToEnd,
          hookTimeout: endToEnd,
        },
      },
      {
        extends: true,
        test: {
          name: "unit",
          globalSetup,
          include: ["src/**/*.test.ts", "scripts/**/*.test.ts"],
          exclude: sharing,
          testTimeout: ordinary,
          hookTimeout: ordinary,
        },
      },
      {
        extends: true,
        test: {
          name: "unit, sharing processes",
          include: sharing,
          isolate: false,
          testTimeout: ordinary,
          hookTimeout: ordinary,
        },
      },
    ],
  },
});
