/**
 * One pod:
 *
 *     folder ── inputs put ── init containers ── sidecars ── main containers ── sidecars ended ── outputs kept ── result
 *
 * The result is noted in the pod's folder before it is told, so that a pod that is taken up again after it was over is not run
 * again. What it was given of Secrets is taken out of its log and its result.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Attempt, TaskError } from "../../../workflow/engine/step-type.ts";
import { StepSecrets } from "../../../workflow/step/secrets.ts";
import { type Stored, keyOf } from "../manifest.ts";
import { isZippedTar, unpack } from "./artifacts.ts";
import type { Containers, PodAttempt } from "./containers.ts";
import { DockerContainers } from "./docker.ts";
import { ProcessContainers } from "./process-containers.ts";
import type { Workshop } from "./executor.ts";
import type { Pod, PodContainer, PodFailure, PodResult } from "./work.ts";
import { rename, rm } from "node:fs/promises";

/** From being asked to end to being ended. */
export const GRACE = 10_000;

type Noted =
  | { readonly is: "succeeded"; readonly result: PodResult }
  | { readonly is: "failed"; readonly message: string; readonly details: PodFailure };

export async function runPod(
  workshop: Workshop,
  attempt: Attempt,
  pod: Pod,
  folder: string,
): Promise<PodResult> {
  const note = join(folder, "result.json");
  const secrets = new StepSecrets(pod.namespace, () => undefined);
  const noted = existsSync(note)
    ? (JSON.parse(readFileSync(note, "utf8")) as Noted)
    : (secrets.redactAll(
        await run(noting(workshop, secrets), unsaying(attempt, secrets), pod, folder),
      ) as Noted);
  if (!existsSync(note) && !attempt.signal.aborted) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${note}.new`, JSON.stringify(noted));
    renameSync(`${note}.new`, note);
  }
  for (const part of ["root", "containers"]) rmSync(join(folder, part), { recursive: true, force: true });
  if (noted.is === "succeeded") return noted.result;
  throw new TaskError(noted.details.phase, noted.message, { terminal: true, details: noted.details });
}

/** What it reads of Secrets is known to be secret. */
function noting(workshop: Workshop, secrets: StepSecrets): Workshop {
  return {
    ...workshop,
    secret: async (namespace, name) => {
      const texts = await workshop.secret?.(namespace, name);
      for (const text of Object.values(texts ?? {})) secrets.add(text);
      return texts;
    },
  };
}

function unsaying(attempt: Attempt, secrets: StepSecrets): PodAttempt {
  const { run: of, path, signal } = attempt;
  return { run: of, path, signal, log: (line, stream) => attempt.log(secrets.redact(line), stream) };
}

async function run(workshop: Workshop, attempt: PodAttempt, pod: Pod, folder: string): Promise<Noted> {
  const choice = await workshop.choices.of(attempt.run, (why) => attempt.log(why, "stderr"));
  const containers =
    choice.is === "docker"
      ? new DockerContainers(workshop, attempt, pod, folder, choice.endpoint)
      : new ProcessContainers(workshop, attempt, pod, folder);
  try {
    await containers.prepare();
    for (const artifact of pod.inputs) await putInput(workshop, containers, artifact);
    const failed = await runInit(containers, pod);
    if (failed !== undefined) return failed;
    const sidecars = pod.sidecars.map((one) => ({ one, code: containers.run(one) }));
    const main = runMain(workshop, attempt, containers, pod);
    const code = await main;
    await Promise.all(sidecars.map(({ one }) => containers.end(one.name, GRACE)));
    for (const { one, code: over } of sidecars) {
      const exit = await over;
      if (code.exitCode === 0 && exit !== 0 && exit !== 137 && exit !== 143)
        return broken("Failed", exitMessage(one.name, exit));
    }
    return await ended(workshop, containers, pod, code);
  } catch (error) {
    return thrown(attempt, error);
  } finally {
    await containers.close();
  }
}

/** What a container came to is the pod's failure; that it is not wanted, or lost, is the attempt's. */
function thrown({ signal }: PodAttempt, error: unknown): Noted {
  if (signal.aborted)
    throw new TaskError("Cancelled", "The pod is not wanted any more.", { class: "Cancelled" });
  if (error instanceof TaskError) throw error;
  return broken("Error", error instanceof Error ? error.message : String(error));
}

function broken(phase: "Failed" | "Error", message: string, result: Partial<PodResult> = {}): Noted {
  return { is: "failed", message, details: { phase, ...result } };
}

const exitMessage = (name: string, code: number): string => `${name}: Error (exit code ${code})`;

async function runInit(containers: Containers, { init }: Pod): Promise<Noted | undefined> {
  for (const one of init) {
    const code = await containers.run(one);
    if (code !== 0) return broken("Failed", exitMessage(one.name, code));
  }
  return undefined;
}

interface Code {
  readonly name: string;
  readonly exitCode: number;
}

/** Each once those it needs are over; gives the first that failed, or the main one. */
async function runMain(
  workshop: Workshop,
  attempt: PodAttempt,
  containers: Containers,
  pod: Pod,
): Promise<Code> {
  const begun = new Map<string, Promise<Code>>();
  const byName = new Map(pod.main.map((one) => [one.name, one]));
  const begin = (one: PodContainer): Promise<Code> => {
    const known = begun.get(one.name);
    if (known !== undefined) return known;
    const made = runAfter(one);
    begun.set(one.name, made);
    return made;
  };
  const runAfter = async (one: PodContainer): Promise<Code> => {
    for (const need of one.needs ?? []) {
      const other = byName.get(need);
      const code = other === undefined ? undefined : await begin(other);
      if (code !== undefined && code.exitCode !== 0) return { name: one.name, exitCode: 64 };
    }
    for (let count = 0; ; count++) {
      const exitCode = await containers.run(one, count);
      if (exitCode === 0 || count >= (one.retries ?? 0) || attempt.signal.aborted)
        return { name: one.name, exitCode };
      await workshop.clock.sleep(one.retryPause ?? 0, attempt.signal);
    }
  };
  if (pod.daemon === true) {
    const [only] = pod.main;
    void containers
      .started(only?.name ?? "")
      .then((ip) => workshop.begun.begin(attempt.run, attempt.path, { ip }));
  }
  const codes = await Promise.all(pod.main.map(begin));
  workshop.begun.end(attempt.run, attempt.path);
  // The first that failed of itself, before those that waited for it.
  const failed = codes.find(
    ({ name, exitCode }) => exitCode !== 0 && (byName.get(name)?.needs ?? []).length === 0,
  );
  const any = codes.find(({ exitCode }) => exitCode !== 0);
  return (
    failed ?? any ?? codes.find(({ name }) => name === "main") ?? codes[0] ?? { name: "main", exitCode: 0 }
  );
}

async function ended(workshop: Workshop, containers: Containers, pod: Pod, code: Code): Promise<Noted> {
  const output = await containers.output(pod.main.some(({ name }) => name === "main") ? "main" : code.name);
  const missing: string[] = [];
  const parameters = await parametersOf(containers, pod, missing);
  const artifacts = await artifactsOf(workshop, containers, pod, missing);
  const result: PodResult = { exitCode: code.exitCode, result: output, parameters, artifacts };
  if (code.exitCode !== 0) {
    const why = containers.problem(code.name);
    const message = exitMessage(code.name, code.exitCode) + (why === undefined ? "" : `: ${why}`);
    return broken("Failed", message, result);
  }
  if (missing.length > 0) return broken("Error", `Error (exit code 1): ${missing.join(", ")}`, result);
  return { is: "succeeded", result };
}

async function parametersOf(
  containers: Containers,
  { outputs }: Pod,
  missing: string[],
): Promise<Record<string, string>> {
  const parameters: Record<string, string> = {};
  for (const { name, path, default: standard } of outputs.parameters) {
    const text = (await containers.read(path)) ?? standard;
    if (text === undefined) missing.push(`the output parameter '${name}' was not written to ${path}`);
    else parameters[name] = text;
  }
  return parameters;
}

async function artifactsOf(
  workshop: Workshop,
  containers: Containers,
  { outputs }: Pod,
  missing: string[],
): Promise<Record<string, Stored>> {
  const artifacts: Record<string, Stored> = {};
  for (const artifact of outputs.artifacts) {
    const { name, path = "", optional } = artifact;
    const made = await containers.take(path);
    if (made !== undefined) {
      const stored = await workshop.artifacts.keep(made);
      artifacts[name] = stored;
      const key = keyOf(artifact);
      if (key !== undefined) await workshop.artifacts.name(key, stored);
    } else if (optional !== true) missing.push(`the output artifact '${name}' was not written to ${path}`);
  }
  return artifacts;
}

async function putInput(
  workshop: Workshop,
  containers: Containers,
  artifact: Pod["inputs"][number],
): Promise<void> {
  const { path = "", name, optional, archive, mode } = artifact;
  const made = join(containers.scratch, `artifact-${name}`);
  if (!(await isPut(workshop, artifact, made))) {
    if (optional === true) return;
    throw new Error(`The input artifact '${name}' does not exist.`);
  }
  // Archived by us it is put as it was; what came from elsewhere may be an archive itself.
  const mayBeArchive = artifact.stored === undefined && archive?.none === undefined;
  if (mayBeArchive && (await isZippedTar(made))) {
    await unpack(made, `${made}.tree`, true);
    await rm(made);
    await rename(`${made}.tree`, made);
  }
  await containers.give(made, path, mode === undefined ? undefined : Number(mode));
}

async function isPut(workshop: Workshop, artifact: Pod["inputs"][number], path: string): Promise<boolean> {
  const stored = await storedOf(workshop, artifact).catch((error: unknown) => {
    if (artifact.optional !== true) throw error;
    return undefined;
  });
  if (stored === undefined) {
    const key = keyOf(artifact);
    return key !== undefined && workshop.artifacts.putNamed(key, path);
  }
  await workshop.artifacts.put(stored, path, artifact.subPath);
  return true;
}

async function storedOf(workshop: Workshop, artifact: Pod["inputs"][number]): Promise<Stored | undefined> {
  const { stored, raw, http, name } = artifact;
  if (stored !== undefined) return stored;
  if (raw !== undefined) return workshop.artifacts.keepText(raw.data);
  if (http !== undefined) {
    const headers = (http.headers ?? []).map((one) => [one.name, one.value] as [string, string]);
    const answer = await fetch(http.url, { headers });
    if (!answer.ok) throw new Error(`The artifact '${name}' was answered with ${answer.status}.`);
    return workshop.artifacts.keepText(await answer.text());
  }
  return undefined;
}
