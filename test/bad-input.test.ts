/** Bad input is refused with exit code 2 and a diagnostic that says what, where, why and what to do; nothing is changed. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Diagnostic } from "../src/diagnostics/diagnostic.ts";
import { TestHome } from "./support/home.ts";

interface Case {
  readonly title: string;
  readonly files: Readonly<Record<string, string>>;
  readonly code: string;
  readonly address?: string;
  readonly path?: string;
  readonly line?: number;
  readonly message?: RegExp;
  readonly hint?: RegExp;
}

const service = (spec: string, name = "api"): string =>
  `kind: Service\nmetadata: { name: ${name} }\nspec:\n${spec}\n`;

const cases: readonly Case[] = [
  {
    title: "broken YAML",
    files: { "tutti.yaml": "kind: Service\nmetadata: { name: api\nspec: {}\n" },
    code: "InvalidYaml",
    line: 3,
  },
  {
    title: "an unknown kind",
    files: { "tutti.yaml": "kind: Servise\nmetadata: { name: api }\n" },
    code: "UnknownKind",
    line: 1,
    hint: /Service/,
  },
  {
    title: "an unknown field",
    files: { "tutti.yaml": service("  command: sleep 1\n  replica: 2") },
    code: "UnknownField",
    address: "service/api",
    path: "spec.replica",
    line: 5,
    hint: /replicas/,
  },
  {
    title: "a wrong type",
    files: { "tutti.yaml": service("  command: sleep 1\n  replicas: many") },
    code: "WrongType",
    address: "service/api",
    path: "spec.replicas",
    line: 5,
  },
  {
    title: "a missing field",
    files: { "tutti.yaml": service("  replicas: 2") },
    code: "MissingField",
    address: "service/api",
    path: "spec.command",
  },
  {
    title: "a cycle",
    files: {
      "tutti.yaml": [
        service("  command: sleep 1\n  dependsOn: [service/b]", "a"),
        service("  command: sleep 1\n  dependsOn: [service/a]", "b"),
      ].join("---\n"),
    },
    code: "ReferenceCycle",
    line: 5,
    message: /service\/a.*service\/b.*service\/a|service\/b.*service\/a.*service\/b/,
  },
  {
    title: "a missing reference",
    files: {
      "tutti.yaml": `${service("  command: sleep 1\n  env:\n    URL: ${database.order.status.url}")}---\nkind: Database\nmetadata: { name: orders }\n`,
    },
    code: "MissingReference",
    address: "service/api",
    path: "spec.env.URL",
    line: 6,
    hint: /orders/,
  },
  {
    title: "a reference to a secret where it would be printed",
    files: {
      "tutti.yaml": `${service("  command: [echo, '${secret.key.value}']")}---\nkind: Secret\nmetadata: { name: key }\ngenerate: { value: {} }\n`,
    },
    code: "SecretInTheOpen",
    address: "service/api",
    path: "spec.command[1]",
    line: 4,
    hint: /env/,
  },
  {
    title: "duplicate names",
    files: { "tutti.yaml": [service("  command: sleep 1"), service("  command: sleep 2")].join("---\n") },
    code: "DuplicateResource",
    address: "service/api",
    line: 6,
  },
  {
    title: "a missing command",
    files: { "tutti.yaml": service("  command: [no-such-program-anywhere, now]") },
    code: "CommandNotFound",
    address: "service/api",
    path: "spec.command",
    line: 4,
    message: /no-such-program-anywhere/,
  },
  {
    title: "a missing folder to work in",
    files: { "tutti.yaml": service("  command: sleep 1\n  workingDirectory: no/such/folder") },
    code: "WorkingDirectoryMissing",
    address: "service/api",
    path: "spec.workingDirectory",
    line: 5,
  },
  {
    title: "an unknown class",
    files: { "tutti.yaml": service("  command: sleep 1\n  class: proces") },
    code: "UnknownClass",
    address: "service/api",
    path: "spec.class",
    line: 5,
    hint: /process/,
  },
  {
    title: "a program that throws while it is loaded",
    files: { "tutti.ts": 'import "tutti";\n\nthrow new Error("the settings are missing");\n' },
    code: "ProgramFailed",
    line: 3,
    message: /the settings are missing/,
  },
  {
    title: "a program that is no program",
    files: { "tutti.ts": "const a: = 1;\n" },
    code: "SyntaxError",
    line: 1,
  },
  {
    title: "a manifest of 10 MB",
    files: {
      "tutti.yaml": `kind: ConfigMap\nmetadata: { name: big }\ndata: { text: ${"x".repeat(10 << 20)} }\n`,
    },
    code: "TooLarge",
  },
  {
    title: "a thousand levels of nesting",
    files: {
      "tutti.yaml": `kind: Service\nmetadata: { name: api }\nspec: ${"{ a: ".repeat(1000)}1${" }".repeat(1000)}\n`,
    },
    code: "TooDeep",
  },
  { title: "a folder without a declaration", files: { "readme.txt": "nothing" }, code: "NoDeclaration" },
];

const home = new TestHome();

beforeAll(async () => {
  await home.serve();
  await home.ok(["up", home.declare(service("  command: sleep 1000", "other"), { folder: "other" })]);
});
afterAll(() => home.destroy());

function write(title: string, files: Case["files"]): string {
  const folder = home.folder(title.replaceAll(" ", "-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** What only people write: the desired state. */
async function declared(): Promise<unknown> {
  const lists = await Promise.all(
    ["System", "Service", "Revision", "Change", "Secret"].map((kind) => home.list(kind)),
  );
  return lists.flat().map(({ kind, metadata }) => [kind, metadata.name, metadata.generation]);
}

test.for(cases)("$title is refused and changes nothing", async (bad) => {
  const folder = write(bad.title, bad.files);
  const before = await declared();
  const { code, stdout, stderr } = await home.tutti(["up", folder, "--yes", "-o", "json"]);
  expect({ code, stderr }).toMatchObject({ code: 2 });
  const { diagnostics } = JSON.parse(stdout) as { readonly diagnostics: readonly Diagnostic[] };
  const { title: _title, files: _files, line, message = /./, hint = /./, ...exact } = bad;
  expect(diagnostics).toContainEqual(
    expect.objectContaining({
      ...exact,
      ...(line === undefined ? {} : { source: expect.objectContaining({ line }) as object }),
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(hint) as string,
    }),
  );
  expect(await declared()).toEqual(before);
});

test("people are shown the line, the reason and the remedy", async () => {
  const folder = write("shown to people", { "tutti.yaml": service("  command: sleep 1\n  replica: 2") });
  const { code, stderr, stdout } = await home.tutti(["up", folder]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/error UnknownField service\/api spec\.replica/);
  expect(stderr).toMatch(/tutti\.yaml:5:3/);
  expect(stderr).toMatch(/5 \|\s+replica: 2/);
  expect(stderr).toMatch(/→ .*replicas/);
});

test("a folder that does not exist, and one that cannot be read, are refused", async () => {
  const loop = join(home.folder("unreadable"), "loop");
  symlinkSync(loop, loop);
  for (const [path, code] of [
    ["/no/such/folder", "NoSuchFile"],
    [loop, "Unreadable"],
  ] as const) {
    const outcome = await home.tutti(["up", path, "-o", "json"]);
    expect(outcome).toMatchObject({ code: 2 });
    expect(JSON.parse(outcome.stdout)).toMatchObject({
      diagnostics: [
        { code, message: expect.stringContaining(path) as string, hint: expect.any(String) as string },
      ],
    });
  }
});
