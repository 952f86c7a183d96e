/** Everything that one machine with nothing installed can do: the embedded classes. */
import type { Clock } from "../../clock/clock.ts";
import type { Keyring } from "../../model/sealed.ts";
import type { Provider } from "../../provider/provider.ts";
import type { ServerHost } from "../../provider/server-host.ts";
import { embeddedMonitors } from "./monitor.ts";
import { embeddedDns } from "./dns.ts";
import { Home, identityOfProcess, isInstance } from "./home.ts";
import { EmbeddedBalancers } from "./load-balancer.ts";
import { loopbackNetworks } from "./network.ts";
import { ProcessProvider } from "./process.ts";
import { localServerHost } from "./server-host.ts";
import { LogWatch } from "./supervisor/log-watch.ts";
import { Supervisor } from "./supervisor/supervisor.ts";
import { directoryVolumes } from "./volumes/directory.ts";
import { loopVolumes } from "./volumes/loop.ts";

export interface LocalProviders {
  readonly instances: ProcessProvider;
  readonly balancers: EmbeddedBalancers;
  /** For providers that run server programs on this machine. */
  readonly servers: ServerHost;
  /** All but the instances', balancers included. */
  readonly providers: readonly Provider[];
  /** Called when a process that serves a resource (not an instance) has ended by itself. */
  readonly onServerExit: (
    listener: (resource: {
      readonly kind: string;
      readonly namespace: string;
      readonly name: string;
    }) => void,
  ) => void;
  /** What runs goes on, to be found by the next control plane of this home. */
  readonly close: () => void;
}

export async function localProviders(options: {
  readonly folder: string;
  readonly clock: Clock;
  readonly keyring: Keyring;
}): Promise<LocalProviders> {
  const home = new Home(options.folder);
  const { supervisor } = await Supervisor.open({ home: options.folder, clock: options.clock });
  const logs = new LogWatch({ clock: options.clock });
  const parts = { home, supervisor, logs };
  const balancers = new EmbeddedBalancers(parts);
  return {
    instances: new ProcessProvider({ ...parts, keyring: options.keyring }),
    balancers,
    servers: localServerHost(parts),
    providers: [
      embeddedMonitors(),
      directoryVolumes(home),
      loopVolumes(home),
      loopbackNetworks(),
      balancers,
      ...embeddedDns(parts),
    ],
    onServerExit: (listener) => {
      supervisor.onExit((exit) => {
        const identity = exit.requested ? undefined : identityOfProcess(exit.id);
        if (identity !== undefined && !isInstance(identity)) listener(identity);
      });
    },
    close: () => {
      balancers.close();
      logs.close();
      supervisor.close();
    },
  };
}
