/**
 * One container engine and how it is reached: Docker's Engine API, or Podman's compatible one, over a socket, TCP with or
 * without TLS, or SSH.
 *
 *   Location --> Engine --call(work)--> dockerode --> engine
 *
 *  E1 Nothing is reached, and nothing of dockerode loaded, before the first call that can be answered: where there is no
 *     socket there is no engine, so a machine without one pays nothing for being asked about it.
 *  E2 Every call ends: with its answer, with the caller's signal, or after its time.
 *  E3 What goes wrong is one of three: the engine answered, and refuses (the client's error, with its status: errors.ts);
 *     TerminalError, it cannot be reached until a person changes something; an ordinary Error, it does not answer.
 */
import { existsSync, readFileSync } from "node:fs";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { inspect } from "node:util";
import { join } from "node:path";
import type Docker from "dockerode";
import { type Obstacle, TerminalError } from "../../provider/provider.ts";
import { statusOf } from "./errors.ts";
import { type SshSignIn, openSsh } from "./ssh.ts";

export interface EngineOptions {
  /** `unix:///path`, `tcp://host:port`, `ssh://user@host[:port][/path/of/socket]`; $DOCKER_HOST or the usual socket when absent. */
  readonly endpoint?: string;
  /** Under which published ports are reached; the endpoint's host when absent. */
  readonly address?: string;
  /** Certificates and key in PEM, in the open. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly ssh?: SshSignIn;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds that the engine has to answer; a minute when absent. */
  readonly within?: number;
}

interface Route {
  readonly agent: HttpAgent;
  readonly close?: () => void;
  readonly lastWords?: () => string | undefined;
}

interface Opened {
  readonly docker: Docker;
  readonly close: () => void;
}

/** Of the client: every call of it goes through here. */
interface Modem {
  dial: (
    request: { readonly abortSignal?: AbortSignal },
    answered: (error: Error | null, result: unknown) => void,
  ) => void;
}

/**
 * The client describes every request in full for a log that nobody reads, connections and listeners included: half of what a
 * start of many containers cost. What has a description of its own is not looked into.
 */
function unseen(part: object): void {
  Object.defineProperty(part, inspect.custom, { value: () => part.constructor.name, configurable: true });
}

const PATIENCE = 60_000;
/** The client is loaded by who first needs it, in the middle of what need not wait (E1). */
const load = createRequire(import.meta.url);

export class Engine {
  readonly endpoint: string;
  /** Where published ports are reached. */
  readonly address: string;
  /** It shares this machine's files and loopback address. */
  readonly isLocal: boolean;
  readonly #options: EngineOptions;
  #opened: Opened | undefined;

  constructor(options: EngineOptions = {}) {
    const env = options.env ?? process.env;
    this.#options = options;
    this.endpoint = options.endpoint ?? (env["DOCKER_HOST"] || usualSocket(env));
    this.isLocal = this.endpoint.startsWith("unix://");
    this.address = options.address ?? (this.isLocal ? "127.0.0.1" : hostOf(this.endpoint));
  }

  /** The client; its calls fail as E3 has it. Every call is given a signal that bounds it, or made through `call` (E2). */
  get docker(): Docker {
    return (this.#opened ??= this.#open()).docker;
  }

  /**
   * One call, bounded (E2). `work` passes `signal` on as dockerode's `abortSignal`; it ends with the call, so a stream that
   * is the answer is the caller's to end.
   */
  async call<T>(
    work: (docker: Docker, signal: AbortSignal) => Promise<T>,
    { signal, within = PATIENCE }: CallOptions = {},
  ): Promise<T> {
    signal?.throwIfAborted();
    const ending = new AbortController();
    const cancel = (): void => ending.abort(signal?.reason);
    const timer = setTimeout(() => ending.abort(this.#silent(`no answer within ${within / 1000} s`)), within);
    signal?.addEventListener("abort", cancel, { once: true });
    const ended = new Promise<never>((_, reject) => {
      ending.signal.addEventListener("abort", () => reject(ending.signal.reason as Error), { once: true });
    });
    try {
      return await Promise.race([work(this.docker, ending.signal), ended]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
    }
  }

  /** "Docker 20.10.24, API 1.41". */
  async describe(options: CallOptions = {}): Promise<string> {
    const version = await this.call((docker) => docker.version(), { within: 10_000, ...options });
    const components = (version as { Components?: readonly { Name: string; Version: string }[] }).Components;
    const podman = components?.find(({ Name }) => Name.startsWith("Podman"));
    return podman === undefined
      ? `Docker ${version.Version}, API ${version.ApiVersion}`
      : `Podman ${podman.Version}, API ${version.ApiVersion}`;
  }

  /** What stands against whatever is to be made there: nothing listens on this machine. Reaches nobody. */
  absence(): readonly Obstacle[] {
    if (!this.#hasNoSocket()) return [];
    return [
      {
        code: "EngineMissing",
        path: "spec.class",
        message: `There is no container engine at ${this.endpoint}.`,
        hint: "Start Docker or Podman, or declare a Location with the address of another engine.",
      },
    ];
  }

  close(): void {
    this.#opened?.close();
    this.#opened = undefined;
  }

  #hasNoSocket(): boolean {
    return this.isLocal && !existsSync(this.#socket);
  }

  get #socket(): string {
    return this.endpoint.slice("unix://".length);
  }

  #open(): Opened {
    if (this.#hasNoSocket()) throw this.#silent(`connect ENOENT ${this.#socket}`);
    const Client = load("dockerode") as typeof Docker;
    const { agent, close = () => agent.destroy(), lastWords, ...where } = this.#reach();
    // Everything is said, for what is not said the client takes from $DOCKER_HOST.
    const unsaid = { username: undefined, connectionTimeout: undefined, timeout: undefined };
    const nowhere = { socketPath: undefined, host: undefined, port: undefined };
    const trust = { protocol: "http", ca: undefined, cert: undefined, key: undefined } as const;
    const docker = new Client({
      ...unsaid,
      ...nowhere,
      ...trust,
      pathPrefix: "/",
      agent,
      ...where,
    } as object);
    unseen(agent);
    const modem = docker.modem as unknown as Modem;
    const dial = modem.dial.bind(modem);
    modem.dial = (request, answered) => {
      const signal = request.abortSignal;
      if (signal !== undefined) unseen(signal);
      dial(request, (error, result) => answered(error && this.#inWords(error, signal, lastWords), result));
    };
    return { docker, close };
  }

  #reach(): Route & Docker.DockerOptions {
    if (this.isLocal) return { socketPath: this.#socket, agent: new HttpAgent({ keepAlive: true }) };
    const { protocol, hostname, port } = parsed(this.endpoint);
    if (protocol === "ssh:") return { host: "docker", ...openSsh(this.endpoint, this.#options.ssh) };
    const tls = this.#options.tls ?? tlsOfEnvironment(this.#options);
    const host = hostname.replace(/^\[|\]$/g, "");
    return tls === undefined
      ? { host, port: port || 2375, agent: new HttpAgent({ keepAlive: true }) }
      : { host, port: port || 2376, protocol: "https", ...tls, agent: new HttpsAgent({ keepAlive: true }) };
  }

  /** E3. The client's own error where the engine has answered: it holds status and reason. */
  #inWords(error: Error, signal?: AbortSignal, lastWords?: Route["lastWords"]): Error {
    if (error instanceof TerminalError || statusOf(error) !== undefined) return error;
    if (signal?.aborted === true) {
      const reason = signal.reason as Error;
      return reason.name === "TimeoutError" ? this.#silent("no answer in time") : reason;
    }
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== undefined && isAboutTrust(code)) return this.#distrusted(message);
    return this.#silent(code === "ECONNRESET" ? (lastWords?.() ?? message) : message);
  }

  #silent(why: string): Error {
    return new Error(`The Docker engine at ${this.endpoint} does not answer (${said(why)}).`);
  }

  #distrusted(why: string): TerminalError {
    return new TerminalError({
      code: "EngineNotTrusted",
      path: "spec.docker.tls",
      message: `The Docker engine at ${this.endpoint} and this control plane do not trust each other's certificates (${said(why)}).`,
      hint: "Check ca.pem, cert.pem and key.pem in the Location's Secret, and that the engine's certificate names this host.",
    });
  }
}

function said(text: string): string {
  return text.trim().replace(/\.$/, "");
}

function isAboutTrust(code: string): boolean {
  return /^ERR_(SSL|TLS|OSSL)_|CERT|UNABLE_TO_|SIGNATURE/.test(code);
}

function hostOf(endpoint: string): string {
  return parsed(endpoint).hostname.replace(/^\[|\]$/g, "");
}

function parsed(endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url !== undefined && url.hostname !== "" && ["tcp:", "ssh:"].includes(url.protocol)) return url;
  throw unknownEndpoint(endpoint);
}

function unknownEndpoint(endpoint: string): TerminalError {
  return new TerminalError({
    code: "UnknownEndpoint",
    path: "spec.docker.endpoint",
    message: `'${endpoint}' is not the address of a container engine.`,
    hint: "Write unix:///path/of/socket, tcp://host:2376 or ssh://user@host.",
  });
}

function usualSocket(env: Readonly<Record<string, string | undefined>>): string {
  const runtime = env["XDG_RUNTIME_DIR"];
  const usual = "/var/run/docker.sock";
  const known = [
    usual,
    ...(runtime === undefined ? [] : [join(runtime, "docker.sock"), join(runtime, "podman", "podman.sock")]),
    join(homedir(), ".docker", "run", "docker.sock"),
    "/run/podman/podman.sock",
  ];
  return `unix://${known.find((path) => existsSync(path)) ?? usual}`;
}

/** As the docker command does, where the endpoint comes from $DOCKER_HOST too. */
function tlsOfEnvironment({ endpoint, env = process.env }: EngineOptions): EngineOptions["tls"] {
  const folder = env["DOCKER_CERT_PATH"];
  if (endpoint !== undefined || !env["DOCKER_TLS_VERIFY"] || folder === undefined) return undefined;
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  return { ca: read("ca.pem"), cert: read("cert.pem"), key: read("key.pem") };
}
