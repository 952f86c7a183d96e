/**
 * OpenSSH's file known_hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): which keys a host may show. Lines of
 * certificate authorities are passed over: hosts with certificates are not supported.
 */
import { createHash, createHmac } from "node:crypto";

export interface KnownKey {
  /** `ssh-ed25519`. */
  readonly type: string;
  /** Base64, as in the file. */
  readonly key: string;
  readonly isRevoked: boolean;
}

/** The keys that stand for a host. `port`: hosts on another port than 22 stand as `[host]:port`. */
export function knownKeys(text: string, host: string, port: number): readonly KnownKey[] {
  const name = port === 22 ? host : `[${host}]:${port}`;
  return text.split(/\r?\n/).flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const marker = words[0]?.startsWith("@") === true ? words.shift() : undefined;
    const [hosts, type, key] = words;
    if (hosts === undefined || hosts.startsWith("#") || type === undefined || key === undefined) return [];
    if (marker === "@cert-authority" || !matches(hosts, name)) return [];
    return [{ type, key, isRevoked: marker === "@revoked" }];
  });
}

/** `SHA256:...`, as ssh prints it. */
export function fingerprint(key: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

/** The type that a key says it is of: its first string (RFC 4253, 6.6). */
export function typeOfKey(key: Buffer): string {
  return key.subarray(4, 4 + key.readUInt32BE(0)).toString("latin1");
}

function matches(hosts: string, name: string): boolean {
  if (hosts.startsWith("|1|")) {
    const [, , salt = "", digest] = hosts.split("|");
    return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === digest;
  }
  const patterns = hosts.split(",");
  const isOf = (pattern: string): boolean => wildcard(pattern).test(name);
  return (
    patterns.some((pattern) => !pattern.startsWith("!") && isOf(pattern)) &&
    !patterns.some((pattern) => pattern.startsWith("!") && isOf(pattern.slice(1)))
  );
}

function wildcard(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`, "i");
}
