/** What a System was, however its Revisions hold it. */
import { describe, expect, it } from "vitest";
import { type Draft, LABELS, type Resource, addressOf } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";
import { contentRecord, revisionsOf } from "./revisions.ts";

const place = { system: "shop", namespace: "default" };

function draft(index: number, value = 0): Draft {
  const metadata = { name: `n${String(index).padStart(4, "0")}`, namespace: "default" };
  return { apiVersion: "tutti.dev/v1", kind: "Resource", metadata, spec: { config: { value } } };
}

const many = (count: number, value?: (index: number) => number): readonly Draft[] =>
  Array.from({ length: count }, (_, index) => draft(index, value?.(index)));

/** The Revisions that come of these contents, one after the other. */
function recorded(contents: readonly (readonly Draft[])[]): Snapshot {
  const items: Resource[] = [];
  const live: Snapshot = { revision: 0, get: () => undefined, list: () => ({ items, revision: 0 }) };
  for (const [index, resources] of contents.entries()) {
    const number = index + 1;
    const spec = { system: "shop", number, change: `shop-${number}`, summary: "" };
    items.push({
      apiVersion: "tutti.dev/v1",
      kind: "Revision",
      metadata: {
        name: `shop-${number}`,
        namespace: "default",
        labels: { [LABELS.system]: "shop" },
        uid: String(number),
        resourceVersion: "1",
        generation: 1,
        creationTimestamp: "",
      },
      spec: { ...spec, ...contentRecord(resources, live, place) },
    });
  }
  return live;
}

const read = (live: Snapshot): readonly (readonly Draft[])[] =>
  revisionsOf(live, "shop", "default").map(({ resources }) => resources);

describe("revisions", () => {
  it("give back every content, in its order, newest first", () => {
    const contents = [
      many(500),
      many(500, (index) => (index === 7 ? 1 : 0)),
      many(501, (index) => (index % 100 === 0 ? 2 : 0)),
      many(500).filter(({ metadata }) => metadata.name !== "n0003"),
      many(500),
    ];
    expect(read(recorded(contents))).toEqual(contents.toReversed());
  });

  it("hold little of much as what is different from the last that holds everything", () => {
    const live = recorded([many(500), many(500, (index) => (index === 7 ? 1 : 0)), many(500, () => 1)]);
    const specs = live.list({ kind: "Revision" }).items.map(({ spec }) => Object.keys(spec as object));
    expect(specs[1]).not.toContain("resources");
    expect(specs[2]).toContain("resources");
    const second = live.list({ kind: "Revision" }).items[1]?.spec as { readonly changed?: readonly Draft[] };
    expect(second.changed?.map(addressOf)).toEqual(["resource/n0007"]);
  });

  it("of small systems hold everything each time", () => {
    const live = recorded([many(5), many(5, (index) => (index === 1 ? 1 : 0))]);
    const specs = live.list({ kind: "Revision" }).items.map(({ spec }) => Object.keys(spec as object));
    expect(specs.every((names) => names.includes("resources"))).toBe(true);
  });
});
