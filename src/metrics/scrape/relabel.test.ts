/** The cases are those of Prometheus' documentation of relabel_config and of its own tests of the actions. */
import { expect, it } from "vitest";
import { type RelabelConfig, relabel, relabelRules } from "./relabel.ts";

/** Undefined when dropped. */
function apply(
  labels: Record<string, string>,
  ...configs: RelabelConfig[]
): Record<string, string> | undefined {
  const map = new Map(Object.entries(labels));
  return relabel(map, relabelRules(configs)) ? Object.fromEntries(map) : undefined;
}

it("replace sets a label from others, where the whole value fits", () => {
  const labels = { a: "foo", b: "bar" };
  expect(
    apply(labels, {
      source_labels: ["a", "b"],
      regex: "f(.*);(.*)r",
      target_label: "d",
      replacement: "ch${1}-$2",
    }),
  ).toEqual({ ...labels, d: "choo-ba" });
  expect(apply(labels, { source_labels: ["a"], regex: "f", target_label: "b", replacement: "x" })).toEqual(
    labels,
  );
  expect(apply(labels, { source_labels: ["a", "b"], separator: "/", target_label: "c" })).toEqual({
    ...labels,
    c: "foo/bar",
  });
});

it("replace by nothing takes the label away; an empty source fits the empty expression", () => {
  expect(
    apply({ a: "foo" }, { source_labels: ["a"], regex: "foo", target_label: "a", replacement: "" }),
  ).toEqual({});
  expect(apply({}, { source_labels: ["a"], regex: "", target_label: "b", replacement: "none" })).toEqual({
    b: "none",
  });
});

it("replace takes the name of the target from groups, by number and name, and skips what is no name", () => {
  const rule = {
    source_labels: ["a"],
    regex: "some-(?P<key>[^-]+)-(.+)",
    target_label: "${key}_x",
    replacement: "$2$$",
  };
  expect(apply({ a: "some-name-value" }, rule)).toEqual({ a: "some-name-value", name_x: "value$" });
  expect(apply({ a: "some-0-value" }, { ...rule, target_label: "$key" })).toEqual({ a: "some-0-value" });
});

it("keep and drop look at the whole value", () => {
  expect(apply({ a: "foo" }, { source_labels: ["a"], regex: "fo", action: "keep" })).toBeUndefined();
  expect(apply({ a: "foo" }, { source_labels: ["a"], regex: "fo+", action: "keep" })).toEqual({ a: "foo" });
  expect(apply({ a: "foo" }, { source_labels: ["a"], regex: "fo", action: "drop" })).toEqual({ a: "foo" });
  expect(apply({ a: "foo" }, { source_labels: ["a"], regex: "f.*", action: "drop" })).toBeUndefined();
});

it("keepequal and dropequal compare with a label", () => {
  const rule = { source_labels: ["__port_in"], target_label: "__port" } as const;
  expect(apply({ __port_in: "80", __port: "80" }, { ...rule, action: "keepequal" })).toBeDefined();
  expect(apply({ __port_in: "80", __port: "81" }, { ...rule, action: "keepequal" })).toBeUndefined();
  expect(apply({ __port_in: "80", __port: "80" }, { ...rule, action: "dropequal" })).toBeUndefined();
  expect(apply({ __port_in: "80", __port: "81" }, { ...rule, action: "dropequal" })).toBeDefined();
});

it("hashmod is that of Prometheus", () => {
  const rule = { source_labels: ["c"], target_label: "d", action: "hashmod", modulus: 1000 } as const;
  expect(apply({ a: "foo", b: "bar", c: "baz" }, rule)?.["d"]).toBe("976");
  expect(apply({ a: "foo\nbar" }, { ...rule, source_labels: ["a"] })?.["d"]).toBe("734");
});

it("labelmap copies labels to other names, labeldrop and labelkeep choose by name", () => {
  expect(
    apply({ __meta_a: "1", __meta_b: "2", c: "3" }, { regex: "__meta_(.+)", action: "labelmap" }),
  ).toEqual({ __meta_a: "1", __meta_b: "2", c: "3", a: "1", b: "2" });
  expect(apply({ ab: "1", b: "2" }, { regex: "a.*", action: "labeldrop" })).toEqual({ b: "2" });
  expect(apply({ ab: "1", b: "2" }, { regex: "a.*", action: "labelkeep" })).toEqual({ ab: "1" });
});

it("lowercase and uppercase change the case", () => {
  const rule = { source_labels: ["a"], target_label: "b" } as const;
  expect(apply({ a: "fOo" }, { ...rule, action: "lowercase" })?.["b"]).toBe("foo");
  expect(apply({ a: "fOo" }, { ...rule, action: "uppercase" })?.["b"]).toBe("FOO");
});

it("rules see what the ones before them did, and none comes after a drop", () => {
  expect(
    apply(
      { a: "foo" },
      { source_labels: ["a"], target_label: "b" },
      { source_labels: ["b"], regex: "foo", target_label: "c", replacement: "x" },
    ),
  ).toEqual({ a: "foo", b: "foo", c: "x" });
});

it("a rule that is none is refused with its place", () => {
  expect(() => relabelRules([{ target_label: "a" }, { regex: "(", action: "drop" }])).toThrow(
    /BadRelabelRule: relabel_configs\[1\]\.regex: The expression is none/,
  );
  expect(() => relabelRules([{ action: "replace" }])).toThrow(
    /relabel_configs\[0\]\.target_label: Action 'replace' needs/,
  );
  expect(() => relabelRules([{ action: "hashmod", target_label: "a" }])).toThrow(/modulus/);
  expect(() => relabelRules([{ action: "explode" as "drop" }], "metric_relabel_configs")).toThrow(
    /metric_relabel_configs\[0\]\.action: There is no action 'explode'/,
  );
});
