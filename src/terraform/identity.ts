/**
 * Who speaks, on either side of a plugin's connection: a key and a certificate of its own for each process, signed by itself.
 * Each side is given the other's over a way that nobody else reads, and trusts that one alone.
 */
export interface OwnCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const YEARS = 30;

/** Takes a few tens of milliseconds, the first time more: the library is loaded then. */
export async function makeCertificate(now: number): Promise<OwnCertificate> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const { KeyUsageFlags: usage } = x509;
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=localhost, O=Tutti",
    notBefore: new Date(now - 30_000),
    notAfter: new Date(now + YEARS * 365 * 86_400_000),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        usage.digitalSignature | usage.keyEncipherment | usage.keyAgreement | usage.keyCertSign,
        true,
      ),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.clientAuth,
        x509.ExtendedKeyUsage.serverAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: "localhost" }]),
    ],
  });
  const key = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    certificate: `${made.toString("pem")}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${key.replace(/.{64}/g, "$&\n").trimEnd()}\n-----END PRIVATE KEY-----\n`,
  };
}
