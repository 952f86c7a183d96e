/** Class `simulated`: instances that exist in a World only. For engine properties (crashes, order, time), not as a stand-in for a real engine. */
import type {
  Exit,
  Identity,
  InstanceProvider,
  InstanceSpec,
  InstanceStats,
  LogLine,
  CallContext,
  Started,
} from "../../provider/provider.ts";
import { TerminalError } from "../../provider/provider.ts";
import type { World } from "./world.ts";

export { SimulatedThings } from "./things.ts";
export {
  type Behaviour,
  type Call,
  type Limit,
  type Running,
  type Thing,
  type Twist,
  World,
} from "./world.ts";

const never = new Promise<never>(() => {});

export class SimulatedProvider implements InstanceProvider {
  readonly class = "simulated";
  readonly capabilities: readonly string[] = ["nothing outside is touched"];
  readonly #world: World;
  #dead = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** The control plane that holds this is killed: what it was doing never happens, and it hears nothing any more. */
  sever(): void {
    this.#dead = true;
  }

  async start(identity: Identity, spec: InstanceSpec, { clock, signal }: CallContext): Promise<Started> {
    const { behaviour } = this.#world;
    if (behaviour.startDelay !== undefined) await clock.sleep(behaviour.startDelay, signal);
    if (this.#dead) await never;
    // Looked up in the same turn in which it is started, as an engine that knows identities does it.
    if (!this.#world.running.has(identity.uid)) {
      const running = {
        identity,
        template: spec.template,
        ports: spec.ports,
        command: spec.run.command ?? [],
      };
      const twist = behaviour.onStart?.(running);
      if (twist?.fail !== undefined) throw twist.fail;
      this.#world.start(running);
      const { exit } = twist ?? {};
      if (exit !== undefined) clock.setTimeout(() => this.#world.end(identity.uid, exit, null), 1);
    }
    return { identity: { uid: identity.uid }, host: "127.0.0.1", limits: [] };
  }

  find(identity: Identity): Promise<Started | undefined> {
    return Promise.resolve(
      this.#world.running.has(identity.uid)
        ? { identity: { uid: identity.uid }, host: "127.0.0.1", limits: [] }
        : undefined,
    );
  }

  stop(identity: Identity): Promise<void> {
    if (this.#dead) return never;
    this.#world.remove(identity.uid);
    return Promise.resolve();
  }

  purge(): Promise<void> {
    return Promise.resolve();
  }

  forget(): Promise<void> {
    return Promise.resolve();
  }

  onExit(listener: (exit: Exit) => void): () => void {
    return this.#world.onEnd(({ identity }, code, signal) =>
      this.#dead
        ? undefined
        : listener({
            identity,
            code,
            signal,
            message: signal === null ? `exited with code ${code ?? "unknown"}.` : `ended by ${signal}.`,
          }),
    );
  }

  allocatePorts(count: number, taken: ReadonlySet<number>): Promise<readonly number[]> {
    const ports: number[] = [];
    while (ports.length < count) {
      const port = this.#world.port();
      if (!taken.has(port)) ports.push(port);
    }
    return Promise.resolve(ports);
  }

  // eslint-disable-next-line require-yield -- a simulated instance says nothing
  async *logs(): AsyncIterable<LogLine> {}

  exec(): Promise<never> {
    return Promise.reject(
      new TerminalError({ code: "NotSupported", message: "Nothing can be run beside a simulated instance." }),
    );
  }

  stats(): Promise<ReadonlyMap<string, InstanceStats>> {
    return Promise.resolve(new Map());
  }
}
