/** What HAProxy reads and tells: pure parts. */
import { describe, expect, it } from "vitest";
import { mapChanges } from "./maps.ts";
import { parseWorkers } from "./runtime.ts";
import { changes } from "./servers.ts";
import { Window, memberCounts, parseStatistics } from "./statistics.ts";
import { literal, pattern, word } from "./text.ts";

describe("words of the configuration", () => {
  it("are one word that means what it holds", () => {
    expect(word(`a "b" $HOME \\ # '`)).toBe(`"a \\"b\\" \\$HOME \\\\ # '"`);
    expect(literal("100% %[src]")).toBe('"100%% %%[src]"');
    expect(new RegExp(`^${pattern("/a.b(c)[d]*")}$`).test("/a.b(c)[d]*")).toBe(true);
  });

  it("hold no control characters", () => {
    for (const text of ["a\nb", "a\0b", "a\rb"]) expect(() => word(text)).toThrow("control character");
  });
});

describe("what HAProxy tells", () => {
  it("names the worker that takes connections, the old ones, and reloads that failed", () => {
    const text = `#<PID>          <type>          <reloads>       <uptime>        <version>
1162            master          5 [failed: 1]   0d00h02m07s     2.6.12
# workers
1271            worker          1               0d00h00m00s     2.6.12
# old workers
1233            worker          3               0d00h00m43s     2.6.12
# programs
1244            foo             0               0d00h00m00s     -
`;
    expect(parseWorkers(text)).toEqual({ current: 1271, old: [1233], reloads: 5, failed: 1 });
  });

  it("is counted by member, over all its servers, and in a window of the last seconds", () => {
    const statistics = (web: number, other: number): string =>
      `# pxname,svname,scur,qcur,stot,econ,eresp,rtime,status,hrsp_5xx,\nhttp.web,a.1,1,0,${web},1,2,7,UP,3,\nhttp.web,a.2,0,0,${other},0,0,9,MAINT,0,\nhttp.web,BACKEND,0,0,9,0,0,0,UP,0,\nbridge.http,next,5,0,9,0,0,0,no check,0,\n`;
    let now = 0;
    const window = new Window({ now: () => now } as never);
    const add = (web: number, other: number): unknown =>
      window.add(memberCounts(parseStatistics(statistics(web, other))));
    const seen = { pool: "web", id: "a", errors: 4, latency: 9, isStale: false, inFlight: 1 };
    expect(add(10, 5)).toEqual([{ ...seen, requests: 15 }]);
    now = 4_000;
    expect(add(14, 5)).toEqual([{ ...seen, requests: 4, errors: 0 }]);
    now = 20_000;
    expect(add(20, 5)).toEqual([{ ...seen, requests: 6, errors: 0 }]);
    // Another worker, which counts from 0.
    expect(add(2, 0)).toMatchObject([{ requests: 2 }]);
  });
});

describe("changes at run time", () => {
  const wanted = (id: string, state: "ready" | "draining") => ({
    name: id,
    address: "127.0.0.1",
    port: 1,
    state,
  });
  const present = (name: string, isOut: boolean) => ({ name, isOut, isDown: false });

  it("bring servers in before others go out, and are none when there is no difference", () => {
    expect(
      changes(
        "http.web",
        [present("stays", false), present("goes", false), present("back", true), present("drains", false)],
        [
          wanted("new", "ready"),
          wanted("stays", "ready"),
          wanted("back", "ready"),
          wanted("drains", "draining"),
        ],
        "check inter 1s",
      ),
    ).toEqual([
      "add server http.web/new 127.0.0.1:1 pool-max-conn -1 pool-purge-delay 2s check inter 1s",
      "enable health http.web/new",
      "enable server http.web/new",
      "set server http.web/back state ready",
      "set server http.web/goes state maint",
      "set server http.web/drains state maint",
    ]);
    expect(changes("b", [present("a", false), present("c", true)], [wanted("a", "ready")], "")).toEqual([]);
  });

  it("of maps are the least that is needed", () => {
    expect(mapChanges("m", { a: "1", b: "2", c: "3" }, { b: "2", c: "4", d: "5" })).toEqual([
      "del map m a",
      "set map m c 4",
      "add map m d 5",
    ]);
  });
});
