import { describe, expect, it } from "vitest";
import { complaints, folderWith, load, removeFoldersAfterwards } from "./fixtures/loading.ts";

removeFoldersAfterwards();

const SYSTEM = `kind: System
metadata: { name: shop }
spec:
  parameters:
    size: { type: integer, description: How many. }
    stage: { default: test, enum: [test, live] }
    maxLoad: { type: number, default: 0.5 }
    debug: { default: false }
---
kind: ConfigMap
metadata: { name: seen }
data:
  size: x\${param.size}
  text: \${param.stage}-\${param.maxLoad}
  both: \${service.api.spec.replicas + param.size} and \${param.size}
  shell: $HOME $\${HOME}
---
kind: Service
metadata: { name: api }
spec: { command: run, replicas: "\${param.size}", env: { DEBUG: "\${param.debug}" } }
`;

const folder = folderWith({
  "tutti.yaml": SYSTEM,
  "values.yaml": "size: 7\nmaxLoad: 1\n",
  "wrong.yaml": "size: seven\n",
  "list.yaml": "- 1\n",
});
const file = `${folder}/tutti.yaml`;

describe("parameters", () => {
  it("are evaluated with their types, and what refers to a resource as well is left to the control plane", async () => {
    const { resources, diagnostics } = await load(file, { values: { size: "3", debug: "true" }, env: {} });
    expect(diagnostics).toEqual([]);
    expect(resources[0]).toMatchObject({
      data: {
        size: "x3",
        text: "test-0.5",
        both: "${service.api.spec.replicas + param.size} and 3",
        shell: "$HOME $${HOME}",
      },
    });
    expect(resources[1]?.spec).toMatchObject({ replicas: 3, env: { DEBUG: true } });
  });

  it("come first from --set, then from files, then from the environment", async () => {
    const seen = async (options: Partial<Parameters<typeof load>[1]>): Promise<unknown> =>
      (await load(file, { env: { TUTTI_PARAM_SIZE: "1", TUTTI_PARAM_MAX_LOAD: "2" }, ...options })).system
        .spec;
    expect(await seen({})).toMatchObject({ values: { size: 1, maxLoad: 2 } });
    expect(await seen({ valuesFiles: [`${folder}/values.yaml`] })).toMatchObject({
      values: { size: 7, maxLoad: 1 },
    });
    expect(await seen({ valuesFiles: [`${folder}/values.yaml`], values: { size: "9" } })).toMatchObject({
      values: { size: 9, maxLoad: 1 },
    });
  });

  it("without a value are asked for, with what they are for and how to give them", async () => {
    const { diagnostics } = await load(file, { env: {} });
    expect(diagnostics).toEqual([
      expect.objectContaining({
        code: "MissingParameter",
        message: "The parameter 'size' (How many) has no value.",
        hint: "Give it: --set size=<integer>, or set TUTTI_PARAM_SIZE.",
        source: { file, line: 5, column: 5 },
      }),
    ]);
  });

  it.each([
    [{ values: { size: "many" } }, "InvalidParameter@5"],
    [{ values: { size: "2.5" } }, "InvalidParameter@5"],
    [{ values: { size: "" } }, "InvalidParameter@5"],
    [{ values: { size: "1", stage: "prod" } }, "InvalidParameter@6"],
    [{ values: { size: "1", debug: "maybe" } }, "InvalidParameter@8"],
    [{ values: { size: "1", maxLoad: "Infinity" } }, "InvalidParameter@7"],
    [{ values: { size: "1", sise: "2" } }, "UnknownParameter@1"],
    [{ valuesFiles: [`${folder}/wrong.yaml`] }, "InvalidParameter@5"],
    [{ valuesFiles: [`${folder}/list.yaml`] }, "WrongType@1"],
    [{ valuesFiles: [`${folder}/none.yaml`] }, "NoSuchFile"],
  ])("are refused: %j", async (options, complaint) => {
    expect(await complaints(file, options)).toEqual([complaint]);
  });

  it("with a wrong value are refused without repeating the value", async () => {
    const { diagnostics } = await load(file, { values: { size: "hunter2" }, env: {} });
    expect(JSON.stringify(diagnostics)).not.toContain("hunter2");
  });

  it("that are unknown are suggested where they are used", async () => {
    const used = folderWith({
      "tutti.yaml": "kind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: ${param.nope}\n",
    });
    expect(await complaints(used)).toEqual(["UnknownParameter@4"]);
  });
});

describe("the environment", () => {
  const yaml = (text: string): string =>
    folderWith({
      "tutti.yaml": `kind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: ${text}\n---\nkind: Database\nmetadata: {name: d}\n`,
    });

  it("is evaluated when loading", async () => {
    const { resources } = await load(yaml("v-${env.NAME}-${env.?OTHER.orValue('none')}"), {
      env: { NAME: "${x}" },
    });
    expect(resources[0]).toMatchObject({ data: { a: "v-$${x}-none" } });
  });

  it.each([
    ["${env.NAME}", "MissingEnvironment@4"],
    ["${env.PATH + database.d.status.url}", "EnvironmentMixed@4"],
    ["${env.PATH * 2}", "ExpressionFailed@4"],
  ])("is refused: %s", async (text, complaint) => {
    expect(await complaints(yaml(text), { env: { PATH: "/bin" } })).toEqual([complaint]);
  });
});
