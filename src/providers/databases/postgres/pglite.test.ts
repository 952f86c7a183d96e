import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import connect from "postgres";
import { expect, test, vi } from "vitest";
import { freePort } from "../../../provider/ports.ts";
import { Supervisor } from "../../local/supervisor/supervisor.ts";
import { checkReady } from "./database.ts";
import { pgliteCommand } from "./pglite.ts";

test(
  "PGlite serves several clients on a port, and keeps what it holds over a stop",
  { timeout: 120_000 },
  async () => {
    const home = realpathSync(mkdtempSync(join(tmpdir(), "tutti-pglite-")));
    const { supervisor } = await Supervisor.open({ home });
    const port = (await freePort({ seed: home }))!;
    const server = { port, user: "postgres", password: "any" };
    const start = async (): Promise<void> => {
      await supervisor.start({
        id: "database/a",
        ...pgliteCommand({ dataFolder: home, port }),
        logFile: join(home, "log"),
      });
      await vi.waitFor(async () => expect(await checkReady(server)).toEqual({ ready: true }), {
        timeout: 60_000,
        interval: 50,
      });
    };
    try {
      await start();
      const clients = [0, 1].map(() =>
        connect({ host: "127.0.0.1", ...server, database: "postgres", max: 1 }),
      );
      await clients[0]!`create table t (n int)`;
      await Promise.all(clients.map((sql, n) => sql`insert into t values (${n})`));
      await Promise.all(clients.map((sql) => sql.end()));
      await supervisor.stop("database/a");
      expect(readFileSync(join(home, "log"), "utf8")).toContain("not durable");
      await start();
      const sql = connect({ host: "127.0.0.1", ...server, database: "postgres", max: 1 });
      expect(await sql`select n from t order by n`).toEqual([{ n: 0 }, { n: 1 }]);
      await sql.end();
    } finally {
      await supervisor.kill("database/a");
      supervisor.close();
      rmSync(home, { recursive: true, force: true });
    }
  },
);
