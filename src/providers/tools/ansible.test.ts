/** What becomes of a playbook that is one Resource: shown in check mode, played, not played again, found otherwise, taken back. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ToolHouse } from "./fixtures/tool-house.ts";

let house: ToolHouse;
let book: string;
// Each run of Ansible takes seconds where much else runs.
vi.setConfig({ testTimeout: 180_000 });

beforeEach(() => {
  expect(spawnSync("ansible-playbook", ["--version"]).status, "ansible-core is installed").toBe(0);
  house = new ToolHouse(mkdtempSync(join(tmpdir(), "tutti-ansible-")), "ansible");
  book = join(house.folder, "book");
  mkdirSync(book);
});
afterEach(() => rmSync(house.folder, { recursive: true, force: true }));

const here = { ansible_connection: "local", ansible_python_interpreter: "/usr/bin/python3" };

function config(more: object = {}): Readonly<Record<string, unknown>> {
  const inventory = { all: { hosts: { web1: here } } };
  return { playbook: "book/site.yaml", inventory, ...more };
}

function write(name: string, tasks: readonly object[]): void {
  writeFileSync(join(book, name), JSON.stringify([{ hosts: "all", gather_facts: false, tasks }]));
}

it("is shown host by host and task by task, played once, set back when others change it, and taken back", async () => {
  const motd = join(house.folder, "motd");
  write("site.yaml", [
    { name: "greet", copy: { content: "hello {{ whom }}\n", dest: motd } },
    { name: "tell", set_stats: { data: { port: 8080, names: ["a", "b"] } } },
  ]);
  write("undo.yaml", [{ name: "away", file: { path: motd, state: "absent" } }]);
  const declared = config({ variables: { whom: "all {{ of }} you" }, remove: "book/undo.yaml" });
  expect(await house.obstacles(declared)).toEqual([]);
  expect(await house.plan(declared)).toEqual({
    changes: [{ path: 'web1["greet"]', after: "+hello all {{ of }} you" }],
  });
  expect(existsSync(motd)).toBe(false);

  await house.ensure(declared);
  expect(readFileSync(motd, "utf8")).toBe("hello all {{ of }} you\n");
  expect(house.output).toEqual({ port: 8080, names: ["a", "b"] });
  await house.ensure(declared);
  expect(house.told).toEqual(["web1: ok=2 changed=1"]);
  expect(await house.plan(declared)).toEqual({});

  writeFileSync(motd, "somebody else's\n");
  expect((await house.observe(declared))?.actual).toEqual({
    config: declared,
    'web1["greet"]': "-somebody else's\n+hello all {{ of }} you",
  });
  await house.ensure(declared);
  expect((await house.observe(declared))?.actual).toEqual({ config: declared });

  expect(await house.remove(declared)).toEqual([]);
  expect(existsSync(motd)).toBe(false);
  expect(await house.observe(declared)).toBeUndefined();
});

it("is another one when one of its files is, and says what stays when nothing takes it back", async () => {
  write("site.yaml", [{ name: "tell", set_stats: { data: { size: 1 } } }]);
  const digest = await house.pin(config());
  await house.ensure(config(), digest);
  write("site.yaml", [{ name: "tell", set_stats: { data: { size: 2 } } }]);
  await expect(house.ensure(config({ tags: ["x"] }), digest)).rejects.toMatchObject({
    diagnostic: { code: "FilesChanged" },
  });
  await house.ensure(config(), await house.pin(config()));
  expect(house.output).toEqual({ size: 2 });
  expect(await house.remove(config())).toEqual(["what the playbook book/site.yaml has set up"]);
});

it("says which task failed on which host, without secrets, and tells that from a book that cannot be played", async () => {
  write("site.yaml", [{ name: "burst", fail: { msg: "no room for {{ password }}" } }]);
  const password = house.keyring.seal("hunter2-hunter2");
  const failing = await house.ensure(config({ variables: { password } })).catch((error: unknown) => error);
  expect(String(failing)).toBe("Error: Tasks failed: 'burst' on web1: no room for (secret).");
  write("site.yaml", [{ name: "reach", ping: {} }]);
  const lost = { ansible_connection: "ssh", ansible_host: "127.0.0.1", ansible_port: 1 };
  await expect(house.ensure(config({ inventory: { all: { hosts: { far: lost } } } }))).rejects.toThrow(
    "far is not reached",
  );
  writeFileSync(join(book, "site.yaml"), "- hosts: [");
  await expect(house.ensure(config())).rejects.toMatchObject({ diagnostic: { code: "PlaybookFailed" } });
  expect(await house.obstacles(config({ playbook: "nothing.yaml" }))).toMatchObject([
    { code: "PlaybookMissing", path: "spec.config.playbook" },
  ]);
});
