/**
 * Class `terraform-module` of kind Resource: a root module of Terraform as one thing, by the `terraform` of this machine.
 *
 *   declared --plan--> shown, and kept --applied, exactly that--> outputs
 *                         '--the state has moved--> planned again --loses nothing that was not shown--> applied
 *                                                                 '--else--> refused, in words --asked to try again--> applied
 *   removed: destroyed, then all traces here
 *
 *  - Everything that destroys something was shown before, in a plan or in the refusal. What only makes or changes is done, and
 *    goes on after it was cut off.
 *  - The files are those that were planned (`spec.digest`): others are refused until they are planned.
 *  - Terraform's state says what there is, so a crash in the middle leaves nothing unknown but what Terraform lost itself.
 *  - Another state (backend, workspace, file) would leave what is there behind: it is made anew for that.
 *  - What is found otherwise is what a plan would set back.
 */
import { join } from "node:path";
import { REQUESTS } from "../../model/resource.ts";
import {
  type CallContext,
  type Desired,
  type Expectation,
  type Foreseen,
  type Identity,
  type Observation,
  type Obstacle,
  type Prospect,
  type Provider,
  type ProviderContext,
  TerminalError,
} from "../../provider/provider.ts";
import { type PlanDocument, deedText, deedsIn, isLoss } from "../../tools/terraform-plan.ts";
import {
  checkDigest,
  digestOf,
  included,
  isFile,
  isFolder,
  pathOf,
  plannedDigest,
  plannedPath,
} from "./files.ts";
import { ModuleCommands, ModuleFailed, type ModulePlace } from "./module-commands.ts";
import { driftIn, foreseenOf } from "./module-foreseen.ts";
import { ModuleRecords } from "./module-records.ts";
import { type ModuleSettings, type ModuleSpec, problemsOf, settingsOf } from "./module-settings.ts";
import { hashOf } from "./records.ts";
import { demand, missing } from "./run.ts";
import { configOf } from "./settings.ts";
import { isKnown, sealWhole, sealWords, secretsWithin } from "./secrets.ts";
import { Turns } from "./turns.ts";

const WHERE_FROM = "Install it: https://developer.hashicorp.com/terraform/install.";

export interface ModuleOptions {
  /** Of the control plane's state, absolute. */
  readonly folder: string;
  /** What was done to the things of a module, without secrets. */
  readonly told: (identity: Identity, text: string) => void;
}

interface Work {
  readonly commands: ModuleCommands;
  readonly place: ModulePlace;
  readonly secrets: readonly string[];
  /** Of which plan it is. */
  readonly key: string;
}

export class TerraformModules implements Provider<ModuleSpec> {
  readonly kind = "Resource";
  readonly class = "terraform-module";
  readonly capabilities: readonly string[] = [
    "a root module of Terraform, with its own backend or with its state in the control plane",
    "needs terraform on this machine",
  ];
  readonly parallelism = 4;
  readonly patience = 300_000;
  readonly #records: ModuleRecords;
  readonly #told: ModuleOptions["told"];
  readonly #turns = new Turns();

  constructor({ folder, told }: ModuleOptions) {
    this.#records = new ModuleRecords(folder);
    this.#told = told;
  }

  async pin(prospect: Prospect): Promise<string | undefined> {
    const config = configOf(prospect);
    return plannedDigest([config["source"], ...included(config)], prospect);
  }

  async obstacles(prospect: Prospect): Promise<readonly Obstacle[]> {
    const absent = missing("terraform", WHERE_FROM);
    const problems = [...absent, ...problemsOf(configOf(prospect))];
    if (problems.length > 0) return problems;
    const source = plannedPath(configOf(prospect)["source"], prospect);
    if (source === undefined) return [];
    if (!(await isFolder(source))) return [noFolder(source)];
    const isElsewhere =
      prospect.isNew === true &&
      configOf(prospect)["state"] === undefined &&
      (await isFile(join(source, "terraform.tfstate")));
    return isElsewhere ? [stateInFolder(source)] : [];
  }

  async plan(expected: Expectation<ModuleSpec>, context: ProviderContext): Promise<Foreseen> {
    const { spec, current, namespace, name } = expected;
    if (!isKnown(spec)) return { remarks: [LATER] };
    const settings = settingsOf(spec);
    const replaceBecause = current === undefined ? [] : movedState(settingsOf(current.spec), settings);
    const identity = current?.identity ?? { kind: this.kind, namespace, name, uid: "" };
    const source = plannedPath(settings.source, expected) ?? settings.source;
    const isAnew = current === undefined || replaceBecause.length > 0;
    const work = this.#open(identity, { spec, source, from: expected, isAnew }, context);
    return this.#turns.take(work.place.work, context.signal, async () => {
      try {
        const file = await this.#records.beginPlan(work.place.work, work.key);
        await work.commands.init();
        const plan = await work.commands.plan(file);
        await this.#records.show(work.place.work, work.key, { deeds: deedsIn(plan).map(deedText) });
        const foreseen = foreseenOf(plan, { keyring: context.keyring, secrets: work.secrets });
        return replaceBecause.length === 0 ? foreseen : { ...foreseen, replaceBecause };
      } catch (error) {
        throw error instanceof ModuleFailed ? refused(error) : error;
      }
    });
  }

  async observe(desired: Desired<ModuleSpec>, context: ProviderContext): Promise<Observation | undefined> {
    const { identity, spec } = desired;
    if ((await this.#records.made(identity.uid)) === undefined) return undefined;
    demand("terraform", WHERE_FROM);
    return this.#with(desired, context, async (work) => {
      const outputs = await this.#outputsOf(work, context);
      const isAsPlanned =
        spec.digest === undefined || (await digestOf(filesOf(desired, work, context))) === spec.digest;
      // What other files would do is not drift: it is to be planned.
      if (!isAsPlanned) return outputs;
      const plan = await this.#planned(work, "observed");
      return { ...outputs, actual: { config: spec.config ?? {}, ...driftIn(plan) } };
    });
  }

  async ensure(desired: Desired<ModuleSpec>, context: ProviderContext): Promise<Observation> {
    const { identity, spec } = desired;
    demand("terraform", WHERE_FROM);
    return this.#with(desired, context, async (work) => {
      await checkDigest(filesOf(desired, work, context), spec.digest);
      const where = whereOf(settingsOf(spec));
      const made = await this.#records.made(identity.uid);
      if (made !== undefined && made.where !== where) throw needsReplacement();
      if (made === undefined) await this.#records.make(identity.uid, { where });
      if (!(await this.#applyShown(work, identity))) await this.#applyAnew(work, desired, where);
      const outputs = await this.#outputsOf(work, context);
      await this.#records.beginPlan(work.place.work, work.key); // it is done: nobody has agreed to it a second time
      return outputs;
    });
  }

  async remove(desired: Desired<ModuleSpec>, context: ProviderContext): Promise<readonly string[]> {
    const { identity } = desired;
    const work = this.#records.work(identity.namespace, identity.name);
    if ((await this.#records.made(identity.uid)) !== undefined) {
      demand("terraform", WHERE_FROM);
      await this.#with(desired, context, async ({ commands, place }) => {
        const file = await this.#records.beginPlan(place.work, "destroyed");
        await commands.plan(file, { isDestroy: true });
        await this.#apply(commands, file, identity);
      });
    }
    await this.#records.forget(identity.uid, work);
    return [];
  }

  async release({ identity }: Desired<ModuleSpec>): Promise<void> {
    const kept = await this.#records.made(identity.uid);
    const state = this.#records.state(identity.uid);
    // The state is all that knows of what there is.
    if (kept !== undefined && (await isFile(state))) return;
    await this.#records.forget(identity.uid, this.#records.work(identity.namespace, identity.name));
  }

  /** Exactly what was shown, if nothing has moved. False when there is nothing of the kind any more. */
  async #applyShown({ commands, place, key }: Work, identity: Identity): Promise<boolean> {
    const shown = await this.#records.shown(place.work, key);
    if (shown?.file === undefined) return false;
    try {
      await this.#apply(commands, shown.file, identity);
      return true;
    } catch (error) {
      if (!(error instanceof ModuleFailed) || error.failure.is !== "stale") throw error;
      return false;
    }
  }

  async #applyAnew(work: Work, { identity, annotations }: Desired<ModuleSpec>, where: string): Promise<void> {
    const { place, key, commands } = work;
    const plan = await this.#planned(work, "again");
    const shown = await this.#records.shown(place.work, key);
    const deeds = deedsIn(plan);
    const losses = deeds.filter(({ deed }) => isLoss(deed)).map(deedText);
    const { refused: before } = (await this.#records.made(identity.uid)) ?? {};
    const retry = annotations?.[REQUESTS.retry];
    const isAskedAgain = before !== undefined && retry !== undefined && before.retry !== retry;
    const agreed = [...(shown?.deeds ?? []), ...(isAskedAgain ? before.deeds : [])];
    // What was cut off while it was made is made anew.
    const isAgreed = (loss: string): boolean =>
      agreed.includes(loss) || agreed.includes(loss.replace(/^replace /, "create "));
    if (!losses.every(isAgreed)) {
      const refusal = { deeds: losses, ...(retry === undefined ? {} : { retry }) };
      await this.#records.make(identity.uid, { where, refused: refusal });
      throw unforeseen(losses);
    }
    await this.#records.show(place.work, key, { deeds: [...agreed, ...deeds.map(deedText)] });
    await this.#apply(commands, this.#records.planFile(place.work, "again"), identity);
    if (before !== undefined) await this.#records.make(identity.uid, { where });
  }

  async #planned({ commands, place }: Work, name: string): Promise<PlanDocument> {
    return commands.plan(await this.#records.beginPlan(place.work, name));
  }

  async #apply(commands: ModuleCommands, file: string, identity: Identity): Promise<void> {
    const lines = await commands.apply(file);
    if (lines.length > 0) this.#told(identity, lines.join("\n"));
  }

  async #outputsOf({ commands, secrets }: Work, { keyring }: CallContext): Promise<Observation> {
    const all = Object.entries(await commands.outputs()).map(([name, { value, sensitive }]) => [
      name,
      sensitive === true ? sealWhole(value, keyring) : sealWords(value ?? null, secrets, keyring),
    ]);
    return { ready: true, outputs: { output: Object.fromEntries(all) as Record<string, unknown> } };
  }

  /** Ready to be asked, one call at a time for each module. */
  async #with<T>(
    { identity, spec }: Desired<ModuleSpec>,
    context: ProviderContext,
    act: (work: Work) => Promise<T>,
  ): Promise<T> {
    const source = pathOf(settingsOf(spec).source, identity, context);
    if (!(await isFolder(source))) throw new TerminalError(noFolder(source));
    const settings = settingsOf(spec);
    const state = settings.state === undefined ? undefined : pathOf(settings.state, identity, context);
    const work = this.#open(identity, { spec, source, ...(state === undefined ? {} : { state }) }, context);
    return this.#turns.take(work.place.work, context.signal, async () => {
      await work.commands.init();
      return act(work);
    });
  }

  #open(
    identity: Identity,
    about: {
      readonly spec: ModuleSpec;
      readonly source: string;
      readonly state?: string;
      /** In whose folder a state file is looked for. */
      readonly from?: Pick<Prospect, "folder">;
      /** Nothing is there. */
      readonly isAnew?: boolean;
    },
    { keyring, signal }: CallContext,
  ): Work {
    const { spec, source } = about;
    const settings = keyring.openAll(settingsOf(spec));
    const named =
      about.state ?? (about.from === undefined ? undefined : plannedPath(settings.state, about.from));
    const place: ModulePlace = {
      source,
      work: this.#records.work(identity.namespace, identity.name),
      state: named ?? this.#records.state(about.isAnew === true ? "none" : identity.uid),
    };
    const { variables, backend, environment } = spec.config ?? {};
    const secrets = secretsWithin({ variables, backend, environment }, keyring);
    const commands = new ModuleCommands(place, settings, { secrets, signal });
    return { commands, place, secrets, key: hashOf(spec.config, spec.digest) };
  }
}

const LATER =
  "What the module would do shows when all its variables are known; what it would destroy is not done then, but said.";

/** Folders of all that it is made of. */
function filesOf(
  { identity, spec }: Desired<ModuleSpec>,
  { place }: Work,
  context: ProviderContext,
): readonly string[] {
  return [place.source, ...settingsOf(spec).include.map((path) => pathOf(path, identity, context))];
}

/** Tells one state from another. */
function whereOf({ backend, workspace, state }: ModuleSettings): string {
  return hashOf(backend ?? null, workspace ?? null, state ?? null);
}

function movedState(before: ModuleSettings, after: ModuleSettings): readonly string[] {
  if (whereOf(before) === whereOf(after)) return [];
  const fields = ["backend", "workspace", "state"] as const;
  return fields
    .filter((field) => hashOf(before[field] ?? null) !== hashOf(after[field] ?? null))
    .map((field) => `spec.config.${field}`);
}

function needsReplacement(): TerminalError {
  return new TerminalError({
    code: "NeedsReplacement",
    path: "spec.config",
    message:
      "It is declared with another backend, workspace or state file: what is there would be left behind.",
    hint: "Apply the declaration again, so that it is planned to be made anew; or put the former settings back.",
  });
}

function noFolder(source: string): Obstacle {
  return {
    code: "ModuleMissing",
    path: "spec.config.source",
    message: `There is no folder ${source} with a root module.`,
    hint: "Name the folder of the module, relative to the declaration. What was made can be removed only with it.",
  };
}

function stateInFolder(source: string): Obstacle {
  return {
    code: "StateElsewhere",
    path: "spec.config.state",
    message: `The folder ${source} has a state of its own: the module would make everything a second time.`,
    hint: "Set config.state to that terraform.tfstate to go on with it, or move it away.",
  };
}

function refused({ message, failure }: ModuleFailed): TerminalError {
  return new TerminalError({
    code: failure.is === "locked" ? "StateLocked" : "TerraformFailed",
    path: "spec.config",
    message: /[.!?]$/.test(message) ? message : `${message}.`,
    hint: "`terraform plan` in the module's folder, with the same variables, says the same.",
  });
}

function unforeseen(losses: readonly string[]): TerminalError {
  const some = losses.slice(0, 10).join(", ");
  return new TerminalError({
    code: "NotForeseen",
    path: "spec.config",
    message: `Terraform would do what no plan has shown: ${some}${losses.length > 10 ? `, and ${losses.length - 10} more` : ""}.`,
    hint: "Apply the declaration again: the plan shows it then, and it is done.",
  });
}
