/**
 * How a plugin and who starts it come together (go-plugin): a cookie in the environment says that it is started as a plugin, its
 * first line says where it listens and as whom.
 *
 *   1|5|unix|/tmp/plugin123|grpc|<certificate, base64 of DER>
 */
import type { Protocol } from "./descriptor.ts";

export const COOKIE = {
  name: "TF_PLUGIN_MAGIC_COOKIE",
  value: "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
} as const;

const CORE = "1";

export interface Handshake {
  readonly protocol: Protocol;
  /** As gRPC has it: `unix:/path`, `127.0.0.1:1234`. */
  readonly address: string;
  /** PEM; absent when it speaks in the open. */
  readonly certificate?: string;
}

/** The environment that a plugin is started with. `certificate`: PEM of who starts it. */
export function pluginEnvironment(certificate: string): Readonly<Record<string, string>> {
  return {
    [COOKIE.name]: COOKIE.value,
    PLUGIN_PROTOCOL_VERSIONS: "5,6",
    PLUGIN_MIN_PORT: "10000",
    PLUGIN_MAX_PORT: "25000",
    PLUGIN_CLIENT_CERT: certificate,
  };
}

/** Undefined for what is no such line. `protocol`: any number, for who says why it is none of ours. */
export function parseHandshake(
  line: string,
): (Omit<Handshake, "protocol"> & { readonly protocol: number }) | undefined {
  const match = /^1\|(\d+)\|(unix|tcp)\|([^|]+)\|grpc(?:\|([^|]*))?/.exec(line.trim());
  if (match === null) return undefined;
  const [, protocol, network, address = "", certificate = ""] = match;
  return {
    protocol: Number(protocol),
    address: network === "unix" ? `unix:${address}` : address,
    ...(certificate === "" ? {} : { certificate: pemOf(certificate) }),
  };
}

/** What a plugin says first. `socket`: path of a Unix socket. */
export function handshakeLine(protocol: Protocol, socket: string, certificate: string | undefined): string {
  return [CORE, protocol, "unix", socket, "grpc", certificate === undefined ? "" : derOf(certificate)].join(
    "|",
  );
}

function pemOf(base64: string): string {
  const padded = base64.padEnd(Math.ceil(base64.length / 4) * 4, "=");
  return `-----BEGIN CERTIFICATE-----\n${padded.replace(/.{64}/g, "$&\n").trimEnd()}\n-----END CERTIFICATE-----\n`;
}

function derOf(pem: string): string {
  return pem.replace(/-----[A-Z ]+-----|\s|=/g, "");
}
