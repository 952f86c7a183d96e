/** Which listeners there will be: their names, addresses and ports. A port once given is kept. */
import { createServer } from "node:net";
import { type BalancerSpec, poolOfListener } from "../../controller/routes.ts";
import { type Observation, TerminalError } from "../../provider/provider.ts";
import type { ServerHost } from "../../provider/server-host.ts";
import type { CertificateFile } from "./certificates.ts";
import type { PlannedListener } from "./configuration.ts";

const PREFERRED_PORT = 8080;

/** A port that was to be listened on is somebody else's. */
export class PortTaken extends Error {
  readonly port: number;

  constructor(port: number) {
    super(`Port ${port} is taken.`);
    this.port = port;
  }
}

export interface Known {
  /** By listener. */
  readonly ports: Readonly<Record<string, number>>;
  /** Were chosen and turned out to be taken. */
  readonly avoid: ReadonlySet<number>;
}

export async function planListeners(
  spec: BalancerSpec,
  certificates: ReadonlyMap<string, readonly CertificateFile[]>,
  known: Known,
  host: ServerHost,
): Promise<readonly PlannedListener[]> {
  const planned: PlannedListener[] = [];
  for (const listener of spec.listeners) {
    checkName(listener.name, planned);
    const files = certificates.get(listener.name);
    const port = listener.port ?? (await choosePort(listener.name, planned, known, host));
    if (planned.some((other) => other.port === port && other.host === listener.host))
      throw refusal("PortInUse", listener.name, `Two listeners have port ${port}`, "Give each its own port.");
    const target = poolOfListener(listener);
    if (listener.protocol === "tcp" && target === undefined)
      throw refusal("NoService", listener.name, "A tcp listener names no service", "Add `service`.");
    planned.push({
      name: listener.name,
      host: listener.host,
      port,
      protocol: listener.protocol,
      http2: listener.http2,
      ...(target === undefined ? {} : { pool: target.pool }),
      ...(listener.protocol === "https" ? { certificates: files?.map(({ path }) => path) ?? [] } : {}),
    });
  }
  // Without a certificate nobody can be answered; it listens once there is one.
  return planned.filter(({ certificates: own }) => own === undefined || own.length > 0);
}

function checkName(name: string, others: readonly PlannedListener[]): void {
  if (!/^[A-Za-z0-9_.:-]+$/.test(name))
    throw refusal(
      "InvalidName",
      name,
      `'${name}' cannot be a listener's name`,
      "Use letters, digits, dashes.",
    );
  if (others.some((other) => other.name === name))
    throw refusal(
      "DuplicateName",
      name,
      `Two listeners are called '${name}'`,
      "Name one of them differently.",
    );
}

function refusal(code: string, listener: string, problem: string, hint: string): TerminalError {
  return new TerminalError({ code, path: `spec.listeners.${listener}`, message: `${problem}.`, hint });
}

async function choosePort(
  name: string,
  planned: readonly PlannedListener[],
  { ports, avoid }: Known,
  host: ServerHost,
): Promise<number> {
  const taken = new Set([...avoid, ...planned.map(({ port }) => port)]);
  const former = ports[name];
  if (former !== undefined && !taken.has(former)) return former;
  const port = await host.freePort({
    ...(taken.has(PREFERRED_PORT) ? {} : { wished: PREFERRED_PORT }),
    taken,
    seed: `haproxy ${name}`,
  });
  if (port === undefined)
    throw new TerminalError({ code: "NoFreePort", message: "No port between 20000 and 31999 is free." });
  return port;
}

/** @throws PortTaken */
export async function assertFree({
  host,
  port,
}: {
  readonly host: string;
  readonly port: number;
}): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      // Whatever else is wrong, HAProxy says itself.
      if (error.code === "EADDRINUSE") reject(new PortTaken(port));
      else resolve();
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve()));
  });
}

export function observation(
  spec: BalancerSpec,
  listeners: readonly PlannedListener[],
  problem?: string,
): Observation {
  const [first] = listeners;
  const urlOf = ({ protocol, host, port }: PlannedListener): string =>
    `${protocol}://${shown(host)}:${port}${protocol === "tcp" ? "" : "/"}`;
  const missing = spec.listeners.filter(({ name }) => !listeners.some((one) => one.name === name));
  const message =
    problem ??
    (missing.length > 0
      ? `The listener ${missing.map(({ name }) => name).join(", ")} waits for its certificate.`
      : undefined);
  return {
    ready: message === undefined,
    ...(message === undefined ? {} : { message }),
    outputs: {
      urls: listeners.filter(({ protocol }) => protocol !== "tcp").map(urlOf),
      ...(first === undefined ? {} : { host: shown(first.host), port: first.port, url: urlOf(first) }),
      ports: Object.fromEntries(listeners.map(({ name, port }) => [name, port])),
    },
  };
}

/** An address that listens everywhere is reached here by the loopback address. */
function shown(host: string): string {
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
}
