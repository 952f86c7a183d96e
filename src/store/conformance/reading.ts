import { describe, expect, test } from "vitest";
import { KEPT_GENERATIONS } from "../compaction.ts";
import type { Change, Committed } from "../store.ts";
import { type Open, Using, draft, isFrozen, key, names, refused } from "./fixture.ts";

/** Get, list, watch, the past, and what compaction leaves of it. */
export function readingConformance(open: Open): void {
  describe("reading", () => {
    const using = new Using(open);

    describe("lists", () => {
      test("lists in the order of namespace and name, whatever the order of creation", async () => {
        for (const [namespace, resource] of [
          ["b", "x"],
          ["a-b", "x"],
          ["a", "z"],
          ["a", "b"],
          ["a", "a"],
        ] as const) {
          await using.create(resource, { namespace });
          expect(names(using.store.list({ kind: "Service" }))).toEqual(
            names(using.store.list({ kind: "Service" })).toSorted(inOrder),
          );
        }
        await using.commit({ type: "delete", key: { kind: "Service", namespace: "a", name: "b" } });
        expect(names(using.store.list({ kind: "Service" }))).toEqual(["a/a", "a/z", "a-b/x", "b/x"]);
        expect(names(using.store.list({ kind: "Service", namespace: "a" }))).toEqual(["a/a", "a/z"]);
        expect(names(using.store.list({ kind: "Volume" }))).toEqual([]);
      });

      test("lists by labels, all of which must match, also after they changed", async () => {
        await using.create("api", { labels: { app: "shop", tier: "back" } });
        await using.create("web", { labels: { app: "shop", tier: "front" } });
        await using.create("blog", { labels: { app: "blog", tier: "front" } });
        const having = (labels: Record<string, string>): string[] =>
          names(using.store.list({ kind: "Service", labels }));
        expect(having({ app: "shop" })).toEqual(["shop/api", "shop/web"]);
        expect(having({ app: "shop", tier: "front" })).toEqual(["shop/web"]);
        await using.update("web", { labels: { app: "blog" } });
        expect(having({ app: "shop" })).toEqual(["shop/api"]);
        expect(having({ app: "blog" })).toEqual(["shop/blog", "shop/web"]);
        await using.commit({ type: "delete", key: key("api") });
        expect(having({ app: "shop" })).toEqual([]);
      });

      test("gives frozen content, through and through (S5)", async () => {
        await using.create("api", { labels: { a: "b" } }, { deep: [{ er: 1 }] });
        await using.commit({ type: "status", key: key("api"), status: { deep: { er: [] } } });
        expect(isFrozen(using.store.get(key("api")))).toBe(true);
        expect(isFrozen(using.store.list({ kind: "Service" }).items)).toBe(true);
      });
    });

    describe("watching", () => {
      test("tells what was and what comes, a commit at a time (S4)", async () => {
        await using.commit(
          { type: "create", resource: draft("a") },
          { type: "create", resource: draft("b") },
        );
        const calls: string[][] = [];
        const stop = using.store.watch(0, (changes) =>
          calls.push(changes.map(({ type, key: { name: of } }) => `${type} ${of}`)),
        );
        await using.update("a", {}, { size: 2 });
        await using.commit({ type: "delete", key: key("b") }, { type: "create", resource: draft("c") });
        stop();
        await using.create("d");
        expect(calls).toEqual([["ADDED a", "ADDED b"], ["MODIFIED a"], ["DELETED b", "ADDED c"]]);
      });

      test("goes on in the middle of a commit", async () => {
        await using.commit(
          { type: "create", resource: draft("a") },
          { type: "create", resource: draft("b") },
        );
        const seen: number[] = [];
        using.store.watch(1, (changes) => seen.push(...changes.map(({ revision }) => revision)));
        expect(seen).toEqual([2]);
      });

      test("tells before and after, cause and time", async () => {
        await using.create("api");
        const because = { key: key("api"), revision: 1 };
        const seen: Change[] = [];
        using.store.watch(1, (changes) => seen.push(...changes));
        const before = using.store.get(key("api"));
        await using.store.commit([{ type: "delete", key: key("api") }], {
          actor: "controller:x",
          action: "prune",
          because,
        });
        expect(seen).toMatchObject([{ type: "DELETED", revision: 2, previous: before, cause: { because } }]);
        expect(seen[0]?.resource.metadata).toEqual({ ...before?.metadata, resourceVersion: "2" });
      });

      test("finds the commit visible, and may watch and commit from within", async () => {
        const late: number[] = [];
        let following: Promise<Committed> | undefined;
        let isVisible = false;
        using.store.watch(0, ([change]) => {
          if (change?.revision !== 1) return;
          isVisible = using.store.get(change.key) === change.resource;
          using.store.watch(0, (changes) => late.push(...changes.map(({ revision }) => revision)));
          following = using.create("web");
        });
        await using.create("api");
        await following;
        expect({ isVisible, late }).toEqual({ isVisible: true, late: [1, 2] });
      });
    });

    describe("the past", () => {
      test("can be read as of a revision and stays as it was", async () => {
        await using.create("api");
        await using.create("web");
        const past = await using.store.at({ revision: 1 });
        await using.update("api", {}, { size: 2 });
        await using.commit({ type: "delete", key: key("web") });
        await using.create("late");
        expect(past.revision).toBe(1);
        expect(names(past.list({ kind: "Service" }))).toEqual(["shop/api"]);
        expect(past.get(key("api"))?.spec).toEqual({ size: 1 });
        const before = await using.store.at({ revision: 3 });
        expect(names(before.list({ kind: "Service" }))).toEqual(["shop/api", "shop/web"]);
        expect((await using.store.at({ revision: 0 })).list({ kind: "Service" }).items).toEqual([]);
      });

      test("can be read as of a time", async () => {
        await using.create("api");
        const [first] = await using.store.history(key("api"));
        await using.subject.advance(10_000);
        await using.update("api", {}, { size: 2 });
        const time = (first?.time ?? 0) + 9_999;
        expect((await using.store.at({ time })).get(key("api"))?.spec).toEqual({ size: 1 });
        expect((await using.store.at({ time: time + 1 })).get(key("api"))?.spec).toEqual({ size: 2 });
        expect((await using.store.at({ time: (first?.time ?? 0) - 1 })).get(key("api"))).toBeUndefined();
      });

      test("of one resource is told newest first, over its lives", async () => {
        await using.create("api");
        await using.create("web");
        await using.commit({ type: "status", key: key("api"), status: { n: 1 } });
        await using.commit({ type: "delete", key: key("api") });
        await using.create("api");
        const history = await using.store.history(key("api"));
        expect(history.map(({ type, revision }) => `${revision} ${type}`)).toEqual([
          "5 ADDED",
          "4 DELETED",
          "3 MODIFIED",
          "1 ADDED",
        ]);
        expect(history[1]?.previous).toEqual(history[2]?.resource);
        expect(await using.store.history(key("api"), 2)).toEqual(history.slice(0, 2));
        expect(await using.store.change(3)).toEqual(history[2]);
        expect(await using.store.change(99)).toBeUndefined();
      });
    });

    describe("compaction", () => {
      const generations = async (count: number): Promise<void> => {
        for (let n = 2; n <= count; n += 1) await using.update("api", {}, { size: n });
      };

      test("forgets superseded content of a certain age, and then a moment before is Expired", async () => {
        await using.create("api");
        for (let n = 0; n < 5; n += 1) await using.commit({ type: "status", key: key("api"), status: { n } });
        await using.subject.advance(60_000);
        await using.commit({ type: "status", key: key("api"), status: { n: 9 } });
        const { removed } = await using.store.compact({ maxAge: 30_000, maxBytes: Infinity });
        expect(removed).toBe(5);
        expect((await using.store.history(key("api"))).map(({ revision }) => revision)).toEqual([7, 6]);
        await expect(using.store.at({ revision: 5 })).rejects.toEqual(refused("Expired"));
        expect((await using.store.at({ revision: 6 })).get(key("api"))?.status).toEqual({ n: 4 });
      });

      test("forgets the oldest superseded content beyond a size", async () => {
        await using.create("api");
        const text = "x".repeat(50_000);
        for (let n = 0; n < 40; n += 1)
          await using.commit({ type: "status", key: key("api"), status: { n, text } });
        await using.store.compact({ maxAge: Infinity, maxBytes: 1_000_000 });
        const kept = await using.store.history(key("api"));
        expect(kept.length).toBeGreaterThan(15);
        expect(kept.length).toBeLessThan(25);
        expect(kept[0]?.revision).toBe(41);
      });

      test("keeps the last ten generations of what lives, for rollbacks", async () => {
        await using.create("api");
        await generations(15);
        await using.subject.advance(60_000);
        await using.store.compact({ maxAge: 1000, maxBytes: 0 });
        const kept = (await using.store.history(key("api"))).map(
          ({ resource }) => resource.metadata.generation,
        );
        expect(kept).toEqual(Array.from({ length: KEPT_GENERATIONS }, (_, n) => 15 - n));
      });

      test("forgets what was removed, wholly, and never gives a revision twice", async () => {
        await using.create("api");
        await generations(3);
        await using.commit({ type: "delete", key: key("api") });
        await using.subject.advance(60_000);
        await using.store.compact({ maxAge: 1000, maxBytes: 0 });
        expect(await using.store.history(key("api"))).toEqual([]);
        expect((await using.create("web")).revision).toBe(5);
      });
    });
  });
}

function inOrder(a: string, b: string): number {
  return a.replace("/", "\0") < b.replace("/", "\0") ? -1 : 1;
}
