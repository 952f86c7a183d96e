/** Containers that somebody changed beside us with `docker update`, on a real dockerd. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { conformanceContext as context } from "../../provider/conformance.ts";
import type { Identity } from "../../provider/provider.ts";
import { type Daemon, startDaemon } from "./fixtures/daemon.ts";
import { instanceSpec, lasting, openInstances } from "./fixtures/provider.ts";

let daemon: Daemon;
beforeAll(async () => {
  daemon = await startDaemon();
});
afterAll(() => daemon.close());

const identity: Identity = {
  kind: "Instance",
  namespace: "default",
  name: "api-1",
  uid: "7c1d2c1e-0000-4000-8000-000000000007",
};

it("says other limits than it was started with, and sets them back without ending it", async () => {
  const { provider } = openInstances(daemon);
  const plain = instanceSpec({ command: lasting("echo started") });
  const spec = { ...plain, run: { ...plain.run, resources: { memory: "64Mi", cpu: "500m" } } };
  try {
    const { identity: id } = await provider.start(identity, spec, context);
    const container = daemon.docker.getContainer(String(id["container"]));
    const asMade = { resources: { memory: "64Mi", cpu: "500m" } };
    expect(await provider.actual(identity, spec, context)).toEqual(asMade);

    await container.update({
      Memory: 128 * 2 ** 20,
      MemorySwap: 128 * 2 ** 20,
      CpuPeriod: 100_000,
      CpuQuota: 200_000,
      RestartPolicy: { Name: "always" },
    });
    expect(await provider.actual(identity, spec, context)).toEqual({
      resources: { memory: "134217728", cpu: "2" },
      restartPolicy: "always",
    });

    const { Pid } = (await container.inspect()).State;
    await provider.setBack(identity, spec, context);
    expect(await provider.actual(identity, spec, context)).toEqual(asMade);
    expect((await container.inspect()).State).toMatchObject({ Pid, Running: true });
    await provider.stop(identity, spec, context);
    expect(await provider.actual(identity, spec, context)).toBeUndefined();
  } finally {
    await provider.stop(identity, spec, context);
    await provider.purge(identity, spec, { keepLog: false });
    provider.close();
  }
});
