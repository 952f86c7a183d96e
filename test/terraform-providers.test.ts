/** Resources of a Terraform provider, from declaration to removal, with the real command line and a provider written in Go. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { BUILD, goPeer, mirroredPeer } from "../src/terraform/fixtures/go-peer.ts";
import type { TestHome } from "./support/home.ts";
import { conditionOf, isReady } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { processesOf } from "./support/processes.ts";
import { until } from "./support/until.ts";

beforeAll(goPeer, BUILD);

interface House {
  readonly home: TestHome;
  readonly files: string;
  readonly done: () => readonly string[];
  readonly declare: (motd: object, metadata?: object) => string;
}

async function house(protocol: 5 | 6): Promise<House> {
  const home = openHome();
  const files = home.folder("files");
  const folder = home.folder("system");
  await mirroredPeer(join(folder, "terraform.d/plugins"), "1.2.0", {
    PEER_FOLDER: files,
    PEER_PROTOCOL: String(protocol),
  });
  const declare = (config: object, metadata: object = {}): string =>
    home.declare(
      [
        { kind: "Provider", metadata: { name: "peer" }, spec: { source: "tutti/peer", version: "~> 1.0" } },
        {
          kind: "Resource",
          metadata: { name: "motd", ...metadata },
          spec: {
            provider: "peer",
            type: "peer_file",
            config: { name: "motd", ...config },
            lifecycle: { drift: { every: "1s" } },
          },
        },
        {
          kind: "Resource",
          metadata: { name: "copy" },
          spec: {
            provider: "peer",
            type: "peer_file",
            config: {
              name: "copy",
              content: "${resource.motd.status.output.id}: ${resource.motd.status.output.content}",
            },
          },
        },
        // A provider that is configured by what a resource yields, and a data source of it.
        {
          kind: "Provider",
          metadata: { name: "later" },
          spec: { source: "tutti/peer", config: { prefix: "${resource.motd.status.output.id}" } },
        },
        {
          kind: "Resource",
          metadata: { name: "seen" },
          spec: {
            provider: "later",
            type: "peer_file",
            data: true,
            config: { name: "${resource.copy.status.output.id}" },
          },
        },
      ]
        .map((one) => JSON.stringify(one))
        .join("\n---\n"),
    );
  const done = (): readonly string[] => {
    const path = join(files, ".log");
    return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  };
  return { home, files, done, declare };
}

test("are planned, made, changed, made anew, set back when others change them, and removed", async () => {
  const { home, files, done, declare } = await house(6);
  const folder = declare({ content: "hello" });
  const up = await home.tutti(["up", folder, "--yes"]);
  expect(up).toMatchObject({ code: 0, stderr: expect.stringContaining("status.output.token") as string });
  expect(readFileSync(join(files, "copy"), "utf8")).toBe("motd: hello");
  expect(JSON.stringify(await home.get("Resource/motd"))).not.toContain("token-of-motd");
  expect((await home.get("Resource/seen"))?.status).toMatchObject({
    output: { content: "motd: hello", prefix: "motd" },
  });

  declare({ content: "good evening" });
  const plan = await home.ok(["plan", folder]);
  expect(plan).toMatch(
    /~ resource\/motd\n\s+spec\.config\.content\s+"hello" -> "good evening"\n\s+status\.output\.size\s+5 -> \(known/,
  );
  await home.ok(["up", folder, "--yes"]);
  expect(readFileSync(join(files, "copy"), "utf8")).toBe("motd: good evening");

  writeFileSync(join(files, "motd"), "somebody else's");
  await until("it is set back", () => readFileSync(join(files, "motd"), "utf8") === "good evening");
  rmSync(join(files, "motd"));
  await until("it is made again", () => existsSync(join(files, "motd")));
  await until("it is ready", async () => isReady((await home.get("Resource/motd")) ?? ({} as never)));

  declare({ name: "motd-2", content: "good evening" });
  expect(await home.ok(["plan", folder])).toMatch(
    /-\/\+ resource\/motd \(made anew, because spec\.config\.name cannot/,
  );
  await home.ok(["up", folder, "--yes"]);
  expect(existsSync(join(files, "motd"))).toBe(false);
  expect(readFileSync(join(files, "copy"), "utf8")).toBe("motd-2: good evening");
  expect(done().filter((line) => line.startsWith("create"))).toEqual([
    "create motd",
    "create copy",
    "create motd",
    "create motd-2",
  ]);

  await home.ok(["down", "system", "--yes"]);
  expect(existsSync(join(files, "motd-2")) || existsSync(join(files, "copy"))).toBe(false);
  await home.ok(["stop"]);
  await until(
    "no provider is left",
    () => processesOf(home.path).filter(({ pid }) => pid !== process.pid).length === 0,
  );
});

test("whose creation was cut off by the end of the control plane are not made twice, and can be taken", async () => {
  const { home, files, done, declare } = await house(5);
  const folder = declare({ content: "x", fate: "hang" });
  const running = home.start(["up", folder, "--yes"]);
  await until("the file", () => existsSync(join(files, "motd")));
  await home.killControlPlane();
  running.child.kill("SIGKILL");
  await until("no provider is left", () =>
    processesOf(home.path).every(
      ({ pid }) => pid === process.pid || !commandOf(pid).includes("terraform-provider"),
    ),
  );
  await home.serve();
  const uncertain = await until("that it is said", async () => {
    const ready = conditionOf(await home.get("Resource/motd"), "Ready");
    return ready?.reason === "PossiblyMade" ? ready : undefined;
  });
  expect(uncertain.message).toContain("it may be there or not");
  declare({ content: "x" }, { annotations: { "tutti.dev/adopt": "motd" } });
  await home.ok(["up", folder, "--yes"]);
  expect((await home.get("Resource/motd"))?.status).toMatchObject({ adopted: "motd", id: "motd" });
  expect(done().filter((line) => line === "create motd")).toHaveLength(1);
});

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}
