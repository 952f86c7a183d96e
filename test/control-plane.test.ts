import { expect, test } from "vitest";
import { ask } from "./support/load.ts";
import { openHome } from "./support/open-home.ts";
import { processesOf } from "./support/processes.ts";
import { web } from "./support/systems.ts";
import { until } from "./support/until.ts";

test("several commands that need a control plane at the same time start one", async () => {
  const home = openHome();
  const folders = ["one", "two", "three"].map((name) =>
    home.declare(
      `kind: System\nmetadata: { name: ${name} }\n---\nkind: Volume\nmetadata: { name: ${name} }\n`,
      {
        folder: name,
      },
    ),
  );
  await Promise.all(folders.map((folder) => home.ok(["up", folder])));
  const serving = (): readonly number[] =>
    processesOf(home.path)
      .filter(({ command }) => command.includes(" serve "))
      .map(({ pid }) => pid);
  // Those that found the store taken are on their way out.
  await until("one to be left", () => serving().length === 1);
  expect(serving()).toEqual([home.registration()?.pid]);
  expect((await home.list("Volume")).map(({ metadata }) => metadata.name).toSorted()).toEqual([
    "one",
    "three",
    "two",
  ]);
});

test("programs go on while the control plane is away, and the next one takes them over as they are", async () => {
  const home = openHome();
  const folder = home.declare(web({ replicas: 2 }));
  await home.ok(["up", folder]);
  const [pids, url, plane] = [await home.pids("api"), await home.url("front"), home.registration()];
  await home.ok(["stop"]);
  expect(await home.tutti(["get", "services"])).toMatchObject({ code: 4 });
  expect((await ask(`${url}/`)).status).toBe(200);

  expect((await home.tutti(["up", folder])).stderr).toContain("Nothing to do");
  expect(await home.pids("api")).toEqual(pids);
  expect(await home.url("front")).toBe(url);
  expect(home.registration()?.url).toBe(plane?.url);
  await home.ok(["scale", "api", "3"]);
  expect(await home.pids("api")).toEqual(expect.arrayContaining([...pids]));
});

test("a second control plane for the same state folder is refused with who serves it", async () => {
  const home = openHome();
  await home.serve();
  const { code, stderr } = await home.tutti(["serve"]);
  expect(code).toBe(2);
  expect(stderr).toContain(String(home.registration()?.pid));
});
