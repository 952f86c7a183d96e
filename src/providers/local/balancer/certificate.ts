/** Self-made certificates, for systems without given ones. Loads its library only when called. */
import { randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";

export interface SelfSigned {
  /** PEM. */
  readonly certificate: string;
  /** PEM (PKCS#8). A secret: write it with mode 0600 and nowhere else. */
  readonly key: string;
}

export interface SelfSignedOptions {
  /** Default: now. */
  readonly from?: Date;
  /** Default 397, the longest that browsers accept. */
  readonly days?: number;
}

/**
 * A certificate (ECDSA P-256, for TLS servers) that answers for the given names and addresses and is signed by its
 * own key.
 * @throws {RangeError} without hosts.
 */
export async function selfSigned(
  hosts: readonly string[],
  options: SelfSignedOptions = {},
): Promise<SelfSigned> {
  const [first] = hosts;
  if (first === undefined) throw new RangeError("a certificate needs at least one host");
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const { subtle } = webcrypto;
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const from = options.from ?? new Date();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: `01${randomBytes(15).toString("hex")}`,
    name: [{ CN: [first.slice(0, 64)] }],
    notBefore: new Date(from.getTime() - 60_000), // Clocks differ.
    notAfter: new Date(from.getTime() + (options.days ?? 397) * 86_400_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        hosts.map((host) =>
          isIP(host) === 0 ? { type: "dns" as const, value: host } : { type: "ip" as const, value: host },
        ),
      ),
    ],
  });
  const exported = Buffer.from(await subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  const lines = exported.match(/.{1,64}/g) ?? [];
  return {
    certificate: `${certificate.toString("pem")}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`,
  };
}
