import { describe, expect, test } from "vitest";
import type { Change, Draft, Operation } from "../store.ts";
import { type Open, Using, cause, draft, isFrozen, key, names, refused } from "./fixture.ts";

/** Commits: what becomes of a resource, what is refused, what survives. */
export function writingConformance(open: Open): void {
  describe("writing", () => {
    const using = new Using(open);

    describe("a resource's life", () => {
      test("begins with uid, version, generation 1 and whole seconds", async () => {
        const { resources, revision } = await using.create("api", { labels: { app: "api" } });
        expect(revision).toBe(1);
        expect(resources).toEqual([using.store.get(key("api"))]);
        expect(resources[0]?.metadata).toMatchObject({
          resourceVersion: "1",
          generation: 1,
          labels: { app: "api" },
        });
        expect(resources[0]?.metadata.uid).not.toBe("");
        expect(resources[0]?.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      });

      test("may begin with a status", async () => {
        await using.commit({ type: "create", resource: { ...draft("api"), status: { ready: true } } });
        expect(using.store.get(key("api"))?.status).toEqual({ ready: true });
      });

      test("goes on under another name, with the uid it had, when one commit says so", async () => {
        await using.create("api");
        const { uid = "" } = using.store.get(key("api"))?.metadata ?? {};
        await using.commit(
          { type: "delete", key: key("api"), uid },
          { type: "create", resource: draft("web"), uid },
        );
        expect(using.store.get(key("api"))).toBeUndefined();
        expect(using.store.get(key("web"))?.metadata).toMatchObject({ uid, generation: 1 });
      });

      test("counts a generation for what people write, not for metadata or status", async () => {
        await using.create("api");
        await using.update("api", { labels: { tier: "web" } });
        await using.commit({ type: "status", key: key("api"), status: { ready: true } });
        expect(using.store.get(key("api"))?.metadata.generation).toBe(1);
        await using.update("api", { labels: { tier: "web" } }, { size: 2 });
        expect(using.store.get(key("api"))?.metadata).toMatchObject({ generation: 2, resourceVersion: "4" });
      });

      test("counts a body without spec as what people write", async () => {
        const configuration = (value: string): Draft => {
          const body = { data: { value } };
          return {
            apiVersion: "v1",
            kind: "ConfigMap",
            metadata: { name: "settings", namespace: "shop" },
            ...body,
          };
        };
        await using.commit({ type: "create", resource: configuration("a") });
        await using.commit({ type: "update", resource: configuration("b") });
        const found = using.store.get({ kind: "ConfigMap", namespace: "shop", name: "settings" });
        expect(found).toMatchObject({ data: { value: "b" }, metadata: { generation: 2 } });
      });

      test("keeps status, uid and creation through an update, and all but the status through a status (S6)", async () => {
        const { resources } = await using.create("api");
        await using.commit({ type: "status", key: key("api"), status: { ready: true } });
        const before = using.store.get(key("api"));
        await using.commit({
          type: "update",
          resource: { ...draft("api", {}, { size: 2 }), status: { ready: false } } as Draft,
        });
        const after = using.store.get(key("api"));
        expect(after?.status).toEqual({ ready: true });
        expect(after?.metadata.uid).toBe(resources[0]?.metadata.uid);
        expect(after?.metadata.creationTimestamp).toBe(before?.metadata.creationTimestamp);
        expect(before?.spec).toEqual({ size: 1 });
      });

      test("ends at once without finalizers", async () => {
        await using.create("api");
        const { resources } = await using.commit({ type: "delete", key: key("api") });
        expect(resources).toEqual([undefined]);
        expect(using.store.get(key("api"))).toBeUndefined();
        expect(names(using.store.list({ kind: "Service" }))).toEqual([]);
      });

      test("waits, once deleted, for its last finalizer (S7)", async () => {
        await using.create("api", { finalizers: ["a", "b"] });
        await using.commit({ type: "delete", key: key("api") });
        const deleting = using.store.get(key("api"));
        expect(deleting?.metadata.deletionTimestamp).toMatch(/Z$/);
        await using.commit({ type: "delete", key: key("api") });
        expect(using.store.get(key("api"))).toBe(deleting);
        await using.update("api", { finalizers: ["b"] });
        expect(using.store.get(key("api"))?.metadata.deletionTimestamp).toBe(
          deleting?.metadata.deletionTimestamp,
        );
        const { resources } = await using.update("api", {});
        expect(resources).toEqual([undefined]);
        expect(using.store.get(key("api"))).toBeUndefined();
      });

      test("is another one after its end", async () => {
        const first = await using.create("api");
        await using.commit({ type: "delete", key: key("api") });
        const second = await using.create("api");
        expect(second.resources[0]?.metadata.uid).not.toBe(first.resources[0]?.metadata.uid);
      });
    });

    describe("a commit", () => {
      test("that changes nothing takes no revision and wakes no watcher (S3)", async () => {
        await using.commit({
          type: "create",
          resource: { ...draft("api", { labels: { a: "b" } }), status: { n: [1] } },
        });
        const seen: Change[] = [];
        using.store.watch(using.store.revision, (changes) => seen.push(...changes));
        await using.update("api", { labels: { a: "b" }, annotations: {}, finalizers: [] });
        await using.commit({ type: "status", key: key("api"), status: { n: [1] } });
        const { revision } = await using.commit();
        expect(revision).toBe(1);
        expect(seen).toEqual([]);
      });

      test("sees its own earlier operations, each with a revision of its own (S3)", async () => {
        const { resources, revision } = await using.commit(
          { type: "create", resource: draft("api") },
          { type: "status", key: key("api"), status: { ready: true } },
          { type: "create", resource: draft("web") },
          { type: "delete", key: key("web") },
        );
        expect(revision).toBe(4);
        expect(resources.map((resource) => resource?.metadata.resourceVersion)).toEqual([
          "1",
          "2",
          "3",
          undefined,
        ]);
      });

      test("applies whole or not at all (S1)", async () => {
        await using.create("web");
        const attempt = using.commit(
          { type: "create", resource: draft("api") },
          { type: "delete", key: key("web") },
          { type: "delete", key: key("missing") },
        );
        await expect(attempt).rejects.toEqual(refused("NotFound"));
        expect(names(using.store.list({ kind: "Service" }))).toEqual(["shop/web"]);
        expect((await using.create("api")).revision).toBe(2);
      });

      test("may be made before the last has settled", async () => {
        const results = await Promise.all([
          using.create("api"),
          using.commit({ type: "status", key: key("api"), status: { n: 1 }, expectedVersion: "1" }),
          using.commit({ type: "delete", key: key("api"), expectedVersion: "2" }),
        ]);
        expect(results.map(({ revision }) => revision)).toEqual([1, 2, 3]);
      });

      test("is invisible until it is acknowledged, and visible then (S2)", async () => {
        const pending = using.create("api");
        expect(using.store.get(key("api"))).toBeUndefined();
        await pending;
        expect(using.store.get(key("api"))).toBeDefined();
      });

      test("of content that is not JSON is refused alone or taken, never half", async () => {
        const round: Record<string, unknown> = {};
        round["self"] = round;
        const outcomes = await Promise.allSettled([
          using.create("api"),
          using.create("round", {}, round),
          using.create("web"),
        ]);
        expect([outcomes[0].status, outcomes[2].status]).toEqual(["fulfilled", "fulfilled"]);
        expect(using.store.get(key("round")) !== undefined).toBe(outcomes[1].status === "fulfilled");
      });
    });

    describe("refuses", () => {
      test("AlreadyExists: to create what is there", async () => {
        await using.create("api");
        await expect(using.create("api")).rejects.toEqual(refused("AlreadyExists"));
      });

      test("NotFound: to change what is not there", async () => {
        await expect(using.update("api")).rejects.toEqual(refused("NotFound"));
        await expect(using.commit({ type: "status", key: key("api"), status: {} })).rejects.toEqual(
          refused("NotFound"),
        );
        await expect(using.commit({ type: "delete", key: key("api") })).rejects.toEqual(refused("NotFound"));
      });

      test("Conflict: what was made from another version or meant another uid", async () => {
        await using.create("api");
        const target = key("api");
        const attempts: Operation[] = [
          { type: "update", resource: draft("api"), expectedVersion: "7" },
          { type: "status", key: target, status: {}, expectedVersion: "7" },
          { type: "delete", key: target, expectedVersion: "7" },
          { type: "delete", key: target, uid: "another" },
        ];
        for (const attempt of attempts)
          await expect(using.commit(attempt)).rejects.toEqual(refused("Conflict"));
        const uid = using.store.get(target)?.metadata.uid ?? "";
        await using.commit({ type: "delete", key: target, expectedVersion: "1", uid });
      });

      test("Conflict: all but one of those who race from the same version", async () => {
        await using.create("api");
        const racers = Array.from({ length: 20 }, (_, n): Operation => {
          return { type: "update", resource: draft("api", {}, { size: n + 2 }), expectedVersion: "1" };
        });
        const outcomes = await Promise.allSettled(racers.map((racer) => using.commit(racer)));
        expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      });

      test("NotFound: a moment that has not been yet", async () => {
        await expect(using.store.at({ revision: 1 })).rejects.toEqual(refused("NotFound"));
      });

      test("Expired: to watch from a revision that never was", () => {
        expect(() => using.store.watch(9, () => undefined)).toThrow(refused("Expired"));
      });

      test("Closed: everything that needs the log, once closed", async () => {
        const last = using.create("api");
        await Promise.all([using.store.close(), using.store.close()]);
        expect((await last).revision).toBe(1);
        await expect(using.create("web")).rejects.toEqual(refused("Closed"));
        await expect(using.store.at({ revision: 1 })).rejects.toEqual(refused("Closed"));
        await expect(using.store.history(key("api"))).rejects.toEqual(refused("Closed"));
        expect(() => using.store.watch(1, () => undefined)).toThrow(refused("Closed"));
      });
    });

    test("is itself again after it was opened again", async ({ skip }) => {
      if (using.subject.reopen === undefined) return skip("this store forgets when it is closed");
      await using.create("api", { labels: { a: "b" }, finalizers: ["x"] });
      await using.commit({ type: "status", key: key("api"), status: { text: 'é "\u2028\u0000 😀' } });
      await using.create("web");
      await using.commit({ type: "delete", key: key("web") });
      const [before, history] = [
        using.store.list({ kind: "Service" }),
        await using.store.history(key("web")),
      ];
      await using.store.close();
      const again = await using.subject.reopen();
      expect(again.list({ kind: "Service" })).toEqual(before);
      expect(isFrozen(again.get(key("api")))).toBe(true);
      expect(await again.history(key("web"))).toEqual(history);
      const { revision } = await again.commit([{ type: "create", resource: draft("new") }], cause);
      expect(revision).toBe(before.revision + 1);
      await again.close();
    });

    test("takes back all that was staged on a batch that could not be written", async ({ skip }) => {
      if (using.subject.failOnce === undefined) return skip("this store's writes cannot be made to fail");
      await using.create("api");
      using.subject.failOnce();
      const outcomes = await Promise.allSettled([
        using.update("api", {}, { size: 2 }),
        using.create("api"),
        using.commit({ type: "status", key: key("missing"), status: {} }),
      ]);
      expect(outcomes[0]).toMatchObject({ reason: { name: "StoreError" } });
      expect(using.store.get(key("api"))?.spec).toEqual({ size: 1 });
      expect((await using.update("api", {}, { size: 3 })).revision).toBe(2);
    });
  });
}
