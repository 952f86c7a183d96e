import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Bench, noControlPlane, startBench, tutti } from "./fixtures/terminal.ts";

let bench: Bench;
let folder: string;
let stopSettling: () => void;

beforeEach(async () => {
  bench = await startBench();
  stopSettling = bench.settling();
  folder = realpathSync(mkdtempSync(join(tmpdir(), "tutti-cli-")));
});
afterEach(async () => {
  stopSettling();
  await bench.close();
  rmSync(folder, { recursive: true, force: true });
});

const SHOP = `kind: System
metadata: { name: shop }
---
kind: Volume
metadata: { name: uploads }
---
kind: Service
metadata: { name: api }
spec: { command: run, replicas: 2, ports: [{ name: http }] }
---
kind: LoadBalancer
metadata: { name: front }
spec: { routes: [{ service: api }] }
`;

function declare(text: string): void {
  writeFileSync(join(folder, "tutti.yaml"), text);
}

const run = async (words: string, options: Parameters<typeof tutti>[2] = {}): ReturnType<typeof tutti> =>
  tutti(words, bench.access, { cwd: folder, ...options });

function names(): readonly string[] {
  return ["Volume", "Service", "LoadBalancer", "System"].flatMap((kind) =>
    bench.store.list({ kind }).items.map((item) => item.metadata.name),
  );
}

describe("up", () => {
  it("shows the plan, applies it, and prints only the addresses on standard output", async () => {
    declare(SHOP);
    const { code, out, err } = await run("up");
    expect({ code, out }).toEqual({ code: 0, out: "http://front.test/\n" });
    expect(err).toContain("+ service/api");
    expect(err).toContain("4 to create.");
    expect(err).toMatch(/✓ service\/api {9}2\/2 {2}ready\n.*✓ volume\/uploads {11}ready\n/);
    expect(names()).toEqual(["uploads", "api", "front", "shop"]);
  });

  it("waits for a program without a port until it has run for a moment", async () => {
    declare(SHOP.replace(", ports: [{ name: http }]", ""));
    expect(await run("up -q")).toMatchObject({ code: 0, err: "" });
  });

  it("has nothing to do the second time", async () => {
    declare(SHOP);
    await run("up --quiet");
    const { code, out, err } = await run("up");
    expect({ code, out }).toEqual({ code: 0, out: "http://front.test/\n" });
    expect(err).toContain("Nothing to do");
  });

  it("prints the result for programs with -o json, and nothing else with --quiet", async () => {
    declare(SHOP);
    const { out, err } = await run("up -q -o json");
    expect(err).toBe("");
    expect(JSON.parse(out)).toMatchObject({
      system: "shop",
      revision: 1,
      urls: ["http://front.test/"],
      resources: expect.arrayContaining([
        { address: "service/api", state: "ready", ready: "2/2" },
      ]) as unknown,
    });
  });

  it("exits with 1 and says in one sentence why something cannot get ready", async () => {
    declare(SHOP.replace("{ name: uploads }", '{ name: uploads, labels: { broken: "true" } }'));
    const { code, err } = await run("up");
    expect(code).toBe(1);
    expect(err).toContain(
      "error: shop did not become ready.\n  volume/uploads: Port 80 is in use by nginx (pid 7).\n  See: tutti describe volume/uploads\n",
    );
  });

  it("says what becomes of a change that has failed where its system holds it or takes it back", async () => {
    const broken = SHOP.replace("{ name: uploads }", '{ name: uploads, labels: { broken: "true" } }');
    declare(broken.replace("{ name: shop }", "{ name: shop }\nspec: { changes: { onFailure: hold } }"));
    expect((await run("up")).err).toContain(
      "change/shop-1 is held. To go on: tutti resume change/shop-1; to take it back: tutti undo shop-1",
    );
  });

  it("ends at Ctrl-C with how to go on, and what was applied stays applied", async () => {
    stopSettling();
    declare(SHOP);
    const { code, err } = await run("up", {
      onListening: (interrupt) =>
        void bench.store.watch(
          0,
          (changes) => void (changes.some(({ key }) => key.kind === "System") && setImmediate(interrupt)),
        ),
    });
    expect(code).toBe(130);
    expect(err).toContain(
      "error: Interrupted. Nothing is half done: the control plane goes on applying.\n  See: tutti status shop\n",
    );
    expect(names()).toContain("api");
  });

  it("exits with 1 when the time is over, naming what is missing", async () => {
    stopSettling();
    declare(SHOP);
    const { code, err } = await run("up --timeout 50ms");
    expect(code).toBe(1);
    expect(err).toContain("service/api: waiting");
  });

  it("names what is missing also when the time is over before anything could be seen", async () => {
    declare(SHOP);
    const blind = {
      ...bench.access,
      start: async () => {
        const client = await bench.access.start();
        return Object.assign(client, {
          watch: (_kind: unknown, { signal }: { readonly signal: AbortSignal }) => silence(signal),
        });
      },
    };
    const { code, err } = await tutti(
      "up --timeout 50ms",
      { ...blind, connect: blind.start },
      { cwd: folder },
    );
    expect(code).toBe(1);
    expect(err).toContain("service/api: waiting");
  });
});

async function* silence(signal: AbortSignal): AsyncGenerator<never> {
  yield await new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error));
  });
}

describe("a plan that destroys something", () => {
  beforeEach(async () => {
    declare(SHOP);
    await run("up -q");
    declare(SHOP.replace(/kind: Volume\n.*\n---\n/, ""));
  });

  it("is refused with 3 where nobody can be asked", async () => {
    const { code, err } = await run("up");
    expect(code).toBe(3);
    expect(err).toContain("Say --yes to do it.");
    expect(names()).toContain("uploads");
  });

  it("is done with --yes", async () => {
    expect((await run("up --yes")).code).toBe(0);
    expect(names()).not.toContain("uploads");
  });

  it.each([
    ["y", 0],
    ["yes", 0],
    ["", 3],
    ["n", 3],
    ["what?", 3],
  ])("asks a person, who answers '%s'", async (answer, code) => {
    const result = await run("up", { answers: [answer] });
    expect(result.err).toContain("[y/N]");
    expect(result.code).toBe(code);
    expect(names().includes("uploads")).toBe(code === 3);
  });
});

describe("down", () => {
  it("says what is deleted, asks, and ends when everything is gone", async () => {
    declare(SHOP);
    await run("up -q");
    expect((await run("down shop")).code).toBe(3);
    const { code, err } = await run("down shop --yes");
    expect(err).toContain("- service/api");
    expect(err).toContain("shop is gone.");
    expect(code).toBe(0);
    expect(names()).toEqual([]);
  });

  it("finds the system by its folder, by the folder it is called in, or because there is only one", async () => {
    mkdirSync(join(folder, "empty"));
    for (const [words, cwd] of [
      ["down . -y", folder],
      ["down -y", folder],
      ["down -y", join(folder, "empty")],
    ] as const) {
      declare(SHOP);
      await run("up -q");
      expect(await tutti(words, bench.access, { cwd })).toMatchObject({
        code: 0,
        err: expect.stringContaining("is gone") as unknown,
      });
      expect(names()).toEqual([]);
    }
  });
});

describe("plan", () => {
  it("changes nothing, also without a control plane, and its JSON is the plan", async () => {
    declare(SHOP);
    const offline = await tutti("plan -o json", noControlPlane(bench.access), { cwd: folder });
    const online = await run("plan -o json");
    expect(JSON.parse(offline.out)).toMatchObject({
      system: "shop",
      summary: { create: 4 },
      hash: (JSON.parse(online.out) as { hash: string }).hash,
    });
    expect(offline.err).toContain("No control plane runs, so nobody was asked");
    expect(online.err).not.toContain("nobody was asked");
    expect(names()).toEqual([]);
  });

  it("says with --detailed-exitcode whether there is something to do", async () => {
    declare(SHOP);
    expect((await run("plan --detailed-exitcode")).code).toBe(10);
    await run("up -q");
    expect((await run("plan --detailed-exitcode")).code).toBe(0);
  });
});

describe("a saved plan", () => {
  it("is refused with what only a plan that is made can be asked for", async () => {
    declare(SHOP);
    await run("plan -o plan.json");
    expect(await run("apply plan.json --set a=1 --target service/api")).toMatchObject({
      code: 2,
      err: expect.stringContaining("exactly as it is: --set, --target cannot change it") as unknown,
    });
    expect(names()).toEqual([]);
  });

  it("that is refused is neither shown nor asked for", async () => {
    declare(SHOP);
    await run("up -q");
    declare(SHOP.replace(/kind: Volume\n.*\n---\n/, ""));
    await run("plan -o plan.json");
    const file = join(folder, "plan.json");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace(/"delete": 1/g, '"delete": 0'));
    const edited = await run("apply plan.json", { answers: ["y"] });
    expect(edited).toMatchObject({ code: 2, err: expect.stringMatching(/^error PlanEdited/) as unknown });
    writeFileSync(file, text);
    await run("up --yes -q");
    const stale = await run("apply plan.json", { answers: ["y"] });
    expect(stale).toMatchObject({
      code: 5,
      err: expect.stringMatching(/^error: The system has changed/) as unknown,
    });
    expect(stale.err).toContain("volume/uploads: It is gone.");
  });

  it("that cannot be written is said in a sentence", async () => {
    declare(SHOP);
    expect(await run("plan --out none/plan.json")).toMatchObject({
      code: 2,
      err: expect.stringContaining("The plan cannot be saved to 'none/plan.json' (ENOENT).") as unknown,
    });
  });

  it("that is not there is no folder to begin in", async () => {
    const { code, err } = await run("apply plan.json");
    expect({ code, err }).toEqual({ code: 2, err: expect.not.stringContaining("tutti init") as unknown });
  });
});

describe("bad input", () => {
  it("exits with 2, names code, address and line with the line itself, says what to do, and changes nothing", async () => {
    declare(SHOP.replace("replicas: 2", "replcas: 2"));
    const { code, err, out } = await run("up");
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toBe(`error UnknownField service/api spec.replcas
  at tutti.yaml:9:23
  9 | spec: { command: run, replcas: 2, ports: [{ name: http }] }
    |                       ^
  There is no field 'replcas' here.
  → Did you mean 'replicas'?
`);
    expect(names()).toEqual([]);
  });

  it("that only the control plane can see is shown with its line as well", async () => {
    declare(SHOP.replace("service: api", "service: apis"));
    const { code, err } = await run("plan");
    expect(code).toBe(2);
    expect(err).toContain(
      "error MissingReference loadBalancer/front spec.routes[0].service\n  at tutti.yaml:13:20\n",
    );
    expect(err).toContain("→ Did you mean 'api'?");
  });

  it("is JSON with -o json", async () => {
    declare("kind: Volum\n");
    const { code, out } = await run("plan -o json");
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ diagnostics: [{ code: "UnknownKind", source: { line: 1 } }] });
  });

  it("does not show the line of a secret", async () => {
    declare("kind: Secret\nmetadata: { name: s }\nstringData: { key: hunter2 }\ntyp: x\n");
    const { err } = await run("plan");
    expect(err).toContain("UnknownField");
    expect(err).not.toContain("hunter2");
  });
});

describe("a base that has moved", () => {
  it("is a conflict: nothing is applied, what moved is named, the exit code is 5", async () => {
    declare(SHOP);
    await run("up -q");
    declare(SHOP.replace(/kind: Volume\n.*\n---\n/, ""));
    const access = { ...bench.access };
    const { stdin } = { stdin: ["y"] };
    const interfere = async (): Promise<void> => {
      const { resource } = {
        resource: bench.store.get({ kind: "Service", namespace: "default", name: "api" }),
      };
      if (resource !== undefined)
        await bench.store.commit(
          [
            {
              type: "update",
              resource: { ...resource, spec: { ...(resource.spec as object), replicas: 7 } },
            },
          ],
          { actor: "user:other", action: "scale" },
        );
    };
    const meddled = {
      ...access,
      connect: async () => {
        const client = await access.connect();
        if (client === undefined) return undefined;
        const apply = client.apply.bind(client);
        return Object.assign(client, {
          apply: async (...given: Parameters<typeof client.apply>) => {
            await interfere();
            return apply(...given);
          },
        });
      },
    };
    const { code, err } = await tutti("up", meddled, { cwd: folder, answers: stdin });
    expect(code).toBe(5);
    expect(err).toContain("service/api: It was left as it is, and is to be changed now.\n");
    expect(names()).toContain("uploads");
  });
});

describe("rollout", () => {
  it("lists what a service was, undoes it, and brings a whole system back", async () => {
    declare(SHOP);
    await run("up -q");
    declare(SHOP.replace("command: run", "command: walk"));
    await run("up -q");
    expect((await run("rollout history api")).out).toMatch(
      /^GENERATION {2}AGE +WHO +WHAT\n2 \* .*apply\n1 .*apply\n$/,
    );
    const command = (): unknown => {
      const found = bench.store.get({ kind: "Service", namespace: "default", name: "api" });
      return (found?.spec as { readonly command: string } | undefined)?.command;
    };
    await run("scale api 5 --no-wait");
    expect((await run("rollout undo api")).code).toBe(0);
    expect(command()).toBe("run");
    expect(bench.store.get({ kind: "Service", namespace: "default", name: "api" })?.spec).toMatchObject({
      replicas: 5,
    });
    expect((await run("rollout undo system/shop --to 2")).code).toBe(0);
    expect(command()).toBe("walk");
    expect((await run("rollout history system/shop")).out).toMatch(/^REVISION {2}AGE/);
    expect((await run("rollout restart api")).code).toBe(0);
    expect(
      bench.store.get({ kind: "Service", namespace: "default", name: "api" })?.metadata.annotations,
    ).toHaveProperty(["tutti.dev/restarted-at"]);
  });
});

describe("init", () => {
  it.each(["init", "init --yaml"])(
    "'%s' writes a declaration that can be planned, and never overwrites one",
    async (words) => {
      expect((await run(words)).code).toBe(0);
      if (words.endsWith("--yaml")) expect((await run("plan")).code).toBe(0);
      const again = await run("init");
      expect(again).toMatchObject({
        code: 2,
        err: expect.stringContaining("it was left as it is") as unknown,
      });
    },
  );
});
