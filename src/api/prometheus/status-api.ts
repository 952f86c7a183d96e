/** `/status/buildinfo` and `/status/runtimeinfo`, as far as they mean anything here. */
interface StatusParts {
  readonly version: string;
  readonly startedAt: number;
  readonly now: () => number;
  readonly retention: string;
}

/** The version of Prometheus whose API and language this is: clients decide by it what they may ask. */
const COMPATIBLE = "3.5.0";

export const statusData = {
  buildinfo: ({ version }: StatusParts) => ({
    version: COMPATIBLE,
    revision: `tutti-${version}`,
    branch: "",
    buildUser: "",
    buildDate: "",
    goVersion: "",
  }),
  runtimeinfo: ({ startedAt, retention, now }: StatusParts) => ({
    startTime: new Date(startedAt).toISOString(),
    CWD: "",
    hostname: "",
    serverTime: new Date(now()).toISOString(),
    reloadConfigSuccess: true,
    lastConfigTime: new Date(startedAt).toISOString(),
    corruptionCount: 0,
    goroutineCount: 0,
    GOMAXPROCS: 1,
    storageRetention: retention,
  }),
};
