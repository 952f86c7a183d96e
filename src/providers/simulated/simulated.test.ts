import { instanceConformance } from "../../provider/conformance.ts";
import type { InstanceSpec } from "../../provider/provider.ts";
import { SimulatedProvider, World } from "./index.ts";

const spec = (template: string): InstanceSpec => ({
  service: "api",
  template,
  run: {
    command: ["program"],
    workingDirectory: ".",
    folder: "/",
    env: {},
    ports: [],
    volumes: [],
    resources: {},
    stop: { signal: "SIGTERM", grace: "1s", drain: "0s" },
  },
  ports: {},
});

instanceConformance("The simulated class", {
  open: () => {
    const world = new World({
      onStart: ({ template }) => {
        if (template === "ending") return { exit: 3 };
        return template === "impossible" ? { fail: new Error("It cannot be started.") } : undefined;
      },
    });
    return Promise.resolve({
      provider: new SimulatedProvider(world),
      reopen: () => Promise.resolve(new SimulatedProvider(world)),
      cleanup: () => Promise.resolve(),
    });
  },
  lasting: spec("lasting"),
  ending: spec("ending"),
  impossible: spec("impossible"),
  silent: "a simulated instance says nothing",
});
