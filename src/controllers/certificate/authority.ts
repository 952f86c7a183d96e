/**
 * The control plane's own certificate authority (ECDSA P-256). It is made with the first certificate that needs it and kept
 * sealed in the Secret `tutti-authority` of the namespace `default`.
 *
 *  - There is never a second one: it is a Secret that is created, so of two that make one at the same time, or of one that
 *    crashes and one that follows, the first in the store counts and nobody has seen the other.
 *  - Who deletes that Secret gets another authority, and from it another certificate for every listener.
 *  - In the last year of its life its certificate is renewed with the same key and name: who trusts either trusts all it signed.
 *  - It signs certificates for servers only, and no other authority (path length 0).
 *
 * The library behind it is loaded when something is signed.
 */
import { X509Certificate, randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import type * as X509 from "@peculiar/x509";
import { AUTHORITY_SECRET, CERTIFICATE } from "../../controller/certificates.ts";
import type { Cause } from "../../store/store.ts";
import {
  type Issued,
  type Kept,
  type SecretContent,
  madeOnce,
  opened,
  readSecret,
  secretOperation,
} from "./records.ts";
import { lifeOf } from "./wanted.ts";

const DAY = 86_400_000;
const AUTHORITY_LIFE = 10 * 365 * DAY;
const AUTHORITY_RENEWAL = 365 * DAY;
const LEAF_LIFE = 90 * DAY;
/** Clocks differ. */
const SKEW = 60_000;
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

type Content = Pick<SecretContent, "type" | "annotations" | "data">;

interface Authority {
  /** PEM. */
  readonly certificate: string;
  readonly key: webcrypto.CryptoKey;
}

/** A certificate for these names and addresses, with a key of its own, valid from `now` for 90 days. */
export async function signFor(
  hosts: readonly string[],
  now: number,
  kept: Kept,
  cause: Cause,
): Promise<Issued> {
  const { subtle } = webcrypto;
  const x509 = await library();
  const authority = await current(kept, now, cause);
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys = await subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [hosts[0]?.slice(0, 64) ?? ""] }],
    issuer: issuer.subjectName,
    notBefore: new Date(now - SKEW),
    notAfter: new Date(Math.min(now + LEAF_LIFE, issuer.notAfter.getTime())),
    publicKey: keys.publicKey,
    signingKey: authority.key,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        hosts.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    chain: `${certificate.toString("pem")}\n`,
    key: pem("PRIVATE KEY", await subtle.exportKey("pkcs8", keys.privateKey)),
    authority: authority.certificate,
  };
}

/** Whether the authority there is now has signed it. It has not when somebody took the authority away to have another one. */
export function isSignedHere(chain: string | undefined, { store, keyring }: Kept): boolean {
  const secret = readSecret(store, AUTHORITY_SECRET.namespace, AUTHORITY_SECRET.name);
  try {
    const authority = new X509Certificate(opened(secret?.data?.["ca.crt"], keyring) ?? "");
    return new X509Certificate(chain ?? "").verify(authority.publicKey);
  } catch {
    return false;
  }
}

async function library(): Promise<typeof X509> {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

async function current(kept: Kept, now: number, cause: Cause): Promise<Authority> {
  const secret = await madeOnce(kept, AUTHORITY_SECRET, cause, async () => {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    return content(keys, await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), now);
  });
  const certificate = opened(secret.data?.["ca.crt"], kept.keyring);
  const key = opened(secret.data?.["ca.key"], kept.keyring);
  const life = lifeOf(certificate);
  if (certificate === undefined || key === undefined || life === undefined)
    throw new Error(
      `The Secret '${AUTHORITY_SECRET.name}' of the namespace 'default' has no readable ca.crt and ca.key: put them back, or delete it to have a new authority made.`,
    );
  const privateKey = await importKey(key);
  if (life.notAfter - now > AUTHORITY_RENEWAL) return { certificate, key: privateKey };
  const keys = { privateKey, publicKey: await publicKeyOf(certificate) };
  const renewed = await content(keys, der(key), now);
  await kept.store.commit(
    [secretOperation({ ...AUTHORITY_SECRET, ...renewed }, kept.keyring, secret)],
    cause,
  );
  return { certificate: renewed.data["ca.crt"] ?? certificate, key: privateKey };
}

async function content(
  keys: webcrypto.CryptoKeyPair,
  pkcs8: ArrayBuffer | Uint8Array,
  now: number,
): Promise<Content> {
  const x509 = await library();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ O: ["Tutti"] }, { CN: ["Tutti authority"] }],
    notBefore: new Date(now - SKEW),
    notAfter: new Date(now + AUTHORITY_LIFE),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const text = `${certificate.toString("pem")}\n`;
  return {
    type: "tutti.dev/authority",
    annotations: { [CERTIFICATE.authority]: text },
    data: { "ca.crt": text, "ca.key": pem("PRIVATE KEY", pkcs8) },
  };
}

function importKey(key: string): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey("pkcs8", der(key), ALGORITHM, false, ["sign"]);
}

async function publicKeyOf(certificate: string): Promise<webcrypto.CryptoKey> {
  const x509 = await library();
  return new x509.X509Certificate(certificate).publicKey.export(ALGORITHM, ["verify"]);
}

/** Positive, 127 random bits. */
function serialNumber(): string {
  return `01${randomBytes(15).toString("hex")}`;
}

function der(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text.replace(/-----[^-]+-----|\s/g, ""), "base64"));
}

function pem(label: string, bytes: ArrayBuffer | Uint8Array): string {
  const lines =
    Buffer.from(bytes as Uint8Array)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
