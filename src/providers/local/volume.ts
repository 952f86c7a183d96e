/** Class `directory`: a volume is a folder below the home, named after the resource. */
import { existsSync, mkdirSync } from "node:fs";
import type { Desired, Observation, Provider, ProviderContext } from "../../provider/provider.ts";
import type { Home } from "./home.ts";

export function directoryVolumes(home: Home): Provider {
  const folder = (desired: Desired): string => home.folderOf("volumes", desired.identity);
  const observe = (desired: Desired): Observation | undefined =>
    existsSync(folder(desired)) ? { ready: true, outputs: { path: folder(desired) } } : undefined;
  return {
    kind: "Volume",
    class: "directory",
    capabilities: [
      "a folder of this machine, shared by all instances that use it",
      "keeps its files across restarts",
      "does not enforce a size",
    ],
    observe: (desired) => Promise.resolve(observe(desired)),
    ensure: (desired) => {
      mkdirSync(folder(desired), { recursive: true, mode: 0o700 });
      return Promise.resolve(observe(desired) as Observation);
    },
    remove: async (desired, context: ProviderContext & { readonly keepData: boolean }) => {
      if (context.keepData) return existsSync(folder(desired)) ? [folder(desired)] : [];
      await home.discard(folder(desired));
      return [];
    },
  };
}
