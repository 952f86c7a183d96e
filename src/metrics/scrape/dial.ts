/** Opens connections step by step, so that each step can be timed and its failure told apart. */
import { lookup } from "node:dns/promises";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type DetailedPeerCertificate, type TLSSocket } from "node:tls";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** `host:port` or `[::1]:443`. Throws when it is neither. */
export function endpointOf(address: string): Endpoint {
  const found = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address);
  const host = found?.[1] ?? found?.[2];
  const port = Number(found?.[3]);
  if (host === undefined || port < 1 || port > 65_535)
    throw new Error(`'${address}' is no address to probe: write it as host:port.`);
  return { host, port };
}

export interface Address {
  readonly address: string;
  readonly family: number;
}

export async function resolveHost(host: string, signal: AbortSignal): Promise<Address> {
  const family = isIP(host);
  return family === 0 ? unlessAborted(lookup(host), signal) : { address: host, family };
}

export async function openTcp({ address }: Address, port: number, signal: AbortSignal): Promise<Socket> {
  const socket = connectTcp({ host: address, port });
  return opened(socket, "connect", signal);
}

/** Any certificate is taken: what is wrong with it is in `authorizationError`. */
export async function openTls(
  socket: Socket,
  {
    serverName,
    ca,
    signal,
  }: { readonly serverName: string; readonly ca: string | undefined; readonly signal: AbortSignal },
): Promise<TLSSocket> {
  const secure = connectTls({
    socket,
    rejectUnauthorized: false,
    ...(isIP(serverName) === 0 ? { servername: serverName } : { host: serverName }),
    ...(ca === undefined ? {} : { ca }),
  });
  return opened(secure, "secureConnect", signal);
}

/** Resolves at the event; the socket is destroyed when that does not come. */
async function opened<S extends Socket>(socket: S, event: string, signal: AbortSignal): Promise<S> {
  const { promise, resolve, reject } = Promise.withResolvers<S>();
  socket.once(event, () => resolve(socket));
  // Stays, so that a later error of the connection is nobody's surprise.
  socket.on("error", reject);
  socket.once("close", () => reject(new Error("The connection was closed.")));
  try {
    return await unlessAborted(promise, signal);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** When the first certificate of the chain that the server showed ends, in seconds since the epoch. */
export function earliestExpiry(socket: TLSSocket): number | undefined {
  let earliest: number | undefined;
  const seen = new Set<string>();
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // The last one is its own issuer.
  while (certificate?.valid_to !== undefined && !seen.has(certificate.fingerprint256)) {
    seen.add(certificate.fingerprint256);
    const ends = Date.parse(certificate.valid_to) / 1000;
    if (earliest === undefined || ends < earliest) earliest = ends;
    certificate = certificate.issuerCertificate;
  }
  return earliest;
}
