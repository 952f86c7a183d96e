/** The local supervisor, state folder and ports as other providers of this machine see them (provider/server-host.ts). */
import { join } from "node:path";
import type { Identity } from "../../provider/provider.ts";
import type { ServerHost } from "../../provider/server-host.ts";
import { type Home, processId } from "./home.ts";
import { portObstacles } from "./obstacles.ts";
import { removeLog } from "./supervisor/log-files.ts";
import type { LogWatch } from "./supervisor/log-watch.ts";
import { describePortInUse, freePort } from "../../provider/ports.ts";
import type { Supervisor } from "./supervisor/supervisor.ts";

export function localServerHost({
  home,
  supervisor,
  logs,
}: {
  readonly home: Home;
  readonly supervisor: Supervisor;
  readonly logs: LogWatch;
}): ServerHost {
  return {
    folder: (area, { namespace, name }) => home.ensure(area, namespace, name),
    discard: (folder) => home.discard(folder),
    socket: (identity, purpose) => home.socketOf(idOf(identity, purpose)),
    start: async (identity, program, purpose) => {
      const { pid, created: started } = await supervisor.start({ id: idOf(identity, purpose), ...program });
      logs.add(program.logFile);
      return { pid, started };
    },
    find: (identity, purpose) => supervisor.find(idOf(identity, purpose))?.pid,
    stop: (identity, { purpose, ...options } = {}) => supervisor.stop(idOf(identity, purpose), options),
    signal: (identity, signal, purpose) => supervisor.signal(idOf(identity, purpose), signal),
    discardLog: (logFile) => {
      logs.delete(logFile);
      removeLog(logFile);
    },
    freePort: async ({ wished, taken, seed }) => {
      const within = { seed: join(home.folder, seed), ...(taken === undefined ? {} : { taken }) };
      const first = wished === undefined ? undefined : await freePort({ ...within, range: [wished, wished] });
      return first ?? freePort(within);
    },
    describePortInUse,
    portObstacles: (wanted) => portObstacles(home, wanted),
  };
}

function idOf(identity: Identity, purpose: string | undefined): string {
  return purpose === undefined ? processId(identity) : `${processId(identity)}/${purpose}`;
}
