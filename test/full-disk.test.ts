import { execFileSync } from "node:child_process";
import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { TestHome } from "./support/home.ts";
import { web } from "./support/systems.ts";

/** A disk of its own for the state folder; undefined where we may not mount one. */
function smallDisk(home: TestHome): boolean {
  try {
    home.folder("h");
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", home.path], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Until nothing more goes onto its disk, whoever else writes there meanwhile. */
function fill(file: string): void {
  for (let size = 1 << 20; size >= 512; size /= 2) {
    try {
      for (;;) appendFileSync(file, Buffer.alloc(size));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  }
}

test("on a full disk a change is refused with the remedy and changes nothing; with room again it is made", async ({
  skip,
}) => {
  const home = new TestHome();
  onTestFinished(() => home.destroy());
  if (!smallDisk(home)) return skip("mounting a small disk needs more rights than we have");
  onTestFinished(() => void execFileSync("umount", ["--lazy", home.path]));

  await home.ok(["up", home.declare(web({ replicas: 1, env: { VERSION: "one" } }))]);
  const running = await home.pids("api");
  const filler = join(home.path, "filler");
  fill(filler);
  const changed = home.declare(web({ replicas: 1, env: { VERSION: "two".padEnd(200_000, "o") } }));
  const { code, stderr } = await home.tutti(["up", changed]);
  expect({ code, stderr }).toMatchObject({ code: 2 });
  expect(stderr).toMatch(/error StorageFull/);
  expect(stderr).toMatch(/→ .*[Mm]ake room/);
  expect((await home.get("Service/api"))?.spec?.["env"]).toEqual({ VERSION: "one" });
  expect(await home.pids("api")).toEqual(running);

  rmSync(filler);
  await home.ok(["up", home.declare(web({ replicas: 1, env: { VERSION: "two" } }))]);
  expect((await home.get("Service/api"))?.spec?.["env"]).toEqual({ VERSION: "two" });
});
