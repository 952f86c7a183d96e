/**
 * Certificates of https listeners: from Secrets into files that the owner alone can read, and into running workers.
 *
 * A file is named by its listener and Secret, never by its content, so that a renewal changes a file's content and no
 * configuration.
 */
import { X509Certificate, createPrivateKey } from "node:crypto";
import { certificateSecretOf, type BalancerSpec } from "../../controller/routes.ts";
import { type Identity, type ProviderContext, TerminalError } from "../../provider/provider.ts";
import { FILES } from "./layout.ts";
import type { Runtime } from "./runtime.ts";

type Listener = BalancerSpec["listeners"][number];

export interface CertificateFile {
  /** Within the balancer's folder. */
  readonly path: string;
  /** Certificate, chain and key. A secret. */
  readonly pem: string;
  /** SHA-1 of the certificate, in capitals, as HAProxy tells it. */
  readonly fingerprint: string;
}

/** The first is for who names no server. Undefined while the one that is kept for the listener is not there yet. */
export function certificatesOf(
  listener: Listener,
  identity: Identity,
  context: ProviderContext,
): readonly CertificateFile[] | undefined {
  const { secret, secrets = [] } = listener.tls ?? {};
  const named = [...(secret === undefined ? [] : [secret]), ...secrets];
  if (named.length > 0) return named.map((name) => certificateFile(listener, name, identity, context));
  const kept = certificateSecretOf(identity.name, listener.name);
  if (context.readSecret(identity.namespace, kept) === undefined) return undefined;
  return [certificateFile(listener, kept, identity, context)];
}

function certificateFile(
  listener: Listener,
  secret: string,
  { namespace }: Identity,
  context: ProviderContext,
): CertificateFile {
  const content = context.readSecret(namespace, secret);
  const [chain, key] = [content?.["tls.crt"], content?.["tls.key"]];
  const refuse = (code: string, problem: string): TerminalError =>
    new TerminalError({
      code,
      path: `spec.listeners.${listener.name}.tls`,
      message: `The Secret '${secret}' ${problem}.`,
      hint: "Put the PEM certificate chain into tls.crt and its PEM key into tls.key.",
    });
  if (chain === undefined || key === undefined)
    throw refuse("CertificateMissing", "has no tls.crt and tls.key");
  let fingerprint: string;
  try {
    const certificate = new X509Certificate(chain);
    if (!certificate.checkPrivateKey(createPrivateKey(key)))
      throw refuse("CertificateInvalid", "has a key that is not the certificate's");
    fingerprint = certificate.fingerprint.replaceAll(":", "");
  } catch (error) {
    // What the library says may quote the key.
    throw error instanceof TerminalError
      ? error
      : refuse("CertificateInvalid", "holds no certificate and key");
  }
  return {
    path: `${FILES.certificates}/${listener.name}.${secret}.pem`,
    // An empty line would end it on its way to a worker.
    pem: `${[chain, key].join("\n").replace(/\r/g, "").replace(/\n+/g, "\n").trim()}\n`,
    fingerprint,
  };
}

/** Resolves when the worker presents it to who connects from now on. */
export async function present(runtime: Runtime, worker: number, file: CertificateFile): Promise<void> {
  if (await isPresented(runtime, worker, file)) return;
  const answers = [
    await runtime.ask(worker, `set ssl cert ${file.path} <<\n${file.pem}`),
    await runtime.ask(worker, `commit ssl cert ${file.path}`),
  ];
  if (await isPresented(runtime, worker, file)) return;
  await runtime.ask(worker, `abort ssl cert ${file.path}`);
  throw new Error(`HAProxy did not take the new certificate: ${answers.join(" ").trim()}`);
}

async function isPresented(runtime: Runtime, worker: number, file: CertificateFile): Promise<boolean> {
  const text = await runtime.ask(worker, `show ssl cert ${file.path}`);
  return /^SHA1 FingerPrint: ([0-9A-F]+)$/m.exec(text)?.[1] === file.fingerprint;
}
