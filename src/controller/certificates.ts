/** How kept certificates are found and described without opening them: shared by who keeps them and who shows them. */

/** Of a Secret that holds one. */
export const CERTIFICATE = {
  /** `authority`, or the URL of an ACME server's directory. */
  issuer: "tutti.dev/certificate-issuer",
  /** With commas. */
  hosts: "tutti.dev/certificate-hosts",
  /** RFC 3339. */
  notAfter: "tutti.dev/certificate-not-after",
  /** PEM, of the authority's own: it is public. */
  authority: "tutti.dev/authority-certificate",
} as const;

/** The Secret of the control plane's own certificate authority. */
export const AUTHORITY_SECRET = { namespace: "default", name: "tutti-authority" } as const;
