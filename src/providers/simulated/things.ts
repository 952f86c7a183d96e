/** Class `simulated` of the kinds that a provider makes (databases, volumes): things that exist in a World only. */
import type { Desired, Identity, Observation, Provider, ProviderContext } from "../../provider/provider.ts";
import type { World } from "./world.ts";

const never = new Promise<never>(() => {});

export class SimulatedThings implements Provider {
  readonly kind: string;
  readonly class = "simulated";
  readonly capabilities: readonly string[] = ["nothing outside is touched"];
  readonly #world: World;
  #dead = false;

  constructor(kind: string, world: World) {
    this.kind = kind;
    this.#world = world;
  }

  /** As for SimulatedProvider. */
  sever(): void {
    this.#dead = true;
  }

  observe({ identity }: Desired): Promise<Observation | undefined> {
    return Promise.resolve(
      this.#world.things.has(nameOf(identity)) ? this.#observation(identity) : undefined,
    );
  }

  async ensure({ identity, spec }: Desired, { clock, signal }: ProviderContext): Promise<Observation> {
    const { behaviour } = this.#world;
    if (behaviour.startDelay !== undefined) await clock.sleep(behaviour.startDelay, signal);
    if (this.#dead) await never;
    const trouble = behaviour.onEnsure?.(identity, spec);
    if (trouble?.fail !== undefined) throw trouble.fail;
    this.#world.things.set(nameOf(identity), identity);
    return trouble?.notReady === undefined
      ? this.#observation(identity)
      : { ready: false, outputs: {}, message: trouble.notReady };
  }

  async remove({ identity }: Desired): Promise<readonly string[]> {
    if (this.#dead) await never;
    this.#world.things.delete(nameOf(identity));
    return [];
  }

  #observation(identity: Identity): Observation {
    return { ready: true, outputs: { url: `simulated://${nameOf(identity)}` } };
  }
}

function nameOf({ kind, namespace, name }: Identity): string {
  return `${kind}/${namespace}/${name}`;
}
