import { mkdirSync, symlinkSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { complaints, folderWith, load, removeFoldersAfterwards } from "./fixtures/loading.ts";

removeFoldersAfterwards();

const VOLUME = "kind: Volume\nmetadata: { name: v }\n";
const yaml = (text: string): string => folderWith({ "tutti.yaml": text });

describe("a YAML file is refused with the line", () => {
  it.each([
    ["that breaks off", "kind: Volume\nmetadata: { name: v\n", "InvalidYaml@3"],
    ["indented with tabs", "kind: Volume\nmetadata:\n\tname: v\n", "InvalidYaml@3"],
    [
      "with a key twice",
      "kind: Volume\nmetadata: { name: v }\nspec:\n  size: 1Gi\n  size: 2Gi\n",
      "DuplicateKey@5",
    ],
    ["with an alias of nothing", "kind: Volume\nmetadata: { name: *gone }\n", "UnknownAlias@2"],
    ["with an unknown kind", "kind: Volum\nmetadata: { name: v }\n", "UnknownKind@1"],
    ["without a kind", "metadata: { name: v }\n", "MissingKind@1"],
    ["that is a list", "- 1\n- 2\n", "NotAResource@1"],
    ["that is a text", "hello\n", "NotAResource@1"],
    ["with an unknown field", `${VOLUME}spec:\n  siez: 1Gi\n`, "UnknownField@4"],
    ["with a wrong type", `${VOLUME}spec:\n  retain:\n    - 1\n`, "WrongType@4"],
    ["with a name that is none", "kind: Volume\nmetadata:\n  name: Not A Name\n", "InvalidName@3"],
    ["without a name", "kind: Volume\nmetadata:\n  labels: {}\n", "MissingName@2"],
    [
      "without a required field",
      "kind: Service\nmetadata: { name: s }\nspec:\n  replicas: 1\n",
      "MissingField@3",
    ],
    ["with a resource twice", `${VOLUME}---\n${VOLUME}`, "DuplicateResource@4"],
    [
      "with two systems",
      `kind: System\nmetadata: { name: a }\n---\nkind: System\nmetadata: { name: b }\n`,
      "SecondSystem@4",
    ],
    ["with a number that is none", `${VOLUME}spec: { size: .nan }\n`, "InvalidNumber@1"],
    ["with nothing in it", "# nothing\n", "NoDeclaration"],
    ["with bytes that are no text", "kind: Volume\0", "UnknownFormat"],
  ])("%s", async (_what, text, complaint) => {
    expect(await complaints(yaml(text))).toEqual([complaint]);
  });

  it("whatever file of the folder it stands in", async () => {
    const folder = folderWith({ "a.yaml": VOLUME, "b.yaml": "kind: Volum\n" });
    const { diagnostics } = await load(folder, { env: {} });
    expect(diagnostics[0]?.source).toEqual({ file: `${folder}/b.yaml`, line: 1, column: 1 });
    expect(
      await complaints(
        folderWith({
          "a.yaml": "kind: System\nmetadata: {name: a}\n",
          "b.yaml": "kind: System\nmetadata: {name: b}\n",
        }),
      ),
    ).toEqual(["SecondSystem@1"]);
  });
});

describe("what would cost too much is refused", () => {
  const nested = (levels: number): string =>
    `${VOLUME}spec: ${"{a: ".repeat(levels)}1${"}".repeat(levels)}\n`;
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefghi"
    .split("")
    .map(
      (name, index) =>
        `${name}: &${name} [${Array(9)
          .fill(`*${"abcdefgh"[index] ?? ""}`)
          .join(",")}]`,
    )
    .join("\n")}\n`;

  it.each([
    ["10 MB", `${VOLUME}spec:\n  size: "${"x".repeat(10 << 20)}"\n`, "TooLarge"],
    ["1,000 levels of brackets", nested(1000), "TooDeep"],
    ["100,000 open brackets", "[".repeat(100_000), "TooDeep"],
    [
      "1,000 levels of indentation",
      `${VOLUME}spec:\n${Array.from({ length: 1000 }, (_, level) => `${" ".repeat(level + 1)}a:\n`).join("")}`,
      "TooDeep",
    ],
    ["1,000 levels of lists", `a:\n${"- ".repeat(1000)}1\n`, "TooDeep"],
    ["aliases of aliases", `kind: ConfigMap\nmetadata: { name: c }\n${bomb}`, "InvalidYaml"],
  ])("%s", async (_what, text, code) => {
    expect((await complaints(yaml(text))).map((complaint) => complaint.replace(/@.*/, ""))).toEqual([code]);
  });

  it("but not many keys, nor a value used many times", async () => {
    const keys = Array.from({ length: 20_000 }, (_, index) => `  k${index}: *shared\n`)
      .join("")
      .replace("k0: *shared", "k0: &shared x");
    expect(await complaints(yaml(`kind: ConfigMap\nmetadata: { name: c }\ndata:\n${keys}`))).toEqual([
      "TooManyAliases@1005",
    ]);
    const plain = Array.from({ length: 20_000 }, (_, index) => `  k${index}: x\n`).join("");
    expect(await complaints(yaml(`kind: ConfigMap\nmetadata: { name: c }\ndata:\n${plain}`))).toEqual([]);
  });
});

describe("a folder is refused", () => {
  it("that does not exist, with the name that was probably meant", async () => {
    const folder = folderWith({ "tutti.yaml": VOLUME });
    const { diagnostics } = await load(folder.replace(/shop$/, "shpo"), { env: {} });
    expect(diagnostics[0]).toMatchObject({
      code: "NoSuchFile",
      hint: expect.stringMatching(/shop|tutti init/) as unknown,
    });
  });

  it("with nothing to load in it, with how to begin", async () => {
    const { diagnostics } = await load(folderWith({ "readme.md": "" }), { env: {} });
    expect(diagnostics[0]).toMatchObject({
      code: "NoDeclaration",
      hint: expect.stringContaining("tutti init") as unknown,
    });
  });

  it("that is a file of another kind, or leads to itself, or holds a folder in place of the file", async () => {
    const folder = folderWith({ "notes.txt": "x" });
    symlinkSync(`${folder}/loop`, `${folder}/loop`);
    mkdirSync(`${folder}/inner/tutti.yaml`, { recursive: true });
    expect(await complaints(`${folder}/notes.txt`)).toEqual(["UnknownFormat"]);
    expect(await complaints(`${folder}/loop`)).toEqual(["Unreadable"]);
    expect(await complaints(`${folder}/inner`)).toEqual(["Unreadable"]);
    expect(await complaints(`${folder}/notes.txt/deeper`)).toEqual(["Unreadable"]);
  });
});

const program = (text: string): string => folderWith({ "tutti.ts": text });

describe("a program is refused at its own line", () => {
  it.each([
    ["that throws", 'import "tutti";\n\nthrow new Error("no luck");\n', "ProgramFailed@3"],
    ["that throws what is no error", "throw { reason: 1 };\n", "ProgramFailed"],
    ["that throws in a file it imports", 'import "./part.ts";\n', "ProgramFailed@2"],
    [
      "that throws while declaring",
      'import { system } from "tutti";\nexport default system("s", () => {\n  throw new Error("x");\n});\n',
      "ProgramFailed@3",
    ],
    ["that ends the process", "process.exit(3);\n", "ProgramFailed@1"],
    ["with a syntax error", "export default (\n  1 +\n);\n", "SyntaxError@3"],
    ["with an enum", "enum A { b }\nexport default [];\n", "SyntaxError@1"],
    [
      "that imports a package that is not there",
      'import "./part.ts";\nimport x from "not-there";\nexport default x;\n',
      "ImportNotFound@2",
    ],
    [
      "that imports what tutti does not have",
      'import { servce } from "tutti";\nexport default servce;\n',
      "SyntaxError@1",
    ],
    ["without a default export", "export const a = 1;\n", "NoSystem"],
    ["that exports something else", "export default 7;\n", "NoSystem"],
    [
      "with something else among the resources",
      'import { system } from "tutti";\nexport default system("s", [7 as never]);\n',
      "NotAResource",
    ],
    [
      "with a wrong value",
      'import { service, system } from "tutti";\nexport default system("s", [\n  service("a", {\n    command: "x",\n    replicas: "many" as never,\n  }),\n]);\n',
      "WrongType@5",
    ],
    [
      "with a wrong name",
      'import { system } from "tutti";\nexport default system("Not A Name", []);\n',
      "InvalidName@2",
    ],
  ])("%s", async (_what, text, complaint) => {
    const folder = folderWith({
      "tutti.ts": text,
      ...(complaint === "ProgramFailed@2"
        ? { "part.ts": "const a = 1;\nthrow new Error(String(a));\n" }
        : { "part.ts": "" }),
    });
    expect(await complaints(folder)).toEqual([complaint]);
  });

  it("that holds itself", async () => {
    expect(
      await complaints(
        program(
          'import { system } from "tutti";\nconst spec: Record<string, unknown> = {};\nspec["self"] = spec;\nexport default system("s", [{ kind: "Volume", metadata: { name: "v" }, spec }]);\n',
        ),
      ),
    ).toEqual(["TooDeep"]);
  });

  it("and its sentence is the program's own, without a stack", async () => {
    const { diagnostics } = await load(
      program('function inner() {\n  throw new TypeError("no luck\\nat all");\n}\ninner();\n'),
      { env: {} },
    );
    expect(diagnostics[0]).toMatchObject({ message: "It throws: TypeError: no luck.", source: { line: 2 } });
  });

  it("but may be CommonJS by its package.json, print, and wait", async () => {
    const folder = folderWith({
      "package.json": '{ "type": "commonjs" }',
      "tutti.ts":
        'import { volume } from "tutti";\nconsole.log("hello");\nawait new Promise((resolve) => setTimeout(resolve, 1));\nexport default [volume("v")];\n',
    });
    expect(await complaints(folder)).toEqual([]);
  });
});
