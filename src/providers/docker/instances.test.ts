/** Class docker keeps the contract of instances, on a real dockerd. */
import { afterAll, beforeAll } from "vitest";
import { instanceConformance } from "../../provider/conformance.ts";
import { type Daemon, startDaemon } from "./fixtures/daemon.ts";
import { instanceSpec, lasting, openInstances } from "./fixtures/provider.ts";

let daemon: Daemon;
beforeAll(async () => {
  daemon = await startDaemon();
});
afterAll(() => daemon.close());

const env = { GREETING: "hello" };

instanceConformance("Class docker", {
  open: async () => {
    let { provider } = openInstances(daemon);
    return {
      provider,
      reopen: () => {
        provider.close();
        ({ provider } = openInstances(daemon));
        return Promise.resolve(provider);
      },
      cleanup: async () => {
        await provider.forget({ namespace: "default", name: "api" });
        provider.close();
      },
    };
  },
  lasting: instanceSpec({ command: lasting("echo started; echo $GREETING"), env }),
  ending: instanceSpec({ command: ["/bin/sh", "-c", "exit 3"] }),
  impossible: instanceSpec({ command: ["there-is-no-such-program"] }),
});
