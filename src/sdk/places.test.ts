/** What is the same everywhere is evaluated when it is loaded; what differs from Location to Location, or member to member, is not. */
import { describe, expect, it } from "vitest";
import { folderWith, load, removeFoldersAfterwards } from "./fixtures/loading.ts";

removeFoldersAfterwards();

const MANIFESTS = `kind: System
metadata: { name: shop }
spec:
  parameters: { size: { type: integer }, domain: { default: shop.test }, location: {} }
  locations: [{ name: berlin, values: { size: 1 } }, { name: paris, values: { size: 2 } }]
  waves: [{ locations: [berlin] }]
  outputs: { url: "\${service.api-berlin.status.replicas}" }
---
kind: Service
metadata: { name: api }
spec: { command: run, replicas: "\${param.size}", env: { A: "\${param.domain}", B: "\${param.location}" } }
---
kind: ResourceSet
metadata: { name: workers }
spec:
  forEach: [a]
  template: { kind: Service, spec: { command: run, env: { KEY: "\${each.key}", STAGE: "\${env.STAGE}" } } }
`;

const PROGRAM = `import { each, env, expression, location, service, system } from "tutti";
const [berlin, paris] = [location("berlin"), location("paris")];
const api = service("api", { command: "run", replicas: expression<number>("param.size"), env: { A: expression("param.domain"), B: expression("param.location") } });
export default system(
  "shop",
  {
    parameters: { size: { type: "integer" }, domain: { default: "shop.test" }, location: {} },
    locations: [{ name: berlin, values: { size: 1 } }, { name: paris, values: { size: 2 } }],
    waves: [{ locations: [berlin] }],
    outputs: { url: expression("service.api-berlin.status.replicas") },
  },
  [api, each("workers", ["a"], service, ({ key }) => ({ command: "run", env: { KEY: key, STAGE: env("STAGE") } }))],
);
`;

describe("a system in several Locations", () => {
  it("is loaded alike from manifests and from a program", async () => {
    const env = { STAGE: "live" };
    const folder = folderWith({ "a/tutti.yaml": MANIFESTS, "b/tutti.ts": PROGRAM });
    const written = await load(`${folder}/a`, { env });
    const programmed = await load(`${folder}/b`, { env });
    expect(written.diagnostics).toEqual([]);
    expect(programmed.diagnostics).toEqual([]);
    expect(written.resources).toMatchObject([
      { spec: { replicas: "${param.size}", env: { A: "shop.test", B: "${param.location}" } } },
      { spec: { template: { spec: { env: { KEY: "${each.key}", STAGE: "live" } } } } },
    ]);
    expect(programmed.resources).toEqual(written.resources);
    expect({ ...(programmed.system.spec as object), folder: "" }).toEqual({
      ...(written.system.spec as object),
      folder: "",
    });
  });

  it("asks for a value that not every Location gives", async () => {
    const text = MANIFESTS.replace(", values: { size: 2 }", "");
    const { diagnostics } = await load(`${folderWith({ "tutti.yaml": text })}/tutti.yaml`, {
      env: { STAGE: "x" },
    });
    expect(diagnostics).toMatchObject([{ code: "MissingParameter", path: "spec.parameters.size" }]);
  });
});
