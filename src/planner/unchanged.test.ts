/** A plan compares only what has changed, and misses nothing that has. */
import { describe, expect, it } from "vitest";
import { type Draft, type Resource, deepFreeze } from "../model/resource.ts";
import { isKnownSame, noteSame } from "./unchanged.ts";

function draft(config: object, kind = "Resource"): Draft {
  return deepFreeze({
    apiVersion: "tutti.dev/v1",
    kind,
    metadata: { name: "a", namespace: "default" },
    spec: { class: "data", config },
  });
}

function liveOf({ apiVersion, kind, metadata, spec }: Draft): Resource {
  return deepFreeze({
    apiVersion,
    kind,
    metadata: {
      ...metadata,
      uid: "1",
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: "",
      labels: { team: "a" },
    },
    spec,
  });
}

describe("what came out the same", () => {
  it("is known again until what people wrote, or what the last revision declared, is another", () => {
    const declared = draft({ x: 1 });
    const live = liveOf(declared);
    expect(isKnownSame(declared, live, declared)).toBe(false);
    noteSame(declared, live, declared);
    expect(isKnownSame(declared, live, declared)).toBe(true);
    expect(isKnownSame(declared, { ...live, status: {} }, declared)).toBe(true);
    expect(isKnownSame(declared, { ...live, spec: { class: "data", config: { x: 1 } } }, declared)).toBe(
      false,
    );
    const { metadata } = live;
    expect(isKnownSame(declared, { ...live, metadata: { ...metadata, labels: {} } }, declared)).toBe(false);
    expect(isKnownSame(declared, { ...live, metadata: { ...metadata, finalizers: ["f"] } }, declared)).toBe(
      false,
    );
    expect(isKnownSame(declared, live, undefined)).toBe(false);
    expect(isKnownSame(draft({ x: 1 }), live, declared)).toBe(false);
  });

  it("is remembered when its expressions read statuses, not when they read specs, parameters or other systems", () => {
    const remembers = (text: string): boolean => {
      const declared = draft({ x: text });
      const live = liveOf(declared);
      noteSame(declared, live, undefined);
      return isKnownSame(declared, live, undefined);
    };
    expect(remembers("${resource.b.status.output.x}")).toBe(true);
    expect(remembers("${resource.b.spec.config.x}")).toBe(false);
    expect(remembers("${param.x}")).toBe(false);
    expect(remembers("${configMap.b.x}")).toBe(false);
    expect(remembers("${system.other.status.outputs.x}")).toBe(false);
  });

  it("is not remembered of what somebody could still change, nor of what has another name", () => {
    const open: Draft = { ...draft({}), spec: { class: "data" } };
    noteSame(open, liveOf(open), undefined);
    expect(isKnownSame(open, liveOf(open), undefined)).toBe(false);
    const declared = draft({});
    const live = liveOf(declared);
    const renamed = { ...live, metadata: { ...live.metadata, name: "b" } };
    noteSame(declared, renamed, undefined);
    expect(isKnownSame(declared, renamed, undefined)).toBe(false);
  });
});
