import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { ansibleSteps } from "./ansible.ts";
import { type Here, everythingIn, keyring, openHere, readSecret } from "./fixtures/here.ts";

beforeAll(() =>
  expect(spawnSync("ansible-playbook", ["--version"]).status, "ansible-core is installed").toBe(0),
);

let folder: string;
let here: Here;
let runs = 0;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tutti-ansible-"));
  here = await openHere({
    folder,
    steps: ({ store, executions }) => ({
      ansible: ansibleSteps({ store, keyring, executions, readSecret, scratch: join(folder, "scratch") }),
    }),
  });
});
afterEach(async () => {
  await here.close();
  rmSync(folder, { recursive: true, force: true });
});

const hosts = (...names: readonly string[]): object => ({
  all: { hosts: Object.fromEntries(names.map((name) => [name, { ansible_connection: "local" }])) },
});

async function play(tasks: string, more: object): Promise<unknown> {
  writeFileSync(join(folder, "site.yml"), `- hosts: all\n  gather_facts: false\n  tasks:\n${tasks}`);
  const step = { type: "ansible", playbook: "site.yml", directory: folder, ...more };
  return here.run({ a: step }, {}, `default/run-${++runs}`);
}

it("plays a book on the hosts of an inventory, with variables as data, and gives how each did", async () => {
  const tasks = `    - copy: { content: "{{ text }} {{ key }} {{ inventory_hostname }}", dest: "${folder}/{{ inventory_hostname }}" }\n`;
  const verdict = await play(tasks, {
    inventory: hosts("one", "two"),
    variables: { text: "{{ 1 + 1 }}", key: "${secret.stripe.key}" },
  });
  expect(verdict).toMatchObject({
    is: "succeeded",
    output: { a: { stats: { one: { ok: 1, changed: 1, failed: 0 }, two: { ok: 1, changed: 1 } } } },
  });
  expect(readFileSync(join(folder, "two"), "utf8")).toBe("{{ 1 + 1 }} sk_live_hunter2-hunter2 two");
  await here.logs.written();
  for (const place of ["journal", "logs", "blobs", "home"])
    expect(everythingIn(join(folder, place))).not.toContain("hunter2");
});

it("changes nothing when it is only to check, and plays the tags it is given", async () => {
  const tasks = `    - copy: { content: x, dest: "${folder}/x" }\n      tags: [files]\n    - fail: { msg: never }\n      tags: [other]\n`;
  const verdict = await play(tasks, { inventory: hosts("one"), check: true, tags: ["files"] });
  expect(verdict).toMatchObject({ output: { a: { stats: { one: { changed: 1 } } } } });
  expect(() => readFileSync(join(folder, "x"))).toThrow("ENOENT");
});

it("tells hosts on which tasks fail from a book that cannot be played", async () => {
  expect(await play("    - fail: { msg: too bad }\n", { inventory: hosts("one") })).toMatchObject({
    failure: {
      class: "Retryable",
      error: "TasksFailed",
      message: expect.stringMatching(/Tasks failed on one: .*too bad/s) as string,
      details: { stats: { one: { failed: 1 } } },
    },
  });
  expect(await play("    - nosuchmodule: {}\n", { inventory: hosts("one") })).toMatchObject({
    failure: { class: "Terminal", error: "PlaybookFailed" },
  });
});
