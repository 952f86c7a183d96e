import { expect, test } from "vitest";
import { copyObstacles } from "./obstacles.ts";

const prospect = (replicas: unknown, port?: number) => ({
  namespace: "default",
  name: "web",
  folder: "/",
  spec: { replicas, ports: [{ name: "http", ...(port === undefined ? {} : { port }) }] },
});

test("a fixed port is refused for several copies, with what to do instead", () => {
  expect(copyObstacles(prospect(2, 9000))).toMatchObject([
    { code: "PortShared", path: "spec.ports[0].port" },
  ]);
});

test("one copy may have a fixed port, several may have chosen ones, and what is not known yet is not judged", () => {
  expect([prospect(1, 9000), prospect(3), prospect("${param.n * 2}", 9000)].flatMap(copyObstacles)).toEqual(
    [],
  );
});
