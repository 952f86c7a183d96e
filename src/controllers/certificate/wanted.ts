/**
 * Which certificates a LoadBalancer needs, and when one it has must be replaced. Pure: from a declaration, a certificate
 * and a moment to a verdict.
 */
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { type BalancerSpec, certificateSecretOf } from "../../controller/routes.ts";
import { parseDuration } from "../../model/duration.ts";

export interface Wanted {
  readonly listener: string;
  /** Name of the Secret it is kept in. */
  readonly secret: string;
  /** `authority`, or the URL of an ACME server's directory. */
  readonly issuer: string;
  readonly hosts: readonly string[];
  readonly acme?: AcmeServer;
  /** Milliseconds before its end. */
  readonly renewBefore?: number;
}

export interface AcmeServer {
  readonly directory: string;
  readonly email?: string;
  /** Name of a Secret with ca.crt. */
  readonly authority?: string;
}

export interface Held {
  readonly issuer: string;
  readonly hosts: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A certificate that people gave, and the listener it is for. */
export interface Given {
  readonly listener: string;
  readonly secret: string;
}

export const AUTHORITY = "authority";

/** Of a given certificate's end one is told this long before. */
export const WARN_BEFORE = 14 * 86_400_000;

/** Every https listener that names no Secret. */
export function wantedCertificates(balancer: string, spec: BalancerSpec): readonly Wanted[] {
  return spec.listeners
    .filter(({ protocol, tls }) => protocol === "https" && tls?.secret === undefined && !tls?.secrets.length)
    .map(({ name, host, tls }): Wanted => {
      const ofRoutes = spec.routes.flatMap((route) => route.host ?? []);
      const named = [...(tls?.hosts ?? []), ...ofRoutes];
      const common = {
        listener: name,
        secret: certificateSecretOf(balancer, name),
        ...(tls?.renewBefore === undefined ? {} : { renewBefore: parseDuration(tls.renewBefore) }),
      };
      if (tls?.issuer === "acme") {
        // Asked for by name they are refused; those of routes are nobody's wish.
        const hosts = unique([...tls.hosts, ...ofRoutes.filter((route) => !route.includes("*"))]);
        return { ...common, issuer: tls.acme.directory, hosts, acme: tls.acme as AcmeServer };
      }
      return { ...common, issuer: AUTHORITY, hosts: unique([...named, ...localNames(host)]) };
    });
}

/** This machine is asked by these names as well, by whoever develops on it. */
function localNames(host: string): readonly string[] {
  return ["localhost", "127.0.0.1", ...(host === "0.0.0.0" || host === "::" ? [] : [host])];
}

function unique(hosts: readonly string[]): readonly string[] {
  return [...new Set(hosts.map((host) => host.toLowerCase()))].sort();
}

export function givenCertificates(spec: BalancerSpec): readonly Given[] {
  return spec.listeners.flatMap(({ protocol, name, tls }) =>
    protocol !== "https" || tls === undefined
      ? []
      : [...(tls.secret === undefined ? [] : [tls.secret]), ...tls.secrets].map((secret) => ({
          listener: name,
          secret,
        })),
  );
}

/** From when to when the first certificate of a PEM chain is valid; undefined when it is none. */
export function lifeOf(pem: string | undefined): Pick<Held, "notBefore" | "notAfter"> | undefined {
  if (pem === undefined) return undefined;
  try {
    const { validFrom, validTo } = new X509Certificate(pem);
    return { notBefore: Date.parse(validFrom), notAfter: Date.parse(validTo) };
  } catch {
    return undefined;
  }
}

/**
 * When it is to be renewed: `renewBefore` its end, or a third of its life before. Never earlier than a third of its life
 * after it began, or a renewed one would be due at once.
 */
export function dueAt(
  { notBefore, notAfter }: Pick<Held, "notBefore" | "notAfter">,
  renewBefore?: number,
): number {
  const third = (notAfter - notBefore) / 3;
  return Math.max(notAfter - (renewBefore ?? third), notBefore + third);
}

export function isDue(held: Held | undefined, wanted: Wanted, now: number): boolean {
  return (
    held === undefined ||
    held.issuer !== wanted.issuer ||
    held.hosts.join() !== wanted.hosts.join() ||
    now >= dueAt(held, wanted.renewBefore)
  );
}

/** Why an ACME server can never prove these hosts by http-01, in a sentence; undefined when it can. */
export function unprovable({ hosts, acme }: Wanted, spec: BalancerSpec): string | undefined {
  if (acme !== undefined && URL.parse(acme.directory)?.protocol !== "https:")
    return `'${acme.directory.slice(0, 100)}' is not the https address of an ACME server's directory: correct tls.acme.directory.`;
  if (hosts.length === 0)
    return "No host is named: list the names under tls.hosts, or give the routes a host.";
  const bad = hosts.find((host) => host.includes("*") || isIP(host) !== 0 || !host.includes("."));
  if (bad !== undefined)
    return `An ACME server cannot prove '${bad}' over http: name a Secret with its certificate under tls.secret, or leave it out.`;
  return spec.listeners.some(({ protocol }) => protocol === "http")
    ? undefined
    : "An ACME server asks over http on port 80 of each host: add a listener with protocol http.";
}
