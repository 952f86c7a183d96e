/**
 * The certificates of a balancer's https listeners, as files in its folder that the balancer reads.
 *
 *   Secrets that the listener names -> the Secret that is kept for it -> one that is made here
 *
 *  - A file is named by a digest of what is in it. So new content is a new name, which is a change of the configuration, and
 *    what the balancer's state file names stays as it was until the change is in force; `discardOthers` is called then.
 *  - Everything is looked at before anything is written: a certificate that cannot be used is refused here, in words.
 */
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BalancerSpec, certificateSecretOf } from "../../../controller/routes.ts";
import { type Identity, type ProviderContext, TerminalError } from "../../../provider/provider.ts";
import type { CertificateFiles } from "./configuration.ts";

type Listener = BalancerSpec["listeners"][number];

interface Pair {
  /** PEM chain, leaf first. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
}

/** What is served by which listener. */
export type ServedCertificates = ReadonlyMap<string, readonly CertificateFiles[]>;

const DAY = 86_400_000;
const OWN = /^(?:tls|self)-[0-9a-f]{32}\.(?:crt|key)$/;
const HOST = /^(?:\*\.)?[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*$/i;

/** @throws {TerminalError} a Secret is missing or what it holds is of no use. */
export async function certificateFiles(
  spec: BalancerSpec,
  identity: Identity,
  folder: string,
  context: ProviderContext,
): Promise<ServedCertificates> {
  const secure = spec.listeners.filter(({ protocol }) => protocol === "https");
  const found: (readonly [string, readonly Pair[]])[] = [];
  for (const listener of secure) {
    const pairs = given(listener, identity, context);
    found.push([
      listener.name,
      pairs.length > 0 ? pairs : [await selfMade(hostsOf(listener, spec), folder, context)],
    ]);
  }
  return new Map(found.map(([name, pairs]) => [name, pairs.map((pair) => kept(pair, folder))]));
}

/** Removes the files that are served no more. To be called when the balancer has taken what is served now. */
export function discardOthers(folder: string, served: ServedCertificates): void {
  const used = new Set([...served.values()].flat().flatMap(({ certFile, keyFile }) => [certFile, keyFile]));
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (OWN.test(name) && name.startsWith("tls-") && !used.has(path)) rmSync(path, { force: true });
  }
}

/** Of the Secrets that are named, else of the one that is kept for the listener; none when that is not there yet. */
function given({ name, tls }: Listener, identity: Identity, context: ProviderContext): readonly Pair[] {
  const named = [...(tls?.secret === undefined ? [] : [tls.secret]), ...(tls?.secrets ?? [])];
  if (named.length > 0)
    return named.map((secret) => pairIn(secret, name, context.readSecret(identity.namespace, secret)));
  const secret = certificateSecretOf(identity.name, name);
  const content = context.readSecret(identity.namespace, secret);
  return content === undefined ? [] : [pairIn(secret, name, content)];
}

function pairIn(
  secret: string,
  listener: string,
  content: Readonly<Record<string, string>> | undefined,
): Pair {
  const [certificate, key] = [content?.["tls.crt"], content?.["tls.key"]];
  const path = `spec.listeners.${listener}.tls`;
  if (!certificate || !key)
    throw new TerminalError({
      code: "CertificateMissing",
      path,
      message: `The Secret '${secret}' has no tls.crt and tls.key.`,
      hint: "Put the PEM certificate chain and its key there.",
    });
  const problem = problemOf({ certificate, key });
  if (problem === undefined) return { certificate, key };
  throw new TerminalError({
    code: "CertificateInvalid",
    path,
    message: `The Secret '${secret}' cannot be used for TLS: ${problem}.`,
    hint: "tls.crt takes the PEM certificate chain, the server's own first, and tls.key its PEM key without a passphrase.",
  });
}

/** Why a pair cannot be used; nothing of its content is in the answer. */
function problemOf({ certificate, key }: Pair): string | undefined {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(certificate);
  } catch {
    return "tls.crt is not a PEM certificate";
  }
  try {
    return leaf.checkPrivateKey(createPrivateKey(key))
      ? undefined
      : "the key in tls.key is not the certificate's";
  } catch {
    return "tls.key is not a PEM key that can be opened";
  }
}

function hostsOf({ tls }: Listener, spec: BalancerSpec): readonly string[] {
  const named = [...(tls?.hosts ?? []), ...spec.routes.flatMap(({ host }) => host ?? [])];
  return [...new Set(["localhost", "127.0.0.1", ...named])];
}

/** Made once for its hosts, and again before it ends. */
async function selfMade(hosts: readonly string[], folder: string, { clock }: ProviderContext): Promise<Pair> {
  const files = filesOf(folder, "self", [...hosts].sort().join("\n"));
  if (existsSync(files.certFile) && existsSync(files.keyFile)) {
    const known = read(files);
    // Two files cannot be written at once: after a crash they may not belong together.
    if (
      problemOf(known) === undefined &&
      Date.parse(new X509Certificate(known.certificate).validTo) - clock.now() > 30 * DAY
    )
      return known;
  }
  const { selfSigned } = await import("./certificate.ts");
  const made = await selfSigned(hosts);
  write(files.keyFile, made.key);
  write(files.certFile, made.certificate);
  return made;
}

function kept(pair: Pair, folder: string): CertificateFiles {
  const files = filesOf(folder, "tls", `${pair.certificate}\n${pair.key}`);
  if (!existsSync(files.keyFile)) write(files.keyFile, pair.key);
  if (!existsSync(files.certFile)) write(files.certFile, pair.certificate);
  return { hosts: namesIn(pair.certificate), ...files };
}

/** The DNS names that a certificate answers for, wildcards included. */
function namesIn(certificate: string): readonly string[] {
  const names = new X509Certificate(certificate).subjectAltName?.split(", ") ?? [];
  return names
    .flatMap((name) => (name.startsWith("DNS:") ? name.slice(4).toLowerCase() : []))
    .filter((name) => HOST.test(name));
}

function filesOf(folder: string, what: "tls" | "self", content: string): Omit<CertificateFiles, "hosts"> {
  const name = `${what}-${createHash("sha256").update(content).digest("hex").slice(0, 32)}`;
  return { certFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) };
}

function read({ certFile, keyFile }: Omit<CertificateFiles, "hosts">): Pair {
  return { certificate: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
}

/** Whole or not at all. */
function write(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
