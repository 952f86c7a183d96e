/**
 * The order in which test files are started. Many of them mostly wait (for an alert that is due after half a minute, for a
 * container to end), so twice as many run at once as there are processors, and the longest are started first: none
 * is left over at the end, alone.
 *
 * 1. `longest`, in that order. A list that is out of date costs time and nothing else.
 * 2. Tests of whole systems, then units with real parts, then those that share processes (vitest.config.ts); of one
 *    kind the longest file first, in characters.
 */
import { statSync } from "node:fs";
import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { root } from "./sources.ts";

/** Files that take more than 15 s on a machine with two processors. */
export const longest: readonly string[] = [
  "test/monitoring-outage.test.ts",
  "test/docs.test.ts",
  "test/containers.test.ts",
  "test/monitoring-quality.test.ts",
  "test/drift.test.ts",
  "test/prometheus.test.ts",
  "test/adoption.test.ts",
  "test/databases.test.ts",
  "test/autoscale.test.ts",
  "src/providers/databases/servers/system.test.ts",
  "test/locations.test.ts",
  "test/monitoring-bad-input.test.ts",
  "test/monitoring.test.ts",
  "test/argo-containers.test.ts",
  "test/release.test.ts",
  "test/monitoring-verbs.test.ts",
  "src/providers/databases/postgres/recovery.test.ts",
  "src/providers/local/load-balancer.conformance.test.ts",
  "test/monitoring-crash.test.ts",
  "src/controllers/workflow/forgotten.test.ts",
  "test/monitoring-clients.test.ts",
  "src/providers/databases/redis/backup.test.ts",
  "src/providers/docker/database-server.test.ts",
  "src/providers/databases/servers/embedded.test.ts",
  "test/crash.test.ts",
  "test/workflow-verbs.test.ts",
  "src/providers/databases/postgres/backup.test.ts",
  "src/controllers/monitor/generated-rules.test.ts",
  "src/workflow/worker/loss.test.ts",
  "src/app/password-rotation.test.ts",
  "src/app/monitoring/thread-failure.test.ts",
  "test/changes.test.ts",
  "test/rollout.test.ts",
  "test/places.test.ts",
  "test/backup.test.ts",
  "test/monitoring-rollout.test.ts",
  "src/providers/databases/postgres/cluster.test.ts",
  "src/providers/databases/mariadb/mariadb.test.ts",
];

/** Where a file of a project stands; `projects` in the order in which they are started. */
export function rank(path: string, project: string, projects: readonly string[]): number {
  const known = longest.indexOf(path);
  return known >= 0 ? known : longest.length + projects.indexOf(project);
}

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const projects = this.ctx.projects.map(({ name }) => name);
    const places = files.map((file) => ({
      file,
      rank: rank(relative(root, file.moduleId), file.project.name, projects),
      size: statSync(file.moduleId).size,
    }));
    return places.toSorted((a, b) => a.rank - b.rank || b.size - a.size).map(({ file }) => file);
  }
}
