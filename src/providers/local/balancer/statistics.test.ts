import { expect, test } from "vitest";
import { RouteStatistics } from "./statistics.ts";

const HOUR = 3_600_000;

test("what a member counted is dropped when it has not answered for an hour and another comes", () => {
  const route = new RouteStatistics("*/", "api");
  route.finished(0, 5, 200, "api", "old");
  route.finished(0, 5, 200, "api", "");
  route.finished(HOUR, 5, 200, "api", "busy");
  route.finished(HOUR + 1, 5, 200, "api", "new");
  expect([...route.byMember.keys()]).toEqual(["", "busy", "new"]);
  expect(route.requests).toBe(4);
});
