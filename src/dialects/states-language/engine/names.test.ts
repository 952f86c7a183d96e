/** Names of the service as names of resources, and back. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { NAME_PATTERN } from "../../../model/resource.ts";
import {
  executionOf,
  readArn,
  redrivenRun,
  resourceName,
  runNames,
  serviceName,
  versionResource,
} from "./names.ts";

const names = fc.stringMatching(/^[A-Za-z0-9._-]{1,80}$/);

test("every name has a resource name of its own, from which it is known again", () => {
  fc.assert(
    fc.property(names, (name) => {
      const resource = resourceName(name) ?? "";
      expect(resource).toMatch(NAME_PATTERN);
      expect(serviceName(resource)).toBe(name);
    }),
  );
});

test("names that are good for both stay as they are, others can be read", () => {
  expect(resourceName("nightly-backup-2")).toBe("nightly-backup-2");
  expect(resourceName("OrderPipeline")).toBe("o.rderp.ipeline");
  expect(resourceName("order_1")).toBe("order-.1");
  expect(serviceName("etl-v2.0")).toBe("etl-v2.0");
  expect(resourceName("no name")).toBeUndefined();
});

test("an execution is known again from its Run: also of a version, beside one of another machine, and redriven", () => {
  fc.assert(
    fc.property(names, names, fc.nat({ max: 3 }), fc.boolean(), (machine, execution, redrives, isVersion) => {
      const resource = resourceName(machine) ?? "";
      const workflow = isVersion ? versionResource(resource, 7) : resource;
      for (const run of runNames(resource, resourceName(execution) ?? "")) {
        const found = executionOf(`shop/${redrivenRun(run, redrives)}`, workflow);
        expect(found).toMatchObject({ name: execution, machineName: machine });
        expect(readArn(found.arn)).toEqual({
          namespace: "shop",
          type: "execution",
          rest: [machine, execution],
        });
      }
    }),
  );
});
