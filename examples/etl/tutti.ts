import { retry, schedule, system, workflow, z } from "tutti";
import { list, load, publish } from "./handlers.ts";

const sales = workflow(
  "sales",
  {
    description: "Sums up the orders of every file in a folder, and says where each figure comes from.",
    parameters: z.object({ folder: z.string(), to: z.string() }),
    timeout: "1h",
  },
  (flow) => {
    const found = flow.step("list", list, { folder: flow.param.folder });
    const parts = flow.map(
      "files",
      found.files,
      (file, each) => each.step("load", load, { file }, { retry: retry(3), timeout: "1m" }),
      { concurrency: 4 },
    );
    return flow.step("publish", publish, { parts, to: flow.param.to });
  },
);

const nightly = schedule("nightly", {
  workflow: sales,
  parameters: { folder: `${import.meta.dirname}/data`, to: `${import.meta.dirname}/out/sales.json` },
  rules: [{ cron: "30 2 * * *" }],
  timeZone: "Europe/Berlin",
  deadline: { time: "06:00" },
});

export default system("etl", [sales, nightly]);
