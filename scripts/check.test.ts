import { expect, test } from "vitest";
import { closingLine } from "./check.ts";

const report = {
  numPassedTests: 7,
  numFailedTests: 2,
  testResults: [
    { status: "failed", assertionResults: [{}] },
    { status: "passed", assertionResults: [{}] },
  ],
};

test("the closing line counts tests", () => {
  expect(closingLine(report, 0)).toBe("7 passed, 2 failed");
});

test("a failed check counts as a failure, so the line never says 0 failed when the run fails", () => {
  expect(closingLine({ ...report, numFailedTests: 0 }, 1)).toBe("7 passed, 1 failed");
});

test("a test file that does not load counts as a failure", () => {
  const broken = { ...report, testResults: [{ status: "failed", assertionResults: [] }] };
  expect(closingLine(broken, 0)).toBe("7 passed, 3 failed");
});

test("a run that leaves no report is a failure", () => {
  expect(closingLine(undefined, 0)).toBe("0 passed, 1 failed");
});
