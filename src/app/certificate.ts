/**
 * The certificate of the API's HTTPS address: self-made, kept in the state folder, trusted through the kubeconfig that
 * names it. kubectl sends its token over HTTPS only, so there has to be one, on loopback too.
 */
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { StateFolder } from "./home.ts";

export interface ServerCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
}

const HOSTS = ["localhost", "127.0.0.1"] as const;
const RENEW_BEFORE = 30 * 86_400_000;

/** Its key comes through a pipe: it is on no command line and in no file but ours. */
async function makeCertificate(): Promise<ServerCertificate> {
  const entry = import.meta.url.endsWith(".ts") ? "./certificate-main.ts" : "./certificate-main.js";
  const program = fileURLToPath(new URL(entry, import.meta.url));
  const options = ["--disable-warning=ExperimentalWarning", program];
  const { stdout } = await promisify(execFile)(process.execPath, [...options, ...HOSTS], { cwd: "/" });
  return JSON.parse(stdout) as ServerCertificate;
}

/** The one in the folder while it is good for another month, else a new one. Making one takes a fraction of a second. */
export async function serverCertificate(folder: StateFolder, now: number): Promise<ServerCertificate> {
  const files = { certificate: join(folder.path, "api.crt"), key: join(folder.path, "api.key") };
  if (existsSync(files.certificate) && existsSync(files.key)) {
    const present = {
      certificate: readFileSync(files.certificate, "utf8"),
      key: readFileSync(files.key, "utf8"),
    };
    if (Date.parse(new X509Certificate(present.certificate).validTo) - now > RENEW_BEFORE) return present;
  }
  const made = await makeCertificate();
  folder.write("api.key", made.key);
  folder.write("api.crt", made.certificate);
  return made;
}
