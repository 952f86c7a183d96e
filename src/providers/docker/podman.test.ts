/** Podman's compatible socket is as good: class docker keeps the contract of instances there as well. */
import { afterAll, beforeAll } from "vitest";
import { instanceConformance } from "../../provider/conformance.ts";
import { type Podman, startPodman } from "./fixtures/podman.ts";
import { instanceSpec, lasting, openInstances } from "./fixtures/provider.ts";

let podman: Podman;
beforeAll(async () => {
  podman = await startPodman();
});
afterAll(() => podman.close());

instanceConformance("Class docker on Podman", {
  open: async () => {
    let { provider } = openInstances(podman);
    return {
      provider,
      reopen: () => {
        provider.close();
        ({ provider } = openInstances(podman));
        return Promise.resolve(provider);
      },
      cleanup: async () => {
        await provider.forget({ namespace: "default", name: "api" });
        provider.close();
      },
    };
  },
  lasting: instanceSpec({ command: lasting("echo started; echo $GREETING"), env: { GREETING: "hello" } }),
  ending: instanceSpec({ command: ["/bin/sh", "-c", "exit 3"] }),
  impossible: instanceSpec({ command: ["there-is-no-such-program"] }),
});
