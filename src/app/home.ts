/**
 * The state folder of a control plane ($TUTTI_HOME): who runs it, its token, its key. Everything in it belongs to the
 * owner alone (0700, files 0600). Files appear whole, by rename.
 */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { refuse } from "../diagnostics/diagnostic.ts";
import { Keyring } from "../model/sealed.ts";

/** What a running control plane says of itself. */
export interface Registration {
  readonly pid: number;
  /** With the pid the process' identity: a later process may get the same number. */
  readonly startTime: number;
  readonly url: string;
  readonly version: string;
}

export class StateFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  static locate(home: string | undefined, env: Readonly<Record<string, string | undefined>>): StateFolder {
    return new StateFolder(resolve(home ?? env["TUTTI_HOME"] ?? join(homedir(), ".tutti")));
  }

  /** Makes the folder; refuses with StateFolderUnusable. */
  ensure(): void {
    try {
      mkdirSync(this.path, { recursive: true, mode: 0o700 });
      chmodSync(this.path, 0o700);
    } catch (error) {
      refuse({
        code: "StateFolderUnusable",
        message: `The state folder ${this.path} cannot be used: ${reason(error)}.`,
        hint: "Set TUTTI_HOME to a folder you may write to.",
      });
    }
  }

  get storeFile(): string {
    return join(this.path, "store.db");
  }

  get logFile(): string {
    return join(this.path, "control-plane.log");
  }

  /** Made on first use; stays the same. */
  token(): string {
    return this.#lasting("token", () => randomBytes(32).toString("base64url"));
  }

  keyring(): Keyring {
    return new Keyring(
      Buffer.from(
        this.#lasting("key", () => randomBytes(32).toString("base64url")),
        "base64url",
      ),
    );
  }

  hasToken(): boolean {
    return existsSync(join(this.path, "token"));
  }

  registration(): Registration | undefined {
    try {
      return JSON.parse(readFileSync(join(this.path, "control-plane.json"), "utf8")) as Registration;
    } catch {
      return undefined;
    }
  }

  register(registration: Registration): void {
    this.write("control-plane.json", `${JSON.stringify(registration)}\n`);
    this.write("last-url", `${registration.url}\n`);
  }

  /** Where the control plane listened last, also when it has stopped since. */
  lastUrl(): string | undefined {
    try {
      return readFileSync(join(this.path, "last-url"), "utf8").trim();
    } catch {
      return undefined;
    }
  }

  /** Only the control plane that registered takes its registration away. */
  unregister(pid: number): void {
    if (this.registration()?.pid === pid) rmSync(join(this.path, "control-plane.json"), { force: true });
  }

  /** The last one written; undefined before the first HTTPS address. */
  kubeconfig(): string | undefined {
    try {
      return readFileSync(join(this.path, "kubeconfig"), "utf8");
    } catch {
      return undefined;
    }
  }

  /** So that the HTTPS address stays the same where possible. */
  portInKubeconfig(): number | undefined {
    const port = /https:\/\/[^:"]+:(\d+)/.exec(this.kubeconfig() ?? "")?.[1];
    return port === undefined ? undefined : Number(port);
  }

  write(name: string, content: string): void {
    const file = join(this.path, name);
    const next = `${file}.${process.pid}.new`;
    writeFileSync(next, content, { mode: 0o600 });
    renameSync(next, file);
  }

  /** Two processes that make it at the same time end up with the same one: the first to link wins. */
  #lasting(name: string, make: () => string): string {
    const file = join(this.path, name);
    if (!existsSync(file)) {
      this.ensure();
      const next = `${file}.${process.pid}.new`;
      writeFileSync(next, `${make()}\n`, { mode: 0o600 });
      try {
        linkSync(next, file);
      } catch (error) {
        if ((error as { readonly code?: string }).code !== "EEXIST") throw error;
      } finally {
        rmSync(next, { force: true });
      }
    }
    return readFileSync(file, "utf8").trim();
  }
}

function reason(error: unknown): string {
  return error instanceof Error
    ? ((error as { readonly code?: string }).code ?? error.message)
    : String(error);
}
