/** Reads the certificates of an https listener and picks one by server name. Loaded only where there is one. */
import { readFile } from "node:fs/promises";
import { createSecureContext, type SecureContext } from "node:tls";
import type { BalancerDiagnostic, CertificateFiles } from "./configuration.ts";

export interface CertificateSet {
  /** For clients that name no server, or an unknown one. */
  readonly first: { readonly cert: Buffer; readonly key: Buffer };
  pick(serverName: string): SecureContext;
}

export type LoadedCertificates =
  | { readonly ok: true; readonly value: CertificateSet }
  | { readonly ok: false; readonly diagnostic: BalancerDiagnostic };

/** Loads all certificates, or says which cannot be used. The diagnostic never holds anything of a key. */
export async function loadCertificates(
  files: readonly CertificateFiles[],
  address: string,
): Promise<LoadedCertificates> {
  const byName = new Map<string, SecureContext>();
  const contexts: { cert: Buffer; key: Buffer; context: SecureContext }[] = [];
  for (const [index, one] of files.entries()) {
    try {
      const [cert, key] = await Promise.all([readFile(one.certFile), readFile(one.keyFile)]);
      const context = createSecureContext({ cert, key, minVersion: "TLSv1.2" });
      contexts.push({ cert, key, context });
      for (const host of one.hosts)
        if (!byName.has(host.toLowerCase())) byName.set(host.toLowerCase(), context);
    } catch (error) {
      return { ok: false, diagnostic: unusable(one, `${address}.certificates[${index}]`, error) };
    }
  }
  const first = contexts[0];
  if (first === undefined)
    return {
      ok: false,
      diagnostic: { code: "CertificateUnusable", address, message: "there is no certificate" },
    };
  return { ok: true, value: { first, pick: (name) => lookup(byName, name.toLowerCase()) ?? first.context } };
}

function unusable(files: CertificateFiles, address: string, error: unknown): BalancerDiagnostic {
  const code = error instanceof Error && "code" in error ? String(error.code) : "invalid PEM";
  return {
    code: "CertificateUnusable",
    address,
    message: `${files.certFile} and ${files.keyFile} cannot be used (${code})`,
    hint: "both must be readable PEM files that belong together",
  };
}

function lookup(byName: ReadonlyMap<string, SecureContext>, name: string): SecureContext | undefined {
  const exact = byName.get(name);
  if (exact !== undefined) return exact;
  const dot = name.indexOf(".");
  return dot < 0 ? undefined : byName.get(`*${name.slice(dot)}`);
}
