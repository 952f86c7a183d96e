/**
 * Programs that steps left running when the control plane was killed, and that nobody takes over: their step was cancelled
 * meanwhile. All of them are there when the next control plane begins, so they are looked for once.
 *
 *     found at the begin ──its attempt goes on──▶ taken over (execution.ts)
 *                        └──its run is over────▶ ended and removed
 */
import type { Clock } from "../../clock/clock.ts";
import type { Resource } from "../../model/resource.ts";
import type { Keyring } from "../../model/sealed.ts";
import type { InstanceEngines } from "../../provider/placement.ts";
import type { Identity, InstanceProvider } from "../../provider/provider.ts";
import type { Store } from "../../store/store.ts";
import { programSpec } from "./program.ts";

export interface StrayOptions {
  readonly store: Pick<Store, "get" | "watch" | "revision">;
  readonly engines: Pick<InstanceEngines, "instance">;
  readonly clock: Clock;
  readonly keyring: Keyring;
  /** Some attempt has it. */
  readonly isTaken: (uid: string) => boolean;
}

interface Stray {
  readonly identity: Identity;
  readonly provider: InstanceProvider;
}

/** Where programs of steps run that are looked for: on this machine. Those of other places are ended by their attempts only. */
const CLASSES = ["process", "docker"];
const ENDED: ReadonlySet<string> = new Set(["Succeeded", "Failed", "Cancelled"]);

/** Resolves once those whose runs are over already have ended; the others end with their runs. */
export async function endStrays(options: StrayOptions): Promise<void> {
  const { store } = options;
  const strays = new Set((await Promise.all(CLASSES.map((name) => straysOf(name, options)))).flat());
  if (strays.size === 0) return;
  const look = async (): Promise<void> => {
    for (const stray of strays) {
      if (options.isTaken(stray.identity.uid)) strays.delete(stray);
      else if (isOver(stray.identity, store)) {
        strays.delete(stray);
        await end(stray, options);
      }
    }
    if (strays.size === 0) unsubscribe();
  };
  const unsubscribe = store.watch(store.revision, (changes) => {
    if (changes.some(({ key }) => key.kind === "Run")) void look();
  });
  await look();
}

async function straysOf(name: string, { engines }: StrayOptions): Promise<readonly Stray[]> {
  try {
    const provider = engines.instance({ class: name, location: "local" });
    const found = (await provider.running?.("Step")) ?? [];
    return found.map((identity) => ({ identity, provider }));
  } catch {
    return []; // there is no such class here, or it does not answer
  }
}

/** Its name is that of its run and its uid (program.ts), where that is not too long. */
function isOver({ namespace, name, uid }: Identity, store: Pick<Store, "get">): boolean {
  const run = name.slice(0, -uid.length - 1);
  if (run.length >= 100) return false;
  const found = store.get({ kind: "Run", namespace, name: run }) as
    | Resource<unknown, { readonly phase?: string }>
    | undefined;
  return found === undefined || ENDED.has(found.status?.phase ?? "");
}

async function end({ identity, provider }: Stray, { clock, keyring }: StrayOptions): Promise<void> {
  const spec = programSpec(identity, {
    workingDirectory: ".",
    folder: "/",
    env: {},
    resources: {},
    grace: "10s",
    once: {},
  });
  const { signal } = new AbortController();
  try {
    await provider.stop(identity, spec, { clock, keyring, signal });
    await provider.purge(identity, spec, { keepLog: false });
  } catch {
    // The next control plane finds it again.
  }
}
