/**
 * Which http-01 challenges each balancer answers: those of all its listeners whose orders are under way. A balancer is told
 * anew with every step of an order, since it may have been restarted in between, and once more when the last order is done.
 */
import type { Identity, TrafficProvider } from "../../provider/provider.ts";

type Tokens = Readonly<Record<string, string>>;

export class Challenges {
  /** By uid of the balancer, then by listener. */
  readonly #open = new Map<string, Map<string, Tokens>>();

  async present(
    provider: TrafficProvider,
    identity: Identity,
    listener: string,
    tokens: Tokens,
  ): Promise<void> {
    const listeners = this.#open.get(identity.uid) ?? new Map<string, Tokens>();
    this.#open.set(identity.uid, listeners.set(listener, tokens));
    await provider.setChallenges(identity, Object.assign({}, ...listeners.values()) as Tokens);
  }

  /**
   * Takes back what is not among the listeners whose orders go on. A balancer that was not told anything yet may still have
   * what a former control plane told it.
   */
  async withdraw(provider: TrafficProvider, identity: Identity, going: ReadonlySet<string>): Promise<void> {
    const listeners = this.#open.get(identity.uid);
    if (listeners !== undefined && [...listeners.keys()].every((listener) => going.has(listener))) return;
    const left = new Map([...(listeners ?? [])].filter(([listener]) => going.has(listener)));
    await provider.setChallenges(identity, Object.assign({}, ...left.values()) as Tokens);
    this.#open.set(identity.uid, left);
  }

  forget(uid: string): void {
    this.#open.delete(uid);
  }
}
