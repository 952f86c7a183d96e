/** What people see and answer when they adopt what is there, and which files they have afterwards. */
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Discovered, DiscoveryQuery } from "../provider/discovery.ts";
import { type Bench, type Ran, startBench, tutti } from "./fixtures/terminal.ts";

let bench: Bench;
let folder: string;
let stopSettling: () => void;
let there: Discovered[];
let problems: Diagnostic[];
let asked: DiscoveryQuery[];

function network(id: string, more: Partial<Discovered> = {}): Discovered {
  return {
    kind: "Network",
    class: "docker",
    id,
    isMadeAnew: false,
    description: "bridge network",
    declaration: {
      apiVersion: "tutti.dev/v1",
      kind: "Network",
      metadata: { name: id.replaceAll("_", "-"), annotations: { "tutti.dev/adopt": id } },
      spec: { class: "docker", lifecycle: { onDelete: "retain" } },
    },
    ...more,
  };
}

function service(id: string, networks: readonly string[]): Discovered {
  return {
    kind: "Service",
    class: "docker",
    id,
    isMadeAnew: true,
    description: "container of shop/web",
    remarks: [`Container ${id} goes on as it is.`],
    declaration: {
      apiVersion: "tutti.dev/v1",
      kind: "Service",
      metadata: { name: id },
      spec: { class: "docker", image: "shop/web", networks, replicas: 1 },
    },
  };
}

beforeEach(async () => {
  [there, problems, asked] = [[], [], []];
  bench = await startBench([], (query) => {
    asked.push(query);
    return Promise.resolve({ items: there, problems });
  });
  stopSettling = bench.settling();
  folder = realpathSync(mkdtempSync(join(tmpdir(), "tutti-cli-")));
});
afterEach(async () => {
  stopSettling();
  await bench.close();
  rmSync(folder, { recursive: true, force: true });
});

const run = (words: string | readonly string[], options: Parameters<typeof tutti>[2] = {}): Promise<Ran> =>
  tutti(words, bench.access, { cwd: folder, ...options });
const written = (file = "imported.yaml"): string => readFileSync(join(folder, file), "utf8");
const names = (): readonly string[] =>
  ["Network", "Service", "ConfigMap"].flatMap((kind) =>
    bench.store.list({ kind }).items.map(({ metadata }) => metadata.name),
  );

describe("discover", () => {
  it("lists what is there and whose it is, and adopts nothing unless it is told to", async () => {
    there = [network("front"), network("back", { ownedBy: "network/back in default" })];
    const { code, out } = await run("discover --kind net --class docker --location here");
    expect({ code, out }).toEqual({
      code: 0,
      out: `WHAT           CLASS   OWNED BY                 DESCRIPTION
network/front  docker  -                        bridge network
network/back   docker  network/back in default  bridge network
`,
    });
    expect(asked).toEqual([{ location: "here", namespace: "default", kind: "Network", class: "docker" }]);
    expect(existsSync(join(folder, "imported.yaml"))).toBe(false);
  });

  it("says who does not answer, and that there is nothing", async () => {
    problems = [{ severity: "warning", code: "ProviderSilent", message: "The class 'docker' is silent." }];
    const { code, out, err } = await run("discover");
    expect({ code, out }).toEqual({ code: 0, out: "Nothing is there that could be adopted.\n" });
    expect(err).toBe("The class 'docker' is silent.\n");
    expect((await run("discover --class docker")).err).toContain("warning ProviderSilent");
  });

  it("asks at a terminal which to adopt, by number; what belongs to somebody has none", async () => {
    there = [network("a"), network("b", { ownedBy: "another control plane" }), network("c"), network("d")];
    const { code, out, err } = await run("discover", { answers: ["2-3"] });
    expect(code).toBe(0);
    expect(err).toMatch(/^#\s+WHAT[\s\S]*\n1 +network\/a [\s\S]*\n +network\/b [\s\S]*\n2 +network\/c /);
    expect(err).toContain("<+ network/c");
    expect(out).toBe("adopted  network/c  c\nadopted  network/d  d\n");
    expect(names()).toEqual(["c", "d"]);
  });

  it.each([
    ["", 0, "Nothing was adopted."],
    ["7", 2, "'7' is no number of the list"],
    ["2-1", 2, "is no number of the list"],
    ["front", 2, "'front' is no number of the list"],
  ])("answered with '%s' adopts nothing", async (answer, code, text) => {
    there = [network("front"), network("back")];
    const ran = await run("discover", { answers: [answer] });
    expect(ran.code).toBe(code);
    expect(ran.err).toContain(text);
    expect(names()).toEqual([]);
  });

  it("adopts what is selected, by kind and id or by the id alone", async () => {
    there = [network("a"), network("b"), network("c")];
    expect(await run("discover --select network/a,b")).toMatchObject({ code: 0 });
    expect(names()).toEqual(["a", "b"]);
  });

  it("writes declarations that people read: no defaults, one after the other", async () => {
    there = [network("a"), network("b")];
    await run("discover --all");
    expect(written()).toBe(
      ["a", "b"]
        .map(
          (name) => `kind: Network
metadata:
  name: ${name}
  annotations:
    tutti.dev/adopt: ${name}
spec:
  class: docker
  lifecycle:
    onDelete: retain
`,
        )
        .join("---\n"),
    );
  });

  it("writes a service with the networks it names, adopts these, and makes nothing of the service", async () => {
    there = [network("front"), network("other"), service("web", ["front"])];
    const { code, out, err } = await run("discover --select service/web");
    expect({ code, out }).toEqual({ code: 0, out: "adopted  network/front  front\n" });
    expect(err).toContain("Container web goes on as it is.");
    expect(err).toContain("nothing of it was made yet");
    expect(names()).toEqual(["front"]);
    expect(written()).toMatch(/kind: Network[\s\S]*---\nkind: Service[\s\S]*networks:\n {4}- front\n$/);
  });

  it("leaves what is made anew out of --all", async () => {
    there = [network("front"), service("web", ["front"])];
    await run("discover --all");
    expect(written()).not.toContain("Service");
  });
});

describe("import", () => {
  it("gives it the name that is asked for, behind what is declared already", async () => {
    writeFileSync(
      join(folder, "tutti.yaml"),
      "kind: ConfigMap\nmetadata: { name: settings }\ndata: { a: b }\n",
    );
    there = [network("shop_back")];
    const { code, out } = await run("import network/back shop_back");
    expect({ code, out }).toEqual({ code: 0, out: "adopted  network/back  shop_back\n" });
    expect(written("tutti.yaml")).toMatch(
      /^kind: ConfigMap\n[\s\S]*\n---\nkind: Network\nmetadata:\n {2}name: back\n/,
    );
    // What else is declared waits for `up`.
    expect(names()).toEqual(["back"]);
  });

  it("only writes with --no-apply, into the file that is named", async () => {
    there = [network("a")];
    const { code, err } = await run("import network/a a --no-apply --write nets.yaml");
    expect(code).toBe(0);
    expect(err).toContain("Wrote nets.yaml. Look at it, then: tutti up");
    expect(names()).toEqual([]);
    expect(written("nets.yaml")).toContain("kind: Network");
  });

  it("says where to look as fields of a spec", async () => {
    there = [network("a")];
    const fields = ["--with", "server.host=db1", "--with", "server.port=5432", "--with", "server.tls=true"];
    await run(["import", "network/a", "a", "--no-apply", ...fields]);
    expect(asked[0]?.where).toEqual({ server: { host: "db1", port: 5432, tls: true } });
    expect(await run("import network/a a --with host")).toMatchObject({ code: 2 });
  });

  it.each([
    ["network/a nowhere", 1, "There is no network 'nowhere'"],
    ["network/a theirs", 1, "belongs to another control plane already"],
    ["network/a twice", 2, "in several classes: docker, bridge"],
    ["network/A_B free", 2, "is no name"],
    ["networks free", 2, "names nothing"],
    ["network/a free --write notes.txt", 2, "no file of manifests"],
    ["network/a free --write nowhere/x.yaml", 2, "cannot be written"],
  ])("refuses %s, and writes nothing", async (words, code, text) => {
    there = [
      network("free"),
      network("theirs", { ownedBy: "another control plane" }),
      network("twice"),
      network("twice", { class: "bridge" }),
    ];
    const ran = await run(`import ${words}`);
    expect(ran.code).toBe(code);
    expect(ran.err).toContain(text);
    expect(existsSync(join(folder, "imported.yaml"))).toBe(false);
    expect(names()).toEqual([]);
  });

  it("leaves the files as they were when the plan is refused, and when somebody else holds the name", async () => {
    const text = "kind: Volume\nmetadata: { name: files }\nspec: { size: lots }\n";
    writeFileSync(join(folder, "tutti.yaml"), text);
    there = [network("a")];
    expect(await run("import network/a a")).toMatchObject({ code: 2 });
    expect(written("tutti.yaml")).toBe(text);
    rmSync(join(folder, "tutti.yaml"));
    const twice = { ...network("a"), declaration: { ...network("a").declaration, spec: { class: 7 } } };
    there = [twice as unknown as Discovered];
    expect(await run("import network/a a")).toMatchObject({ code: 2 });
    expect(existsSync(join(folder, "imported.yaml"))).toBe(false);
  });

  it("prints what a declaration in TypeScript needs", async () => {
    writeFileSync(join(folder, "tutti.ts"), "export default [];\n");
    there = [network("a")];
    const { code, out, err } = await run("import network/a a");
    expect(code).toBe(0);
    expect(out).toBe(`network("a", {
  "class": "docker",
  "lifecycle": {
    "onDelete": "retain"
  }
}, {
  "annotations": {
    "tutti.dev/adopt": "a"
  }
}),
`);
    expect(err).toContain("put that into it");
    expect(names()).toEqual([]);
  });
});

describe("forget", () => {
  beforeEach(async () => {
    there = [network("a"), network("b")];
    await run("discover --all");
  });

  it("is refused as long as it is declared", async () => {
    const { code, err } = await run("forget network/a --yes");
    expect(code).toBe(2);
    expect(err).toContain("Take it out of the declaration");
    expect(names()).toEqual(["a", "b"]);
  });

  it("lets go of what is declared no more, and of nothing else", async () => {
    writeFileSync(join(folder, "imported.yaml"), written().split("---\n")[1] ?? "");
    const { code, out, err } = await run("forget network/a", { answers: ["y"] });
    expect({ code, out }).toEqual({ code: 0, out: "forgotten  network/a\n" });
    expect(err).toMatch(/x network\/a\n +keeps/);
    expect(names()).toEqual(["b"]);
  });

  it("goes by what was applied where the declaration is not at hand, and says what else to do", async () => {
    rmSync(join(folder, "imported.yaml"));
    const { code, err } = await run("forget network/a --yes");
    expect(code).toBe(0);
    expect(err).toContain("take network/a out of it");
    expect(names()).toEqual(["b"]);
  });

  it("does nothing without a yes, and suggests what was meant", async () => {
    rmSync(join(folder, "imported.yaml"));
    expect(await run("forget network/a")).toMatchObject({ code: 3 });
    expect(await run("forget network/aa --yes")).toMatchObject({
      code: 1,
      err: expect.stringContaining("Did you mean 'a'?") as string,
    });
    expect(names()).toEqual(["a", "b"]);
  });
});
