import { expect, test } from "vitest";
import type { Draft } from "../model/resource.ts";
import { createWorld } from "./fixtures/world.ts";
import { lastPins } from "./pinned.ts";

const EXACT = `sha256:${"a".repeat(64)}`;
const shards = {
  kind: "ResourceSet",
  metadata: { name: "shards" },
  spec: { forEach: 2, template: { kind: "Service", spec: { image: "shop/api:1" } } },
};
const pins = new Map([["resourceSet/shards", EXACT]]);
const digests = (drafts: readonly Draft[]): object =>
  Object.fromEntries(
    drafts
      .filter(({ kind }) => kind === "Service")
      .map(({ metadata, spec }) => [metadata.name, (spec as { readonly digest?: string }).digest]),
  );

test("members of a set run the exact image that its template means, those that come later too", async () => {
  const world = createWorld();
  const first = await world.apply([shards], { pins });
  expect(digests(first.resources)).toEqual({ "shards-0": EXACT, "shards-1": EXACT });
  const more = { ...shards, spec: { ...shards.spec, forEach: 3 } };
  const kept = lastPins(world.plan([more]).resources, world.store);
  expect(kept).toEqual(pins);
  const next = world.plan([more], { pins: kept });
  expect(next.summary).toMatchObject({ create: 1, update: 1 });
  expect(digests(next.resources)).toMatchObject({ "shards-2": EXACT });
});

test("what is declared exactly stays as it is declared", () => {
  const exact = `sha256:${"b".repeat(64)}`;
  const { template } = shards.spec;
  const said = { ...template, spec: { ...template.spec, digest: exact } };
  const plan = createWorld().plan([{ ...shards, spec: { forEach: 1, template: said } }], { pins });
  expect(digests(plan.resources)).toEqual({ "shards-0": exact });
});
