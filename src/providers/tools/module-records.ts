/**
 * What is kept of a module, in the control plane's state: plans that were shown, and where its state is.
 *
 *     work/NAMESPACE.NAME/         what Terraform downloads, and what it leaves
 *     work/NAMESPACE.NAME/plans/   KEY.tfplan: Terraform's plan; KEY.json: what it does, until that is done
 *     state/UID/                   terraform.tfstate, where the module has no backend; made.json: which state was made
 *
 * All of it may hold secrets, as Terraform's files do: folders that only their owner reads.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { read, written } from "./records.ts";

/** So many plans are kept of each, the latest. */
const KEPT = 8;

export interface Shown {
  /** `delete aws_instance.web`. */
  readonly deeds: readonly string[];
}

/** Refused because nobody had agreed to it. */
export interface Refused extends Shown {
  /** The request to try again that had been seen. */
  readonly retry?: string;
}

export interface Made {
  /** Which state it is in. */
  readonly where: string;
  readonly refused?: Refused;
}

export class ModuleRecords {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  work(namespace: string, name: string): string {
    return join(this.#folder, "work", `${namespace}.${name}`);
  }

  state(uid: string): string {
    return join(this.#folder, "state", uid, "terraform.tfstate");
  }

  /** Of a plan of exactly this. */
  planFile(work: string, key: string): string {
    return join(work, "plans", `${key}.tfplan`);
  }

  /** Where it goes; nothing is there. */
  async beginPlan(work: string, key: string): Promise<string> {
    const folder = join(work, "plans");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const names = await readdir(folder);
    const aged = await Promise.all(
      names.map(async (name) => ({ name, at: (await stat(join(folder, name))).mtimeMs })),
    );
    const old = aged.toSorted((one, other) => other.at - one.at).slice(2 * KEPT);
    await Promise.all(old.map(({ name }) => rm(join(folder, name), { force: true })));
    for (const ending of ["json", "tfplan"]) await rm(join(folder, `${key}.${ending}`), { force: true });
    return this.planFile(work, key);
  }

  async show(work: string, key: string, shown: Shown): Promise<void> {
    await written(join(work, "plans", `${key}.json`), shown);
  }

  /** `file`: Terraform's plan, as long as it has not been tried. */
  async shown(work: string, key: string): Promise<(Shown & { readonly file?: string }) | undefined> {
    const shown = await read<Shown>(join(work, "plans", `${key}.json`));
    const file = this.planFile(work, key);
    return shown === undefined || !existsSync(file) ? shown : { ...shown, file };
  }

  async made(uid: string): Promise<Made | undefined> {
    return read<Made>(join(this.#folder, "state", uid, "made.json"));
  }

  async make(uid: string, made: Made): Promise<void> {
    const folder = join(this.#folder, "state", uid);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await written(join(folder, "made.json"), made);
  }

  async forget(uid: string, work: string): Promise<void> {
    await rm(work, { recursive: true, force: true });
    await rm(join(this.#folder, "state", uid), { recursive: true, force: true });
  }
}
