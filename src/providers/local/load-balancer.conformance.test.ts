/** The class `embedded` of LoadBalancer keeps what every class of it must. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../clock/clock.ts";
import { validate } from "../../kinds/validate.ts";
import { conformanceContext } from "../../provider/conformance.ts";
import { trafficConformance } from "../../provider/traffic-conformance.ts";
import { processId } from "./home.ts";
import { localProviders } from "./index.ts";
import { Supervisor } from "./supervisor/supervisor.ts";

trafficConformance("the embedded balancer", {
  open: async () => {
    const folder = mkdtempSync(join(tmpdir(), "tutti-traffic-"));
    const settings = { folder, clock: systemClock, keyring: conformanceContext.keyring };
    let local = await localProviders(settings);
    return {
      provider: local.balancers,
      reopen: async () => {
        local.close();
        local = await localProviders(settings);
        return local.balancers;
      },
      kill: async (identity) => {
        const { supervisor } = await Supervisor.open({ home: folder, clock: systemClock });
        const running = supervisor.find(processId(identity));
        supervisor.close();
        if (running === undefined) throw new Error("It does not run.");
        await new Promise<void>((resolve) => {
          local.onServerExit(({ name }) => {
            if (name === identity.name) resolve();
          });
          process.kill(running.pid, "SIGKILL");
        });
      },
      cleanup: () => {
        local.close();
        rmSync(folder, { recursive: true, force: true });
        return Promise.resolve();
      },
    };
  },
  spec: (declared) => {
    const { resource, diagnostics } = validate({
      kind: "LoadBalancer",
      metadata: { name: "front" },
      spec: declared,
    });
    if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
    return resource.spec;
  },
});
