/** A control plane in a process of its own, for the scripts of this folder: `node serving.ts <state folder>`. */
import { StateFolder } from "../../src/app/home.ts";
import { serve } from "../../src/app/serve.ts";

const serving = await serve({ folder: new StateFolder(process.argv[2] ?? ""), level: "warn" });
const stop = (): void => void serving.stop().then(() => process.exit(0));
process.once("SIGTERM", stop);
process.once("SIGINT", stop);
process.once("disconnect", stop);
process.send?.("ready");
