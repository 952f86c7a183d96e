/** What is left of runs that are not kept: nothing, neither in the journal, nor of blobs and logs; on real files. */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock as clock } from "../../clock/clock.ts";
import { Runtime } from "../../controller/runtime.ts";
import { type Run, hasEnded, runDraft } from "../../controller/runs.ts";
import { IndexView } from "../../controller/view.ts";
import { validate } from "../../kinds/validate.ts";
import { keyOf } from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { openEngine } from "../../workflow/engine/engine.ts";
import { openFileBlobs } from "../../workflow/journal/file-blobs.ts";
import { openFileJournal } from "../../workflow/journal/file.ts";
import type { Journal } from "../../workflow/journal/journal.ts";
import { LogFiles } from "../../workflow/log/attempt-logs.ts";
import { runController } from "../run/index.ts";
import { workflowController, workflowOf } from "./index.ts";

const cause = { actor: "user:test", action: "test" };
const RUNS = 2_000;
const KEPT = 5;
const SEGMENT = 64 << 10;

let folder: string;
let store: Store;
let runtime: Runtime;
let journal: Journal;
let logs: LogFiles;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tutti-forgotten-"));
  store = createMemoryStore({ clock });
  journal = openFileJournal(join(folder, "journal"), SEGMENT);
  logs = new LogFiles({ folder: join(folder, "logs"), clock, isEnded: () => true });
  let tell: (id: string, ended: boolean) => void = () => undefined;
  const engine = await openEngine({
    journal,
    blobs: openFileBlobs(join(folder, "blobs")),
    clock,
    logs,
    steps: {
      function: {
        execute: (attempt) => {
          attempt.log(`the log of ${attempt.run}`);
          return attempt.run.padEnd(40_000, "x");
        },
      },
    },
    recorded: (id, events) =>
      tell(
        id,
        events.some(({ type }) => type === "RunEnded"),
      ),
  });
  runtime = new Runtime(store, { clock });
  const runs = new IndexView<Run>("Run", workflowOf);
  runtime.addView(runs);
  const { controller, recorded } = runController(
    {
      store,
      clock,
      engine: () => Promise.resolve(engine),
      definition: () => Promise.resolve(undefined),
      forgetLogs: (id) => logs.forget(id),
    },
    (key) => runtime.trigger("run", key),
  );
  tell = recorded;
  runtime.addController(controller);
  runtime.addController(
    workflowController({
      store,
      clock,
      runs,
      offer: () => undefined,
      examine: () => true,
      problemsOf: () => [],
    }),
  );
  runtime.start();
});
afterEach(async () => {
  await runtime.stop();
  await logs.written();
  await journal.close();
  rmSync(folder, { recursive: true, force: true });
});

const runsNow = (): readonly Run[] => store.list({ kind: "Run" }).items as readonly Run[];

function filesBelow(name: string): readonly string[] {
  const top = join(folder, name);
  return readdirSync(top, { recursive: true, encoding: "utf8" }).filter((file) =>
    statSync(join(top, file), { throwIfNoEntry: false })?.isFile(),
  );
}

/** Resolves once it holds; the test's own time limit ends a wait in vain. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function begin(count: number, keep: object): Promise<void> {
  const steps = { a: { type: "function", handler: "a" } };
  const { resource } = validate({
    kind: "Workflow",
    metadata: { name: "w" },
    spec: { steps, output: 1, keep },
  });
  if (resource === undefined) throw new Error("No workflow.");
  await store.commit([{ type: "create", resource }], cause);
  for (let made = 0; made < count; made += 100)
    await store.commit(
      Array.from({ length: 100 }, (_, index) => ({
        type: "create",
        resource: runDraft(`r${made + index}`, "default", { workflow: "w", parameters: {} }),
      })),
      cause,
    );
}

describe("many runs", { timeout: 300_000 }, () => {
  it("beyond those that are kept leave nothing behind", async () => {
    await begin(RUNS, { succeeded: KEPT, failed: KEPT });
    await until(() => runsNow().length === KEPT && runsNow().every(hasEnded));
    await until(() => journal.runs().length === KEPT);
    await logs.written();
    expect(new Set(runsNow().map(({ metadata }) => `default/${metadata.name}`))).toEqual(
      new Set(journal.runs()),
    );
    // Of the definition, and of each run that is kept.
    expect(filesBelow("blobs").filter((file) => file.startsWith("content"))).toHaveLength(KEPT + 1);
    expect(readdirSync(join(folder, "logs", "default"))).toHaveLength(KEPT);
    await until(() => filesBelow("journal").filter((file) => file.endsWith(".journal")).length <= KEPT + 1);
  });

  it("that are deleted at once are gone, and so is all that there was of them", async () => {
    await begin(500, { succeeded: RUNS, failed: RUNS });
    await until(() => runsNow().every(hasEnded));
    const segments = (): readonly string[] =>
      filesBelow("journal").filter((file) => file.endsWith(".journal"));
    const before = segments().length;
    for (let done = 0, all = runsNow(); done < all.length; done += 200)
      await store.commit(
        all.slice(done, done + 200).map((run) => ({ type: "delete", key: keyOf(run) })),
        cause,
      );
    await until(() => runsNow().length === 0 && journal.runs().length === 0);
    await logs.written();
    expect(before).toBeGreaterThan(1);
    await until(() => segments().length <= 1);
    expect(filesBelow("blobs").filter((file) => file.startsWith("content"))).toHaveLength(1);
    expect(filesBelow("logs")).toEqual([]);
  });
});
