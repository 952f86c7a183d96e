/**
 * Terraform's commands about one root module.
 *
 *  - Variables and settings of the backend go by files that only their owner reads; the environment is the tool's own.
 *  - Providers and modules that it downloads, and which backend it has, are kept in a folder of the control plane, not in the module.
 *  - The state is the module's backend's; where it has none, a file of the control plane (or the one that was named).
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { redact } from "../../provider/redaction.ts";
import type { PlanDocument } from "../../tools/terraform-plan.ts";
import {
  TERRAFORM_ENVIRONMENT,
  type TerraformFailure,
  TerraformSaid,
  backendSettings,
} from "../../tools/terraform.ts";
import type { ModuleSettings } from "./module-settings.ts";
import { type ToolEnd, runTool } from "./run.ts";

export interface ModulePlace {
  /** Of the root module, absolute. */
  readonly source: string;
  /** For what is downloaded and left, absolute. */
  readonly work: string;
  /** Of the state, where the module has no backend. */
  readonly state: string;
}

/** It could not be done, in Terraform's words, without secrets. */
export class ModuleFailed extends Error {
  readonly failure: TerraformFailure;

  constructor(failure: TerraformFailure, secrets: readonly string[]) {
    super(redact(failure.message, secrets));
    this.failure = failure;
  }
}

interface Said {
  readonly end: ToolEnd;
  readonly said: TerraformSaid;
  /** For people. */
  readonly lines: readonly string[];
}

export interface OutputValue {
  readonly value?: unknown;
  readonly sensitive?: boolean;
}

export class ModuleCommands {
  readonly #place: ModulePlace;
  /** Opened. */
  readonly #settings: ModuleSettings;
  readonly #secrets: readonly string[];
  readonly #signal: AbortSignal;
  #stateFlags: readonly string[] = [];

  constructor(
    place: ModulePlace,
    settings: ModuleSettings,
    { secrets, signal }: { readonly secrets: readonly string[]; readonly signal: AbortSignal },
  ) {
    this.#place = place;
    this.#settings = settings;
    this.#secrets = secrets;
    this.#signal = signal;
  }

  /** Makes it ready for the others. Rejects with ModuleFailed, as they do. */
  async init(): Promise<void> {
    const { backend, workspace } = this.#settings;
    const config = backend === undefined ? [] : ["-backend-config={scratch}/backend.tfbackend"];
    await this.#run(["init", "-reconfigure", ...config], { isPlain: true });
    if (!(await this.#hasBackend())) this.#stateFlags = [`-state=${this.#place.state}`];
    else if (workspace !== undefined)
      await this.#run(["workspace", "select", "-or-create", workspace], { isPlain: true });
  }

  /** Into a file. Takes no lock: when the state moves, the plan cannot be applied any more. */
  async plan(file: string, { isDestroy = false } = {}): Promise<PlanDocument> {
    const flags = ["-json", "-lock=false", "-var-file={scratch}/variables.tfvars.json", `-out=${file}`];
    await this.#run(["plan", ...flags, ...(isDestroy ? ["-destroy"] : []), ...this.#common()]);
    const { end } = await this.#run(["show", "-json", file], { isQuiet: true });
    return JSON.parse(end.stdout) as PlanDocument;
  }

  /** Gives what was done, in lines for people. */
  async apply(file: string): Promise<readonly string[]> {
    const flags = ["-json", `-lock-timeout=${this.#settings.lockTimeout}`];
    const { lines } = await this.#run(["apply", ...flags, ...this.#common(), file]);
    return lines.filter((line) => / complete after /.test(line));
  }

  async outputs(): Promise<Readonly<Record<string, OutputValue>>> {
    const { end } = await this.#run(["output", "-json", ...this.#stateFlags], { isQuiet: true });
    return JSON.parse(end.stdout) as Readonly<Record<string, OutputValue>>;
  }

  #common(): readonly string[] {
    const { parallelism } = this.#settings;
    return [...this.#stateFlags, ...(parallelism === undefined ? [] : [`-parallelism=${parallelism}`])];
  }

  async #hasBackend(): Promise<boolean> {
    try {
      const text = await readFile(join(this.#data, "terraform.tfstate"), "utf8");
      return (JSON.parse(text) as { readonly backend?: unknown }).backend != null;
    } catch {
      return false;
    }
  }

  get #data(): string {
    return join(this.#place.work, "data");
  }

  async #run(
    [command = "", ...rest]: readonly string[],
    { isPlain = false, isQuiet = false } = {},
  ): Promise<Said> {
    const { variables, backend = {}, workspace, environment } = this.#settings;
    const isLocal = this.#stateFlags.length > 0;
    const end = await runTool({
      tool: "terraform",
      args: [command, ...(isQuiet || command === "workspace" ? [] : ["-input=false"]), ...rest],
      folder: this.#place.source,
      environment: {
        ...environment,
        ...TERRAFORM_ENVIRONMENT,
        TF_CLI_ARGS: "-no-color",
        TF_DATA_DIR: this.#data,
        ...(isLocal && workspace !== undefined ? { TF_WORKSPACE: workspace } : {}),
      },
      files: {
        "variables.tfvars.json": JSON.stringify(variables),
        "backend.tfbackend": backendSettings(backend),
      },
      signal: this.#signal,
      scratch: this.#place.work,
    });
    return this.#judged(end, isPlain || isQuiet);
  }

  #judged(end: ToolEnd, isPlain: boolean): Said {
    const said = new TerraformSaid();
    const lines = [
      ...(isPlain ? [] : linesOf(end.stdout).map((line) => said.take(line, "stdout"))),
      ...linesOf(end.stderr).map((line) => said.take(line, "stderr")),
    ].filter((line) => line !== undefined);
    if (end.code !== 0) throw new ModuleFailed(said.failure(end.code ?? -1), this.#secrets);
    return { end, said, lines: lines.map((line) => redact(line, this.#secrets)) };
  }
}

function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}
