import { cel, database, schedule, system, workflow, z } from "tutti";

const orders = database("orders");

/** By which the pipeline knows the backups that it made. */
const labels = { "made-by": "nightly-backup" };

/** Whatever goes wrong while it is restored: the backup is not good for what it is for. */
const HOPELESS = ["Failed", "RestoreDiffers", "BackupUnusable"];

const backup = workflow(
  "backup",
  {
    description:
      "Backs the orders up, restores the backup beside them, looks into what was restored, and tidies up.",
    parameters: z.object({
      backup: z.string().optional().describe("Tests this one; a new one is made when absent."),
      keep: z.number().int().min(1).default(7),
    }),
    concurrency: 1,
    timeout: "3h",
  },
  (flow) => {
    // One that is named was asked for by somebody, and is not pruned; another is named by the run.
    const isNamed = cel`has(${flow.param.backup})`;
    const metadata = {
      name: cel`${isNamed} ? ${flow.param.backup} : null`,
      labels: cel`${isNamed} ? {} : ${labels}`,
    };
    const made = flow.resource("backup", "apply", {
      manifest: { kind: "Backup", metadata, spec: { database: orders } },
      until: "Ready",
      failOn: ["Failed"],
    });
    const restored = flow.resource(
      "restore",
      "create",
      {
        manifest: {
          kind: "Database",
          metadata: { name: "orders-check" },
          spec: { restore: { backup: made.name } },
        },
        until: "Ready",
        failOn: HOPELESS,
      },
      { timeout: { total: "1h" } },
    );
    const checked = flow.run(
      "check",
      ["node", "check.ts"],
      { environment: { DATABASE_URL: "${database.orders-check.status.url}" }, output: "json" },
      { after: restored },
    );

    const all = flow.resource("list", "list", { kind: "Backup", labels }, { after: checked });
    const old = flow.transform<readonly string[]>(
      "old",
      "[(items[status.verified])[[$$.keep..9999]].metadata.name]",
      cel`{"items": ${all.items}, "keep": ${flow.param.keep}}`,
    );
    const pruned = flow.map("prune", old, (one, each) =>
      each.resource("remove", "delete", { target: cel<string>`"backup/" + ${one}` }),
    );

    flow.finally((last) => last.resource("scratch", "delete", { target: "database/orders-check" }));
    return {
      backup: made.name,
      bytes: made.resource.status["bytes"],
      startedAt: made.resource.status["startedAt"],
      finishedAt: made.resource.status["finishedAt"],
      restored: checked.output,
      pruned: cel`${pruned}.map(one, one.name)`,
    };
  },
);

const nightly = schedule("nightly", {
  workflow: backup,
  rules: [{ cron: "0 3 * * *" }],
  timeZone: "Europe/Berlin",
  missed: { run: "last" },
  deadline: { time: "06:00" },
});

export default system("books", [orders, backup, nightly]);
