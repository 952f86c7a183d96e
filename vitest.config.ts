import { defineConfig } from "vitest/config";

/** Start-up of a whole system, with PostgreSQL in it, on a slow machine. */
const endToEnd = 120_000;
const ordinary = 30_000;

export default defineConfig({
  test: {
    pool: "forks",
    execArgv: ["--disable-warning=ExperimentalWarning"],
    maxWorkers: 2,
    passWithNoTests: true,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "scripts/**/*.test.ts"],
          testTimeout: ordinary,
          hookTimeout: ordinary,
        },
      },
      {
        extends: true,
        test: {
          name: "end to end",
          include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
          testTimeout: endToEnd,
          hookTimeout: endToEnd,
        },
      },
    ],
  },
});
