import { describe, expect, it } from "vitest";
import { KINDS_WITH_CLASSES } from "./location-check.ts";
import { kinds } from "./registry.ts";
import { bodySchema, schemaAt } from "./schema.ts";
import { validate } from "./validate.ts";

function problemsOf(spec: object): readonly { code: string; path: string | undefined }[] {
  return validate({ kind: "Location", metadata: { name: "rack-7" }, spec }).diagnostics.map(
    ({ code, path }) => ({ code, path }),
  );
}

describe("how the engine of a location is reached", () => {
  it.each([
    {},
    { endpoint: "unix:///run/podman/podman.sock" },
    { endpoint: "tcp://10.1.7.4:2376", tls: { secret: "rack-7" } },
    { endpoint: "ssh://deploy@rack-7", ssh: { secret: "rack-7" } },
    { tls: { secret: "rack-7" } },
  ])("may be %o", (docker) => {
    expect(problemsOf({ type: "docker", docker })).toEqual([]);
  });

  it.each([
    [{ endpoint: "unix:///run/docker.sock", tls: { secret: "rack-7" } }, "spec.docker.tls"],
    [{ endpoint: "tcp://10.1.7.4:2376", ssh: { secret: "rack-7" } }, "spec.docker.ssh"],
  ])("may not be %o: what would be ignored is refused", (docker, path) => {
    expect(problemsOf({ type: "docker", docker })).toEqual([{ code: "Meaningless", path }]);
  });

  it("is not for a location without such an engine", () => {
    expect(problemsOf({ docker: { endpoint: "tcp://10.1.7.4:2376" } })).toEqual([
      { code: "Meaningless", path: "spec.docker" },
    ]);
  });
});

describe("the classes that a location prefers", () => {
  it("are of kinds that have classes; another name is refused, with the one that may have been meant", () => {
    expect(problemsOf({ classes: { LoadBalancer: "haproxy" } })).toEqual([]);
    const { diagnostics } = validate({
      kind: "Location",
      metadata: { name: "x" },
      spec: { classes: { LoadBalancr: "haproxy" } },
    });
    expect(diagnostics).toMatchObject([{ code: "UnknownKind", path: "spec.classes" }]);
    expect(diagnostics[0]?.hint).toContain("LoadBalancer");
  });

  it("can be said of every kind that declares a class", () => {
    const placed = kinds.filter((kind) => schemaAt(bodySchema(kind), ["spec", "class"])?.default === "auto");
    expect(placed.map(({ kind }) => kind).toSorted()).toEqual(KINDS_WITH_CLASSES.toSorted());
  });
});
