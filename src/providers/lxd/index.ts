/** What LXD makes: machines, networks and volumes. */
import type { Provider } from "../../provider/provider.ts";
import { Lxd, type LxdSettings } from "./client.ts";
import { Events } from "./events.ts";
import { LxdMachines } from "./machine.ts";
import { LxdNetworks } from "./network.ts";
import { type BridgeOf, Places } from "./surroundings.ts";
import { LxdVolumes } from "./volume.ts";

export interface LxdOptions {
  readonly engine: LxdSettings;
  /** Of the control plane, unique among all that use this LXD. */
  readonly home: string;
  /** Where disks and volumes are made; `default`, or the only one, when absent. */
  readonly pool?: string;
  readonly bridgeOf?: BridgeOf;
}

export interface LxdProviders {
  readonly providers: readonly Provider[];
  /** What it is, one phrase; rejects in one sentence when it cannot be reached. */
  readonly describe: () => Promise<string>;
  readonly close: () => void;
}

/** Opening reaches nobody. */
export function lxdProviders({ engine, home, pool, bridgeOf }: LxdOptions): LxdProviders {
  const lxd = new Lxd(engine);
  const events = new Events(lxd);
  const places = new Places(lxd, home, pool, bridgeOf);
  return {
    providers: [
      new LxdMachines(places, events),
      new LxdNetworks(places, events),
      new LxdVolumes(places, events),
    ],
    close: () => events.close(),
    describe: async () => {
      const { auth, environment } = await lxd.get<{
        readonly auth: string;
        readonly environment: { readonly server_version?: string; readonly server_name?: string };
      }>("/1.0", AbortSignal.timeout(10_000));
      if (auth !== "trusted") throw new Error(`LXD at ${lxd.endpoint} does not trust this certificate.`);
      return `LXD ${environment.server_version ?? ""} on ${environment.server_name ?? lxd.endpoint}`;
    },
  };
}
