import { readCases } from "./cases.ts";
import { newWorld } from "./world.ts";
const cases = readCases("/work/shared/corpora/argo").filter(
  (c) => !c.local && !c.needs.some((n) => ["templateRef", "k8s-config", "resource", "plugin"].includes(n)),
);
const world = await newWorld(cases);
await Promise.all(
  cases.map(async (one) => {
    const r = await Promise.race([
      world.run(one),
      new Promise<{ phase: string; message: string }>((r) =>
        setTimeout(() => r({ phase: "HANG", message: "" }), 60000).unref(),
      ),
    ]);
    if (r.phase !== one.expected_phase)
      console.log(
        one.id,
        one.needs.join(),
        r.phase,
        r.message.slice(0, 220),
        "EXPECTED",
        one.expected_phase,
        one.expected_message,
      );
    else console.log("ok", one.id);
  }),
);
world.close();
process.exit(0);
