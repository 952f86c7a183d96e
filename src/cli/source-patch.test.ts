/** A declaration in YAML takes over what is found, and nothing else of it changes. */
import { expect, it } from "vitest";
import { patchedYaml, unifiedDiff } from "./source-patch.ts";

const FILE = `# The shop.
kind: Volume
metadata: { name: uploads }
spec:
  size: 1Gi # enough for a year
---
kind: Database
metadata:
  name: orders
spec:
  # Those who may look.
  users:
    - name: app
      access: read
    - name: report   # monthly
      access: read
  settings: { work_mem: "4MB" }
`;

const VOLUME = { kind: "Volume", name: "uploads" };
const DATABASE = { kind: "Database", name: "orders" };

it("a value is replaced where it stands, comments stay", () => {
  expect(patchedYaml(FILE, VOLUME, [{ path: "spec.size", value: "2Gi" }])).toBe(FILE.replace("1Gi", "2Gi"));
});

it("a value in an item is found by the item's name, and stays quoted", () => {
  const patched = patchedYaml(FILE, DATABASE, [
    { path: "spec.users[report].access", value: "write" },
    { path: "spec.settings.work_mem", value: "64MB" },
  ]);
  expect(patched).toBe(
    FILE.replace("monthly\n      access: read", "monthly\n      access: write").replace("4MB", "64MB"),
  );
});

it("what was not declared is added behind what is there, in the way it is written", () => {
  const patch = (path: string, value: unknown, of = DATABASE): string | undefined =>
    patchedYaml(FILE, of, [{ path, value }]);
  expect(patch("spec.settings.max_connections", 50)).toBe(
    FILE.replace('"4MB" }', '"4MB", max_connections: 50 }'),
  );
  expect(patch("spec.version", "15")).toBe(`${FILE}  version: "15"\n`);
  expect(patch("spec.lifecycle.drift.answer", "report", VOLUME)).toBe(
    FILE.replace("a year\n", "a year\n  lifecycle: {drift: {answer: report}}\n"),
  );
  expect(patch("spec.users[eve]", { name: "eve", access: "read" })).toBe(
    FILE.replace("  settings:", "    - {name: eve, access: read}\n  settings:"),
  );
});

it("what is gone is taken out, with its lines", () => {
  const patch = (path: string): string | undefined =>
    patchedYaml(FILE, DATABASE, [{ path, value: undefined }]);
  expect(patch("spec.users[app]")).toBe(FILE.replace("    - name: app\n      access: read\n", ""));
  expect(patch("spec.users[report]")).toBe(
    FILE.replace("    - name: report   # monthly\n      access: read\n", ""),
  );
  expect(patch("spec.settings.work_mem")).toBe(FILE.replace('{ work_mem: "4MB" }', "{}"));
  expect(patch("spec.settings")).toBe(FILE.replace('  settings: { work_mem: "4MB" }\n', ""));
});

it("a list is replaced in the way it is written", () => {
  const file = "kind: DNSRecord\nmetadata: { name: www }\nspec:\n  values: [127.0.0.7] # the balancer\n";
  const record = { kind: "DNSRecord", name: "www" };
  const edit = { path: "spec.values", value: ["127.0.0.9", "127.0.0.10"] };
  expect(patchedYaml(file, record, [edit])).toBe(file.replace("[127.0.0.7]", "[127.0.0.9, 127.0.0.10]"));
  const block = file.replace(" [127.0.0.7] # the balancer", "\n    - 127.0.0.7\n  ttl: 5");
  expect(patchedYaml(block, record, [edit])).toBe(block.replace("127.0.0.7", "127.0.0.9\n    - 127.0.0.10"));
});

it("a file that does not declare it says so", () => {
  expect(
    patchedYaml(FILE, { kind: "Volume", name: "other" }, [{ path: "spec.size", value: 1 }]),
  ).toBeUndefined();
});

it("the difference is shown as diff -u does", () => {
  const patched = patchedYaml(FILE, VOLUME, [{ path: "spec.size", value: "2Gi" }]) ?? "";
  expect(unifiedDiff("tutti.yaml", FILE, patched)).toBe(`--- tutti.yaml
+++ tutti.yaml
@@ -2,7 +2,7 @@
 kind: Volume
 metadata: { name: uploads }
 spec:
-  size: 1Gi # enough for a year
+  size: 2Gi # enough for a year
 ---
 kind: Database
 metadata:
`);
  expect(unifiedDiff("tutti.yaml", FILE, FILE)).toBe("");
});

it("changes far apart are hunks of their own", () => {
  const lines = Array.from({ length: 40 }, (_, index) => `line ${index}`);
  const after = lines.with(3, "three").with(30, "thirty").toSpliced(35, 1);
  const text = unifiedDiff("f", `${lines.join("\n")}\n`, `${after.join("\n")}\n`);
  expect(text.match(/^@@.*@@$/gm)).toEqual(["@@ -1,7 +1,7 @@", "@@ -28,12 +28,11 @@"]);
});
