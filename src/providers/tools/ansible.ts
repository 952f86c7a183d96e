/**
 * Class `ansible` of kind Resource: what a playbook sets up on its hosts, by the `ansible-playbook` of this machine.
 *
 *   declared --check mode--> shown --played--> facts
 *      played already, from the same files and settings, and nothing found otherwise since: not played again
 *      found otherwise in check mode: drift, played again
 *   removed: the playbook `remove` is played; without one all stays, and that is said
 *
 *  - What makes it be played again is what it is made of: files (`spec.digest`), inventory, variables, settings.
 *  - A playbook that was cut off or has failed is played again from its beginning: it has to be idempotent.
 *  - Which host and task is told by a plugin of ours, not read from what is printed for people.
 */
import { mkdir, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
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
import { redact } from "../../provider/redaction.ts";
import { ANSIBLE_ENVIRONMENT, asData, hostsWith } from "../../tools/ansible.ts";
import { PLUGIN, PLUGIN_TEXT, type PlayEvents, differenceOf, eventsIn, placeOf } from "./ansible-events.ts";
import { type AnsibleSettings, type AnsibleSpec, ansibleSettings } from "./ansible-settings.ts";
import { checkDigest, digestOf, included, isFile, pathOf, plannedDigest, plannedPath } from "./files.ts";
import { hashOf, read, written } from "./records.ts";
import { demand, missing, runTool } from "./run.ts";
import { configOf, parsed, problemsIn } from "./settings.ts";
import { isKnown, sealWords, secretsWithin } from "./secrets.ts";
import { Turns } from "./turns.ts";

const WHERE_FROM = "Install it: apt-get install ansible-core, or pip install ansible-core.";
/** Changes of a plan. */
const MOST = 300;

export interface AnsibleOptions {
  /** Of the control plane's state, absolute. */
  readonly folder: string;
  /** What was done, without secrets. */
  readonly told: (identity: Identity, text: string) => void;
}

/** What was played last, to its end. */
interface Played {
  readonly content: string;
  /** Secrets sealed. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** The request to try again that had been seen. */
  readonly retry?: string;
  /** It was found otherwise since. */
  readonly isOtherwise?: true;
}

interface Play {
  /** Opened. */
  readonly settings: AnsibleSettings;
  /** Absolute. */
  readonly playbook: string;
  readonly directory: string;
  /** Folders of all that it is made of. */
  readonly files: readonly string[];
  readonly inventory?: string;
  readonly secrets: readonly string[];
  readonly scratch: string;
  readonly signal: AbortSignal;
}

interface PlayEnd extends PlayEvents {
  readonly code: number | null;
  /** Lines that tell of problems. */
  readonly complaint: string;
}

export class AnsiblePlaybooks implements Provider<AnsibleSpec> {
  readonly kind = "Resource";
  readonly class = "ansible";
  readonly capabilities: readonly string[] = [
    "what a playbook sets up, checked in check mode",
    "needs ansible-playbook on this machine",
  ];
  readonly parallelism = 4;
  readonly patience = 300_000;
  readonly #options: AnsibleOptions;
  readonly #turns = new Turns();

  constructor(options: AnsibleOptions) {
    this.#options = options;
  }

  async pin(prospect: Prospect): Promise<string | undefined> {
    const config = configOf(prospect);
    const file = plannedPath(config["playbook"], prospect);
    const folder = config["directory"] ?? (file === undefined ? undefined : dirname(file));
    return plannedDigest([folder, ...included(config)], prospect);
  }

  async obstacles(prospect: Prospect): Promise<readonly Obstacle[]> {
    const config = configOf(prospect);
    const problems = [...missing("ansible-playbook", WHERE_FROM), ...problemsIn(ansibleSettings, config)];
    if (problems.length > 0) return problems;
    const files = ["playbook", "remove", "inventory"].flatMap((field) => {
      const path = plannedPath(config[field], prospect);
      return path === undefined ? [] : [{ field, path }];
    });
    const there = await Promise.all(files.map(({ path }) => isFile(path)));
    return files
      .filter(({ field }, index) => there[index] === false && field !== "inventory")
      .map(({ field, path }) => noPlaybook(field, path));
  }

  async plan(expected: Expectation<AnsibleSpec>, context: ProviderContext): Promise<Foreseen> {
    const { spec, current, namespace, name } = expected;
    if (!isKnown(spec))
      return { remarks: ["What the playbook would do shows when its variables are known."] };
    const identity = current?.identity ?? { kind: this.kind, namespace, name, uid: "" };
    const played = current === undefined ? undefined : await this.#played(identity);
    if (played?.content === contentOf(spec) && played.isOtherwise !== true) return {};
    const play = this.#open(identity, spec, (path) => resolve(expected.folder, path), context);
    const end = await this.#play(identity, play, { isCheck: true });
    const changes = changedIn(end, play).map(([path, after]) => ({ path, after }));
    const remarks = [
      ...(end.code === 0 ? [] : [`In check mode: ${problemOf(end, play)} It may go well when it is played.`]),
      ...(changes.length > MOST ? [`The playbook has ${changes.length - MOST} more changes.`] : []),
    ];
    return { changes: changes.slice(0, MOST), ...(remarks.length === 0 ? {} : { remarks }) };
  }

  async observe(desired: Desired<AnsibleSpec>, context: ProviderContext): Promise<Observation | undefined> {
    const { identity, spec } = desired;
    const played = await this.#played(identity);
    if (played === undefined) return undefined;
    demand("ansible-playbook", WHERE_FROM);
    const play = this.#live(desired, context);
    const seen = { ready: true, outputs: { output: played.facts } };
    // What other files would do is not drift: it is to be planned.
    if (spec.digest !== undefined && (await digestOf(play.files)) !== spec.digest) return seen;
    const end = await this.#play(identity, play, { isCheck: true });
    const changed = changedIn(end, play);
    if (changed.length > 0) await this.#keep(identity, { ...played, isOtherwise: true });
    else if (end.code !== 0) return { ...seen, ready: false, message: problemOf(end, play) };
    return { ...seen, actual: { config: spec.config ?? {}, ...Object.fromEntries(changed) } };
  }

  async ensure(desired: Desired<AnsibleSpec>, context: ProviderContext): Promise<Observation> {
    const { identity, spec, annotations } = desired;
    const retry = annotations?.[REQUESTS.retry];
    const content = contentOf(spec);
    const before = await this.#played(identity);
    if (before?.content === content && before.isOtherwise !== true && before.retry === retry)
      return { ready: true, outputs: { output: before.facts } };
    demand("ansible-playbook", WHERE_FROM);
    const play = this.#live(desired, context);
    await checkDigest(play.files, spec.digest);
    const end = await this.#play(identity, play);
    if (end.code !== 0) throw failureOf(end, play);
    const facts = sealWords(end.facts, play.secrets, context.keyring) as Played["facts"];
    await this.#keep(identity, { content, facts, ...(retry === undefined ? {} : { retry }) });
    const recap = Object.entries(end.stats ?? {}).map(
      ([host, { ok = 0, changed = 0 }]) => `${host}: ok=${ok} changed=${changed}`,
    );
    if (recap.length > 0) this.#options.told(identity, recap.join("\n"));
    return { ready: true, outputs: { output: facts } };
  }

  async remove(desired: Desired<AnsibleSpec>, context: ProviderContext): Promise<readonly string[]> {
    const { identity, spec } = desired;
    const { playbook, remove } = parsed(ansibleSettings, spec.config);
    const played = await this.#played(identity);
    if (remove !== undefined && (played !== undefined || desired.status?.["output"] !== undefined)) {
      demand("ansible-playbook", WHERE_FROM);
      const play = this.#live(desired, context, remove);
      const end = await this.#play(identity, play);
      if (end.code !== 0) throw failureOf(end, play);
    }
    await rm(this.#folder(identity), { recursive: true, force: true });
    return remove === undefined && played !== undefined ? [`what the playbook ${playbook} has set up`] : [];
  }

  async release({ identity }: Desired<AnsibleSpec>): Promise<void> {
    await rm(this.#folder(identity), { recursive: true, force: true });
  }

  #folder({ uid }: Identity): string {
    return join(this.#options.folder, uid === "" ? "plans" : uid);
  }

  #played(identity: Identity): Promise<Played | undefined> {
    return read<Played>(join(this.#folder(identity), "played.json"));
  }

  async #keep(identity: Identity, played: Played): Promise<void> {
    await mkdir(this.#folder(identity), { recursive: true, mode: 0o700 });
    await written(join(this.#folder(identity), "played.json"), played);
  }

  #live({ identity, spec }: Desired<AnsibleSpec>, context: ProviderContext, playbook?: string): Play {
    return this.#open(identity, spec, (path) => pathOf(path, identity, context), context, playbook);
  }

  #open(
    identity: Identity,
    spec: AnsibleSpec,
    pathTo: (path: string) => string,
    { keyring, signal }: CallContext,
    playbook?: string,
  ): Play {
    const settings = keyring.openAll(parsed(ansibleSettings, spec.config));
    const { inventory, directory } = settings;
    const { variables, environment, inventory: declared } = spec.config ?? {};
    const main = pathTo(settings.playbook);
    const folder = directory === undefined ? dirname(main) : pathTo(directory);
    return {
      settings,
      playbook: playbook === undefined ? main : pathTo(playbook),
      directory: folder,
      files: [folder, ...settings.include.map(pathTo)],
      ...(typeof inventory === "string" ? { inventory: pathTo(inventory) } : {}),
      secrets: secretsWithin({ variables, environment, inventory: declared }, keyring),
      scratch: this.#folder(identity),
      signal,
    };
  }

  /** One at a time for each. */
  #play(identity: Identity, play: Play, { isCheck = false } = {}): Promise<PlayEnd> {
    return this.#turns.take(`${identity.namespace}/${identity.name}`, play.signal, async () => {
      const { settings, inventory } = play;
      const given = inventory ?? (settings.inventory === undefined ? undefined : "{scratch}/inventory.json");
      const { code, stdout, stderr, results } = await runTool({
        tool: "ansible-playbook",
        args: [
          ...(given === undefined ? [] : ["-i", given]),
          "-e",
          "@{scratch}/variables.json",
          ...(settings.tags.length === 0 ? [] : ["--tags", settings.tags.join(",")]),
          ...(settings.limit === undefined ? [] : ["--limit", settings.limit]),
          ...(isCheck ? ["--check", "--diff"] : []),
          "--",
          play.playbook,
        ],
        folder: play.directory,
        environment: {
          ...settings.environment,
          ...ANSIBLE_ENVIRONMENT,
          ANSIBLE_CALLBACK_PLUGINS: "{scratch}",
          ANSIBLE_CALLBACKS_ENABLED: PLUGIN,
          TUTTI_EVENTS: "{scratch}/events.jsonl",
        },
        files: {
          [`${PLUGIN}.py`]: PLUGIN_TEXT,
          "variables.json": JSON.stringify(asData(settings.variables)),
          ...(typeof settings.inventory === "object"
            ? { "inventory.json": JSON.stringify(settings.inventory) }
            : {}),
        },
        signal: play.signal,
        scratch: play.scratch,
        results: ["events.jsonl"],
      });
      const lines = `${stdout}\n${stderr}`.split("\n").filter((line) => /^(fatal|ERROR|failed)/.test(line));
      return { ...eventsIn(results["events.jsonl"] ?? ""), code, complaint: lines.slice(-5).join(" ") };
    });
  }
}

function contentOf({ config, digest }: AnsibleSpec): string {
  return hashOf(config ?? {}, digest ?? null);
}

/** By host and task. */
function changedIn({ tasks }: PlayEvents, { secrets }: Play): readonly (readonly [string, string])[] {
  return tasks
    .filter(({ status }) => status === "changed")
    .map((task) => [redact(placeOf(task), secrets), redact(differenceOf(task), secrets)]);
}

/** One sentence, without secrets. */
function problemOf({ tasks, stats = {}, complaint }: PlayEnd, { secrets, playbook }: Play): string {
  const failed = tasks.filter(({ status }) => status === "failed" || status === "unreachable");
  const lost = hostsWith("unreachable", stats);
  const words = failed.map(
    ({ host, task, message = "" }) => `'${task}' on ${host}: ${message.slice(0, 500)}`,
  );
  const said = redact(words.slice(0, 5).join("; ") || complaint || "it said nothing", secrets).replace(
    /\.$/,
    "",
  );
  if (lost.length > 0) return `${lost.join(", ")} is not reached: ${said}.`;
  return failed.length > 0
    ? `Tasks failed: ${said}.`
    : `The playbook ${playbook} could not be played: ${said}.`;
}

/** Hosts and tasks may do better another time; a playbook that cannot be played will not. */
function failureOf(end: PlayEnd, play: Play): Error {
  const message = problemOf(end, play);
  const isPlayed = end.tasks.some(({ status }) => status === "failed" || status === "unreachable");
  if (isPlayed) return new Error(message);
  return new TerminalError({
    code: "PlaybookFailed",
    path: "spec.config.playbook",
    message,
    hint: "Mend the playbook or its inventory, and apply the declaration again.",
  });
}

function noPlaybook(field: string, path: string): Obstacle {
  return {
    code: "PlaybookMissing",
    path: `spec.config.${field}`,
    message: `There is no file ${path}.`,
    hint: "Name the playbook, relative to the declaration.",
  };
}
