/**
 * An engine behind SSH: one connection, and a channel of it for each connection to the engine, on which the host's
 * `docker system dial-stdio` speaks the Engine API; with a path in the endpoint, a channel to that socket.
 *
 *   idle --first request--> connecting --ready--> open --lost--> idle
 *
 * The host is who known_hosts says it is, or nothing is sent to it.
 */
import { existsSync, readFileSync } from "node:fs";
import { Agent } from "node:http";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Client, ClientChannel, ConnectConfig, ServerHostKeyAlgorithm } from "ssh2";
import { TerminalError } from "../../provider/provider.ts";
import { type KnownKey, fingerprint, knownKeys, typeOfKey } from "./known-hosts.ts";

/** In the open. Without key and password the agent of $SSH_AUTH_SOCK signs in. */
export interface SshSignIn {
  readonly key?: string;
  readonly passphrase?: string;
  readonly password?: string;
  /** Text of a known_hosts file; ~/.ssh/known_hosts when absent. */
  readonly knownHosts?: string;
}

interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Of the engine's socket, on the host. */
  readonly path: string | undefined;
}

const PATIENCE = 20_000;

export interface SshRoute {
  readonly agent: Agent;
  readonly close: () => void;
  /** What the host printed last when a channel failed: "docker: command not found". */
  readonly lastWords: () => string | undefined;
}

/** An agent whose connections lead to the engine; `close` ends the SSH connection. */
export function openSsh(endpoint: string, signIn: SshSignIn = {}): SshRoute {
  const connection = new Connection(targetOf(endpoint), signIn);
  const agent = new ChannelAgent(connection);
  return {
    agent,
    lastWords: () => connection.lastWords,
    close: () => {
      agent.destroy();
      connection.end();
    },
  };
}

/** Each request has a channel of its own: a channel is no socket that could be kept and asked whether it lives. */
class ChannelAgent extends Agent {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    super({ keepAlive: false });
    this.#connection = connection;
  }

  override createConnection(
    _options: unknown,
    opened: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.#connection.channel().then(
      (channel) => opened(null, channel),
      (error: Error) => opened(error, undefined as unknown as Duplex),
    );
  }
}

class Connection {
  readonly #target: Target;
  readonly #signIn: SshSignIn;
  #client: Promise<Client> | undefined;
  lastWords: string | undefined;

  constructor(target: Target, signIn: SshSignIn) {
    this.#target = target;
    this.#signIn = signIn;
  }

  async channel(): Promise<Duplex> {
    const client = await (this.#client ??= this.#connect());
    const { path } = this.#target;
    return new Promise((resolve, reject) => {
      const opened = (error: Error | undefined, channel: ClientChannel): void => {
        if (error !== undefined) return reject(error);
        channel.stderr.on("data", (text: Buffer) => {
          this.lastWords = text.toString("utf8").trim().split("\n").at(-1);
        });
        resolve(channel);
      };
      if (path === undefined) client.exec("docker system dial-stdio", opened);
      else client.openssh_forwardOutStreamLocal(path, opened);
    });
  }

  end(): void {
    void this.#client?.then(
      (client) => client.end(),
      () => {},
    );
    this.#client = undefined;
  }

  async #connect(): Promise<Client> {
    const { Client } = await import("ssh2");
    const client = new Client();
    const forget = (): void => {
      this.#client = undefined;
    };
    try {
      await new Promise<void>((resolve, reject) => {
        client
          .once("ready", resolve)
          // Stays: an error of an open connection ends it, and every channel with it.
          .on("error", (error) => reject(this.#inWords(error)))
          .once("close", () => {
            forget();
            reject(new Error(`The connection to ${this.#target.host} was closed while signing in.`));
          })
          .connect(this.#settings(reject));
      });
      return client;
    } catch (error) {
      forget();
      client.destroy();
      throw error;
    }
  }

  #settings(refuse: (error: Error) => void): ConnectConfig {
    const { host, port, user } = this.#target;
    const { key, passphrase, password } = this.#signIn;
    const known = knownKeys(this.#signIn.knownHosts ?? usualKnownHosts(), host, port);
    const agent = process.env["SSH_AUTH_SOCK"];
    return {
      host,
      port,
      username: user,
      readyTimeout: PATIENCE,
      keepaliveInterval: 15_000,
      ...(key === undefined ? {} : { privateKey: key }),
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(password === undefined ? {} : { password }),
      ...(key === undefined && password === undefined && agent !== undefined ? { agent } : {}),
      ...algorithmsFor(known),
      hostVerifier: (shown: Buffer) => {
        const objection = objectionTo(shown, known, this.#target);
        if (objection !== undefined) refuse(objection);
        return objection === undefined;
      },
    };
  }

  #inWords(error: Error & { level?: string }): Error {
    const { host, user } = this.#target;
    if (error.level !== "client-authentication") return error;
    return new TerminalError({
      code: "SignInRefused",
      path: "spec.docker.ssh",
      message: `The host ${host} does not let '${user}' in over SSH.`,
      hint: "Put the private key (key) or the password into the Location's Secret, and the public key into ~/.ssh/authorized_keys of that user.",
    });
  }
}

/** Of the key types that a host has, the one that is known is asked for, as ssh does. */
function algorithmsFor(known: readonly KnownKey[]): Pick<ConnectConfig, "algorithms"> {
  const types = known.flatMap(({ type, isRevoked }) => {
    if (isRevoked) return [];
    return type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type];
  });
  return types.length === 0
    ? {}
    : { algorithms: { serverHostKey: [...new Set(types)] as ServerHostKeyAlgorithm[] } };
}

function objectionTo(
  shown: Buffer,
  known: readonly KnownKey[],
  { host, port }: Target,
): TerminalError | undefined {
  const same = known.filter(({ key }) => key === shown.toString("base64"));
  if (same.length > 0 && same.every(({ isRevoked }) => !isRevoked)) return undefined;
  const what = `${typeOfKey(shown)} ${fingerprint(shown)}`;
  const scan = port === 22 ? `ssh-keyscan ${host}` : `ssh-keyscan -p ${port} ${host}`;
  if (same.length > 0)
    return hostKeyError("HostKeyRevoked", `The host ${host} shows a key that is revoked (${what}).`, scan);
  return known.length > 0
    ? hostKeyError(
        "HostKeyChanged",
        `The host ${host} shows another key (${what}) than known_hosts has for it: it was set up anew, or somebody stands in between.`,
        scan,
      )
    : hostKeyError("UnknownHostKey", `The key of the host ${host} (${what}) is not in known_hosts.`, scan);
}

function hostKeyError(code: string, message: string, scan: string): TerminalError {
  return new TerminalError({
    code,
    path: "spec.docker.ssh",
    message,
    hint: `Compare the fingerprint with the host's own, then put what '${scan}' prints into known_hosts of the Location's Secret.`,
  });
}

function targetOf(endpoint: string): Target {
  const { hostname, port, username, pathname } = new URL(endpoint);
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? 22 : Number(port),
    user: decodeURIComponent(username) || process.env["USER"] || "root",
    path: pathname === "" || pathname === "/" ? undefined : pathname,
  };
}

function usualKnownHosts(): string {
  const file = join(homedir(), ".ssh", "known_hosts");
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}
