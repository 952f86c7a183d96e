import { cel, retry, system, undoTask, workflow, z } from "tutti";
import { build, scan, smoke, watch } from "./handlers.ts";

const release = workflow(
  "release",
  {
    description: "Takes a version of the storefront through staging and a canary into production.",
    parameters: z.object({
      version: z.string(),
      source: z.string().default(`${import.meta.dirname}/../storefront`),
      releases: z.string().default(`${import.meta.dirname}/out`),
      report: z.url().describe("Who is told how it went."),
    }),
    concurrency: 1,
    timeout: "1d",
  },
  (flow) => {
    const { version } = flow.param;
    const built = flow.step("build", build, { source: flow.param.source, releases: flow.param.releases });
    const scanned = flow.map("scan", built.files, (file, each) =>
      each.step("file", scan, { folder: built.folder, file }),
    );

    const from = cel<string>`${built.folder} + "/tutti.ts"`;
    const staging = flow.apply(
      "staging",
      "storefront",
      { from, namespace: "staging", parameters: { version, replicas: 1 } },
      { after: scanned, timeout: "10m" },
    );
    const tested = flow.step("smoke", smoke, { addresses: staging.addresses, version }, { timeout: "1m" });

    // What is approved is this very plan: should production change meanwhile, the canary does not begin.
    const wanted = { from, namespace: "production", parameters: { version, canary: true } };
    const plan = flow.apply("plan", "storefront", { ...wanted, dryRun: true }, { after: tested });
    const approved = flow.approval("approve", {
      title: `Release ${String(version)} of the storefront?`,
      subject: { version, release: built.release, plan: plan.plan },
    });
    const canary = flow.apply(
      "canary",
      "storefront",
      { ...wanted, plan: plan.plan.hash, wait: false },
      {
        after: approved,
        compensate: (own) =>
          undoTask("apply", { system: "storefront", namespace: "production", revision: own.previous }),
      },
    );
    // Both at once: it is watched while it takes over, and either failure brings the version before back.
    flow.step(
      "watch",
      watch,
      { addresses: canary.addresses, version, answers: 50 },
      {
        when: cel<boolean>`size(${canary.addresses}) > 0`,
        timeout: { total: "10m", heartbeat: "1m" },
      },
    );
    const production = flow.apply(
      "production",
      "storefront",
      { namespace: "production" },
      { after: canary, timeout: "10m" },
    );

    flow.finally((last, error) => {
      // What was not done by then is null.
      const body = { version, built, production, failure: error };
      last.http("report", flow.param.report, { method: "POST", body }, { retry: retry(5) });
    });
    return { version, release: built.release, addresses: production.addresses };
  },
);

export default system("release", [release]);
