/**
 * The same for what runs: instances that others changed beside us (`docker update`, `docker network disconnect`). Looked at
 * once a minute, and when told, where the engine can say how they are; set back without ending them, by the policy of their
 * Service. What ended or was taken away is no drift: another instance takes its place.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import type { DriftStatus } from "../../controller/drift.ts";
import { type Key, REQUESTS, type Resource, keyOf } from "../../model/resource.ts";
import type { InstanceEngines, Placement } from "../../provider/placement.ts";
import type {
  CallContext,
  Identity,
  InstanceProvider,
  InstanceSpec,
  ProviderContext,
} from "../../provider/provider.ts";
import type { Store } from "../../store/store.ts";
import { compare } from "./compare.ts";
import { judge } from "./entries.ts";
import { Hints } from "./hints.ts";
import { within } from "./limits.ts";
import { counted } from "./noise.ts";
import { record } from "./record.ts";

export interface InstanceDriftOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly engines: Pick<InstanceEngines, "instance" | "onReopened">;
  readonly context: Omit<ProviderContext, "signal">;
  /** Has it looked at here now. */
  readonly look: (key: Key) => void;
}

interface Status extends DriftStatus {
  readonly state?: string;
  readonly exit?: object;
  readonly identity?: Readonly<Record<string, string | number>>;
}
type Instance = Resource<InstanceSpec & Placement, Status | undefined>;
type Inspector = InstanceProvider & Required<Pick<InstanceProvider, "actual">>;

const EVERY = 60_000;
/** After something was set back. */
const SOON = 2_000;
const PATIENCE = 30_000;

export function instanceDriftController(options: InstanceDriftOptions): Controller {
  const { store, clock, engines } = options;
  const hints = new Hints(options);
  const deafen = engines.onReopened((location) =>
    hints.toldOfAll((key) => (store.get(key) as Instance | undefined)?.spec.location === location),
  );
  return {
    name: "drift-instances",
    concurrency: 8,
    *concerns({ key, resource, previous, type }) {
      if (key.kind !== "Instance") return;
      if (type === "DELETED") {
        if (hints.has(key)) yield key;
      } else if ((previous as Instance | undefined)?.status?.state !== (resource as Instance).status?.state)
        yield key;
    },
    initial: () => store.list({ kind: "Instance" }).items.map(keyOf),
    reconcile: async (key, context): Promise<Outcome> => {
      const instance = store.get(key) as Instance | undefined;
      const provider = instance === undefined ? undefined : inspectorOf(instance, options);
      if (instance === undefined || provider === undefined || !isRunning(instance)) {
        hints.forget(key);
        return undefined;
      }
      watch(instance, provider, hints, options);
      const isSetBack = await look(instance, provider, options, context);
      return { requeueAfter: isSetBack ? SOON : EVERY * (0.9 + 0.2 * clock.random()) };
    },
    stop: () => {
      deafen();
      hints.close();
    },
  };
}

function isRunning({ status, metadata }: Instance): boolean {
  return status?.state === "Running" && status.exit === undefined && metadata.deletionTimestamp === undefined;
}

function watch(
  instance: Instance,
  provider: Inspector,
  hints: Hints,
  { context: { keyring } }: InstanceDriftOptions,
): void {
  if (provider.watch === undefined) return;
  const { spec, status } = instance;
  const identity = identityOf(instance);
  hints.watch(
    keyOf(instance),
    { teller: provider, thing: [identity, status?.identity] },
    (changed, context) =>
      provider.watch?.(identity, spec, status?.identity, changed, { ...context, keyring }),
  );
}

function identityOf({ metadata: { namespace = "", name, uid } }: Instance): Identity {
  return { kind: "Instance", namespace, name, uid };
}

/** Undefined of engines that cannot say. */
function inspectorOf({ spec }: Instance, { engines }: InstanceDriftOptions): Inspector | undefined {
  try {
    const provider = engines.instance(spec);
    return provider.actual === undefined ? undefined : (provider as Inspector);
  } catch {
    return undefined;
  }
}

async function look(
  instance: Instance,
  provider: Inspector,
  options: InstanceDriftOptions,
  context: ReconcileContext,
): Promise<boolean> {
  const { clock, context: given } = options;
  const { spec } = instance;
  const identity = identityOf(instance);
  const { name } = identity;
  const call = (signal: AbortSignal): CallContext => ({ ...given, signal });
  try {
    const actual = await within(clock, PATIENCE, context.signal, (signal) =>
      provider.actual(identity, spec, call(signal)),
    );
    if (actual === undefined) return false;
    const differences = compare(spec.run, actual, { kind: "Instance", name, schema: undefined });
    const governed = { ...policyOf(instance, options), status: instance.status } as Resource;
    const { judged } = judge(
      governed,
      { isGone: false, differences },
      { keyring: given.keyring, now: clock.now() },
    );
    const again = judged.filter(({ entry, isLeft }) => entry.answer === "revert" && !isLeft);
    const before = instance.status?.setBack;
    const setBack =
      again.length === 0
        ? before
        : counted(
            before,
            again.map(({ occurrence }) => occurrence),
            clock.now(),
          );
    await record(instance, { judged, setBack }, options, context.cause("observe"));
    if (again.length > 0)
      await within(clock, PATIENCE, context.signal, async (signal) =>
        provider.setBack?.(identity, spec, call(signal)),
      );
    return again.length > 0;
  } catch (error) {
    if (context.signal.aborted) throw error;
    // An engine that does not answer is told by those who need it.
    return false;
  }
}

/** The Service says what is done about its instances; what it was asked to do about its own declaration is not meant. */
function policyOf({ spec, metadata, ...instance }: Instance, { store }: InstanceDriftOptions): object {
  const key: Key = { kind: "Service", namespace: metadata.namespace ?? "default", name: spec.service };
  const service = store.get(key);
  const { [REQUESTS.revert]: _revert, ...annotations } = service?.metadata.annotations ?? {};
  return { ...instance, spec: service?.spec ?? {}, metadata: { ...metadata, annotations } };
}
