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

it("what was not declared is added, what is gone is taken out, the rest is the same", () => {
  const added = patchedYaml(FILE, DATABASE, [{ path: "spec.settings.max_connections", value: 50 }]);
  expect(added).toContain("max_connections: 50");
  expect(added).toContain("# Those who may look.");
  expect(added).toContain("size: 1Gi # enough for a year");
  const taken = patchedYaml(FILE, DATABASE, [{ path: "spec.users[app]", value: undefined }]);
  expect(taken).not.toContain("name: app");
  expect(taken).toContain("name: report # monthly");
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
