/** Which member answers a request, and what it is told of it. Part of traffic-conformance.ts. */
import { describe, expect, it } from "vitest";
import { type Traffic, say } from "./traffic-conformance-kit.ts";

interface Told {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, readonly string[]>>;
}

export function routing(traffic: Traffic): void {
  describe("routes", () => {
    it("go to the longest path prefix that fits, by whole segments", async () => {
      const front = await traffic.front({
        routes: [{ service: "web" }, { path: "/api", service: "api" }, { path: "/api/v2", service: "new" }],
      });
      for (const pool of ["web", "api", "new"]) await front.members([await traffic.backend(pool)], pool);
      const paths = ["/", "/apis", "/api", "/api/", "/api?q=/api/v2", "/api/v2/x", "/api/v20"];
      const answers = await Promise.all(paths.map(async (path) => (await front.ask(path)).text));
      expect(answers).toEqual(["web", "web", "api", "api", "api", "new", "api"]);
    });

    it("prefer the host's own, then the longest wildcard, then those for every host", async () => {
      const front = await traffic.front({
        routes: [
          { service: "any" },
          { host: "*.test", service: "wide" },
          { host: "*.shop.test", service: "wild" },
          { host: "www.shop.test", path: "/only", service: "own" },
        ],
      });
      for (const pool of ["any", "wide", "wild", "own"])
        await front.members([await traffic.backend(pool)], pool);
      const answer = async (host: string, path: string): Promise<string> =>
        (await front.ask(path, { headers: { host } })).text;
      expect(await answer("www.shop.test", "/only")).toBe("own");
      expect(await answer("WWW.Shop.Test:8080", "/only/x")).toBe("own");
      expect(await answer("www.shop.test", "/else")).toBe("wild");
      expect(await answer("shop.test", "/only")).toBe("wide");
      expect(await answer("other", "/only")).toBe("any");
    });

    it("that there are none for is answered with 404", async () => {
      const front = await traffic.front({ routes: [{ host: "here.test", path: "/a", service: "web" }] });
      const backend = await traffic.backend("web");
      await front.members([backend]);
      expect((await front.ask("/a")).status).toBe(404);
      expect((await front.ask("/b", { headers: { host: "here.test" } })).status).toBe(404);
      expect(backend.seen).toEqual([]);
    });

    it("strip the prefix, and nothing else, where they are told to", async () => {
      const front = await traffic.front({ routes: [{ path: "/in/a.b", service: "web", stripPrefix: true }] });
      const backend = await traffic.backend("web");
      await front.members([backend]);
      for (const path of ["/in/a.b", "/in/a.b/", "/in/a.b/c/in/a.b?x=/in/a.b", "/in/a.b?y"])
        expect((await front.ask(path)).status).toBe(200);
      expect(backend.seen).toEqual(["GET /", "GET /", "GET /c/in/a.b?x=/in/a.b", "GET /?y"]);
      expect((await front.ask("/in/aXb")).status).toBe(404);
    });

    it("see a path as the member would make it, dot segments resolved", async () => {
      const front = await traffic.front({
        routes: [
          { path: "/public", service: "web" },
          { path: "/admin", service: "admin" },
        ],
      });
      const [web, admin] = [await traffic.backend("web"), await traffic.backend("admin")];
      await front.members([web]);
      await front.members([admin], "admin");
      for (const path of ["/public/../admin/x", "/public/%2e%2e/admin/x", "/public/a/.././../admin/x"])
        await say(front.port(), `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(web.seen).toEqual([]);
      expect(admin.seen).toEqual(["GET /admin/x", "GET /admin/x", "GET /admin/x"]);
    });

    it("that are changed are in force when ensure resolves, and members stay", async () => {
      const front = await traffic.front({ routes: [{ path: "/old", service: "web" }] });
      await front.members([await traffic.backend("web")]);
      const port = front.port();
      await front.ensure({ routes: [{ path: "/new", service: "web" }] });
      expect(front.port()).toBe(port);
      expect((await front.ask("/new")).text).toBe("web");
      expect((await front.ask("/old")).status).toBe(404);
    });
  });

  describe("a member is told", () => {
    it("who the client is, whatever the client says of itself", async () => {
      const front = await traffic.front({ routes: [{ service: "web" }] });
      await front.members([await traffic.backend("web")]);
      const { text } = await front.ask("/told", {
        headers: {
          host: "shop.test",
          "x-forwarded-for": "6.6.6.6",
          "x-forwarded-proto": "https",
          "x-forwarded-host": "evil.test",
          forwarded: "for=6.6.6.6",
        },
      });
      const { headers } = JSON.parse(text) as Told;
      expect(headers).toMatchObject({
        host: "shop.test",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "shop.test",
      });
      expect(headers["forwarded"] ?? "").not.toContain("6.6.6.6");
    });

    it("the headers that the route sets, adds and removes, and so is the client", async () => {
      const values = { plain: "yes", odd: `a "b" 'c' $HOME %[src] 100% \\ # {}` };
      const front = await traffic.front({
        routes: [
          { path: "/plain", service: "web" },
          {
            service: "web",
            headers: {
              request: { set: { "X-Odd": values.odd }, add: { "X-Many": "2" }, remove: ["X-Secret"] },
              response: { set: { "X-Served": values.odd }, add: { "X-More": "2" }, remove: ["X-Powered"] },
            },
          },
        ],
      });
      const backend = await traffic.backend("web", (request, response) => {
        response.writeHead(200, { "x-served": "me", "x-more": "1", "x-powered": "hands" });
        response.end(
          JSON.stringify({ url: request.url, headers: request.headers, fields: request.headersDistinct }),
        );
      });
      await front.members([backend]);
      const sent = { "x-odd": "mine", "x-many": "1", "x-secret": "s" };
      const answer = await front.ask("/", { headers: sent });
      const told = JSON.parse(answer.text) as Told;
      expect(told.headers["x-odd"]).toBe(values.odd);
      expect((told.fields["x-many"] ?? []).flatMap((one) => one.split(/, */))).toEqual(["1", "2"]);
      expect(told.headers).not.toHaveProperty("x-secret");
      expect(answer.headers).toMatchObject({ "x-served": values.odd, "x-more": "1, 2" });
      expect(answer.headers).not.toHaveProperty("x-powered");
      const other = await front.ask("/plain", { headers: sent });
      expect((JSON.parse(other.text) as Told).headers).toMatchObject(sent);
      expect(other.headers).toMatchObject({ "x-served": "me", "x-powered": "hands" });
    });

    it("nothing but the path it is to serve, when a route of the same service strips another", async () => {
      const front = await traffic.front({
        routes: [
          { path: "/a", service: "web", stripPrefix: true },
          { path: "/b", service: "web" },
        ],
      });
      const backend = await traffic.backend("web");
      await front.members([backend]);
      await front.ask("/a/x");
      await front.ask("/b/x");
      expect(backend.seen).toEqual(["GET /x", "GET /b/x"]);
    });
  });
}
