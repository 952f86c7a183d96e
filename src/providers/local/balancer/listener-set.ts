/**
 * All listeners, and the change from one set to the next without touching those that stay (listeners N1).
 *
 * A listener whose address stays but whose protocol changes has to be closed before its successor can open; if the
 * change then fails, it is opened again.
 */
import type { CertificateSet } from "./certificates.ts";
import type { BalancerDiagnostic, ListenerConfiguration } from "./configuration.ts";
import { bindDiagnostic, keyOf, Listener, type Service } from "./listeners.ts";

/** Ports in use for listeners with port 0, by listener name. */
export type BoundPorts = Readonly<Record<string, number>>;

/** A change that is ready: everything listens. `activate` cannot fail. */
export interface PreparedListeners {
  readonly diagnostics: readonly BalancerDiagnostic[];
  activate(): void;
}

interface Wanted {
  readonly configuration: ListenerConfiguration;
  readonly certificates: CertificateSet | undefined;
}

export class ListenerSet {
  readonly #service: Service;
  #current = new Map<string, Listener>();
  readonly #closing = new Set<Listener>();

  constructor(service: Service) {
    this.#service = service;
  }

  get all(): readonly Listener[] {
    return [...this.#current.values()];
  }

  get connections(): number {
    let sum = 0;
    for (const listener of [...this.#current.values(), ...this.#closing]) sum += listener.connections;
    return sum;
  }

  get boundPorts(): BoundPorts {
    return Object.fromEntries(this.all.map((one) => [one.configuration.name, one.port]));
  }

  /**
   * Opens what is missing. With `partial` (after a restart) what cannot be opened is left out and reported; otherwise
   * any failure undoes everything and the result has diagnostics.
   */
  async prepare(
    configurations: readonly ListenerConfiguration[],
    options: { partial: boolean; ports: BoundPorts },
  ): Promise<PreparedListeners> {
    const { wanted, diagnostics } = await loadAll(configurations);
    if (diagnostics.length > 0 && !options.partial) return failed(diagnostics);
    const kept = this.#kept(wanted);
    const staying = new Set(kept.values());
    const gone = [...this.#current].filter(([, listener]) => !staying.has(listener));
    const blocking = gone.filter(([, listener]) => isReplaced(listener, wanted));
    for (const [, listener] of blocking) this.#retire(listener);
    const opened = new Map<string, Listener>();
    await Promise.all(
      [...wanted].map(async ([key, { configuration, certificates }]) => {
        if (kept.has(key)) return;
        const port = configuration.port === 0 ? (options.ports[configuration.name] ?? 0) : configuration.port;
        const listener = new Listener(configuration, certificates, this.#service);
        try {
          await listener.open(port);
          opened.set(key, listener);
        } catch (error) {
          diagnostics.push(bindDiagnostic(configuration, port, error));
        }
      }),
    );
    if (diagnostics.length > 0 && !options.partial) {
      for (const listener of opened.values()) listener.destroy();
      await this.#reopen(blocking);
      return failed(diagnostics);
    }
    return { diagnostics, activate: () => this.#activate(wanted, new Map([...kept, ...opened])) };
  }

  /** Stops accepting everywhere. */
  close(): void {
    for (const listener of this.#current.values()) this.#retire(listener);
    this.#current.clear();
  }

  destroy(): void {
    for (const listener of [...this.#current.values(), ...this.#closing]) listener.destroy();
  }

  /** The open listeners that serve a wanted one, by its key: a port once given for 0 may be asked for by number. */
  #kept(wanted: ReadonlyMap<string, Wanted>): Map<string, Listener> {
    const byAddress = new Map(this.all.map((one) => [keyOf({ ...one.configuration, port: one.port }), one]));
    const kept = new Map<string, Listener>();
    for (const key of wanted.keys()) {
      const listener = this.#current.get(key) ?? byAddress.get(key);
      if (listener !== undefined) kept.set(key, listener);
    }
    return kept;
  }

  #activate(wanted: ReadonlyMap<string, Wanted>, listeners: ReadonlyMap<string, Listener>): void {
    const before = this.#current;
    this.#current = new Map();
    for (const [key, { configuration, certificates }] of wanted) {
      const listener = listeners.get(key);
      if (listener === undefined) continue;
      this.#current.set(key, listener);
      listener.activate(configuration, certificates);
    }
    const staying = new Set(listeners.values());
    for (const listener of before.values())
      if (!staying.has(listener) && !listener.closing) this.#retire(listener);
  }

  #retire(listener: Listener): void {
    listener.close();
    this.#closing.add(listener);
    for (const one of this.#closing) if (one !== listener && one.connections === 0) this.#closing.delete(one);
  }

  async #reopen(closed: readonly (readonly [string, Listener])[]): Promise<void> {
    for (const [key, listener] of closed) {
      const again = listener.successor();
      try {
        await again.open();
        again.activate(listener.configuration, undefined);
        this.#current.set(key, again);
      } catch {
        this.#current.delete(key);
      }
    }
  }
}

function failed(diagnostics: readonly BalancerDiagnostic[]): PreparedListeners {
  return { diagnostics, activate: () => undefined };
}

function isReplaced(listener: Listener, wanted: ReadonlyMap<string, Wanted>): boolean {
  const { configuration, port } = listener;
  const { host } = configuration;
  return [...wanted.values()].some(
    (one) => one.configuration.host === host && one.configuration.port === port,
  );
}

async function loadAll(
  configurations: readonly ListenerConfiguration[],
): Promise<{ wanted: Map<string, Wanted>; diagnostics: BalancerDiagnostic[] }> {
  const wanted = new Map<string, Wanted>();
  const diagnostics: BalancerDiagnostic[] = [];
  for (const [index, configuration] of configurations.entries()) {
    if (configuration.protocol !== "https") {
      wanted.set(keyOf(configuration), { configuration, certificates: undefined });
      continue;
    }
    const { loadCertificates } = await import("./certificates.ts");
    const loaded = await loadCertificates(configuration.certificates ?? [], `listeners[${index}]`);
    if (loaded.ok) wanted.set(keyOf(configuration), { configuration, certificates: loaded.value });
    else diagnostics.push(loaded.diagnostic);
  }
  return { wanted, diagnostics };
}
