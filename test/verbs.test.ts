import { expect, test } from "vitest";
import { kill } from "./support/home.ts";
import { ask } from "./support/load.ts";
import { openHome } from "./support/open-home.ts";
import { web } from "./support/systems.ts";
import { until } from "./support/until.ts";

test("what init writes comes up", async () => {
  const home = openHome();
  const cwd = home.folder("first");
  await home.ok(["init"], { cwd });
  const [address = ""] = (await home.ok(["up"], { cwd })).split("\n");
  expect((await ask(address)).status).toBe(200);
  expect(await home.ok(["status"])).toContain("first");
  await home.ok(["down", "--yes"], { cwd });
});

test("logs are followed across instances that come later", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(web({ replicas: 1, env: { SAY: "here" } }))]);
  const logs = home.start(["logs", "api", "-f"]);
  const [first] = await home.instances("api");
  await until("the first line", () => logs.said().includes(`${first?.metadata.name ?? "?"}`));
  kill(Number(first?.status?.["identity"]?.["pid"]));
  const second = await until("another instance", async () => {
    const [now] = await home.instances("api");
    return now !== undefined && now.metadata.uid !== first?.metadata.uid ? now : undefined;
  });
  await until("its line", () => new RegExp(`${second.metadata.name}.*the value is here`).test(logs.said()));
  logs.child.kill("SIGINT");
  expect((await logs.done).signal).toBeNull();
});

test("a command runs inside an instance, with its environment, input and exit code", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(web({ replicas: 1, env: { VERSION: "inside" } }))]);
  expect(await home.ok(["exec", "api", "--", "sh", "-c", "echo $VERSION $TUTTI_SERVICE"])).toBe(
    "inside api\n",
  );
  expect(await home.ok(["exec", "api", "-i", "--", "cat"], { input: "through\n" })).toBe("through\n");
  expect(await home.tutti(["exec", "api", "--", "sh", "-c", "exit 7"])).toMatchObject({ code: 7 });
});

test("the tools around it answer", async () => {
  const home = openHome();
  await home.serve();
  expect(await home.ok(["version"])).toMatch(/\d+\.\d+\.\d+/);
  expect(await home.ok(["doctor"])).toMatch(/Control plane/);
  expect(JSON.parse(await home.ok(["schema"]))).toMatchObject({ $schema: expect.any(String) as string });
  expect(await home.ok(["kubeconfig"])).toContain("current-context");
  for (const shell of ["bash", "zsh", "fish"])
    expect(await home.ok(["completion", shell])).toContain("tutti");
  expect(await home.tutti(["stauts"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("status") as string,
  });
});
