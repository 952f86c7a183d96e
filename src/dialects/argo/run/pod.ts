/** Templates whose work is a pod's: container, script, containerSet. */
import type { RunStep, Timeouts } from "../../../workflow/definition/workflow.ts";
import type { Failure } from "../../../workflow/run/failure.ts";
import {
  type Artifact,
  type Container,
  type EnvironmentVariable,
  type Parameter,
  type Script,
  type Template,
  type Volume,
  scalarText,
} from "../manifest.ts";
import type { Pod, PodContainer, PodFailure, PodResult, PodVariable, PodVolume } from "../pods/work.ts";
import { type Body, type Context } from "./call.ts";
import { type Ground, seedOf } from "./ground.ts";
import { TemplateError, hasLocation } from "./inputs.ts";
import { type Node, type Outputs, blankNode, noOutputs } from "./node.ts";
import { spanOf } from "./retry.ts";
import type { Outcome } from "./turns.ts";

export async function runPod(context: Context, body: Body): Promise<Node> {
  const { ground } = context;
  const { template, name, path, call } = body;
  const pod = podOf(ground, body);
  await ground.pods.take();
  const startedAt = ground.now;
  if (template.daemon === true) return runDaemon(ground, body, pod, startedAt);
  const outcome = await ground.turns.perform(
    path,
    stepOf(ground, body, pod),
    ground.signalOf(call.isExit),
    call.isExit,
  );
  ground.pods.give();
  const node = { ...blankNode(name, call.displayName, "Succeeded", "", ground.now), startedAt };
  return { ...node, template: template.name ?? "", ...judged(ground, template, outcome) };
}

/** Over as soon as it is ready; goes on until the steps or dag around it is over. */
async function runDaemon(ground: Ground, body: Body, pod: Pod, startedAt: number): Promise<Node> {
  const { call, name, path, template } = body;
  const signals = [ground.signalOf(call.isExit), ...(call.until === undefined ? [] : [call.until])];
  const ready = new AbortController();
  const running = ground.turns.perform(
    path,
    stepOf(ground, body, pod),
    AbortSignal.any(signals),
    call.isExit,
  );
  ground.background(running);
  const begun = ground.work(
    `${path}!ready`,
    { argo: "begun", path },
    call.isExit,
    AbortSignal.any([ready.signal, ground.signalOf(call.isExit)]),
  );
  ground.background(begun);
  const first = await Promise.race([
    begun.then((outcome) => ({ is: "ready" as const, outcome })),
    running.then((outcome) => ({ is: "over" as const, outcome })),
  ]);
  ground.pods.give();
  const node = { ...blankNode(name, call.displayName, "Succeeded", "", ground.now), startedAt };
  if (first.is === "over") {
    ready.abort();
    return { ...node, template: template.name ?? "", ...judged(ground, template, first.outcome) };
  }
  const told = first.outcome.is === "succeeded" ? (first.outcome.result as { readonly ip?: string }) : {};
  return { ...node, template: template.name ?? "", isDaemon: true, ip: told.ip ?? "127.0.0.1" };
}

function stepOf(ground: Ground, { template, deadline }: Body, pod: Pod): RunStep {
  const [main] = pod.main;
  const timeouts = timeoutsOf(template, deadline - ground.now);
  return {
    type: "run",
    command: [...(main?.command ?? []), ...(main?.arguments ?? [])],
    ...(main === undefined || main.image === "" ? {} : { image: main.image }),
    ...(Object.keys(timeouts).length > 0 ? { timeouts } : {}),
    input: pod,
  };
}

/** `left`: milliseconds until retries must be over. */
function timeoutsOf({ activeDeadlineSeconds, timeout = "" }: Template, left: number): Timeouts {
  const active = activeDeadlineSeconds === undefined ? Infinity : secondsOf(activeDeadlineSeconds) * 1000;
  const attempt = Math.max(1, Math.min(active, left));
  return {
    ...(Number.isFinite(attempt) ? { attempt: `${Math.round(attempt)}ms` } : {}),
    ...(timeout === "" ? {} : { total: `${spanOf(timeout)}ms` }),
  };
}

function secondsOf(value: unknown): number {
  const seconds = Number(value);
  if (value !== "" && Number.isFinite(seconds) && seconds > 0) return seconds;
  throw new TemplateError(`activeDeadlineSeconds must be a positive number, not '${String(value)}'`);
}

/** What came of a step that is a pod: a phase, a message, outputs. */
function judged(
  ground: Ground,
  template: Template,
  outcome: Outcome,
): Pick<Node, "phase" | "message" | "outputs"> {
  if (outcome.is === "succeeded")
    return { phase: "Succeeded", message: "", outputs: outputsOf(template, outcome.result as PodResult) };
  const { ending } = ground;
  if (outcome.is === "stopped" || (ending !== undefined && outcome.failure.class === "Cancelled"))
    return { phase: "Failed", message: endingMessage(ground), outputs: noOutputs };
  return {
    phase: phaseOf(outcome.failure),
    message: messageOf(outcome.failure),
    outputs: failedOutputs(template, outcome.failure),
  };
}

export function endingMessage({ ending }: Ground): string {
  if (ending?.is === "deadline") return "Step exceeded its deadline";
  return `workflow shutdown with strategy: ${ending?.is ?? "Stop"}`;
}

function phaseOf({ class: failureClass, details }: Failure): "Failed" | "Error" {
  if (failureClass === "Timeout") return "Failed";
  return (details as PodFailure | undefined)?.phase ?? "Error";
}

function messageOf({ class: failureClass, message }: Failure): string {
  return failureClass === "Timeout"
    ? "Pod was active on the node longer than the specified deadline"
    : message;
}

function failedOutputs(template: Template, { details }: Failure): Outputs {
  const failure = details as PodFailure | undefined;
  if (failure?.exitCode === undefined) return noOutputs;
  const { exitCode, result = "", parameters = {}, artifacts = {} } = failure;
  return outputsOf(template, { exitCode, result, parameters, artifacts });
}

function outputsOf({ outputs }: Template, result: PodResult): Outputs {
  const parameters = new Map<string, string>();
  for (const parameter of outputs?.parameters ?? []) {
    const value = parameterOf(parameter, result);
    if (value !== undefined) parameters.set(parameter.name, scalarText(value));
  }
  const artifacts = new Map<string, Artifact>();
  for (const { path: _path, optional: _optional, ...artifact } of outputs?.artifacts ?? []) {
    const stored = result.artifacts[artifact.name];
    if (stored !== undefined) artifacts.set(artifact.name, { ...artifact, stored });
  }
  return { parameters, artifacts, result: result.result, exitCode: String(result.exitCode) };
}

function parameterOf({ name, value, valueFrom }: Parameter, result: PodResult): Parameter["value"] {
  const made = valueFrom?.path === undefined ? undefined : result.parameters[name];
  return made ?? value ?? valueFrom?.default;
}

function podOf(ground: Ground, { template, name }: Body): Pod {
  const containers = containersOf(template);
  const mirrored = containers.flatMap(({ volumeMounts = [] }) => volumeMounts);
  const beside = (all: readonly Container[] = []): PodContainer[] =>
    all.map((one) => {
      const mounts = [...(one.volumeMounts ?? []), ...(one.mirrorVolumeMounts === true ? mirrored : [])];
      return containerOf(ground, { ...one, volumeMounts: mounts }, one.name ?? "sidecar");
    });
  return {
    argo: "pod",
    workflow: ground.name,
    namespace: ground.namespace,
    node: name,
    template: template.name ?? "",
    init: beside(template.initContainers),
    main: mainOf(ground, template, containers),
    sidecars: beside(template.sidecars),
    volumes: volumesOf(ground, template),
    inputs: (template.inputs?.artifacts ?? []).filter((one) => one.path !== undefined && hasLocation(one)),
    outputs: filesOf(template),
    ...(template.daemon === true ? { daemon: true } : {}),
  };
}

type Containerlike = Container & Partial<Script>;

function containersOf({ container, script, containerSet }: Template): readonly Containerlike[] {
  if (containerSet === undefined) return [{ ...(container ?? script), name: "main" }];
  const { containers, volumeMounts = [] } = containerSet;
  return containers.map((one) => ({
    ...one,
    volumeMounts: [...volumeMounts, ...(one.volumeMounts ?? [])],
  }));
}

function mainOf(
  ground: Ground,
  { containerSet }: Template,
  containers: readonly Containerlike[],
): PodContainer[] {
  const retry = containerSet?.retryStrategy;
  return containers.map((one, index) => ({
    ...containerOf(ground, one, one.name ?? `main-${index}`),
    ...(one.dependencies === undefined ? {} : { needs: one.dependencies }),
    ...(retry === undefined
      ? {}
      : { retries: Number(retry.retries ?? 0), retryPause: spanOf(retry.duration ?? 0) }),
  }));
}

/** What it leaves in files. */
function filesOf({ outputs }: Template): Pod["outputs"] {
  const parameters = (outputs?.parameters ?? []).flatMap(({ name, valueFrom }) => {
    if (valueFrom?.path === undefined) return [];
    const { path, default: standard } = valueFrom;
    return [{ name, path, ...(standard === undefined ? {} : { default: scalarText(standard) }) }];
  });
  const artifacts = (outputs?.artifacts ?? []).filter(({ path }) => path !== undefined);
  return { parameters, artifacts };
}

function containerOf(ground: Ground, container: Container & Partial<Script>, name: string): PodContainer {
  const { image = "", command, args = [], env = [], workingDir, source, volumeMounts = [] } = container;
  return {
    name,
    image,
    ...(command === undefined || command.length === 0 ? {} : { command: command.map(scalarText) }),
    arguments: args.map(scalarText),
    environment: env.map((one) => variableOf(ground, one)),
    ...(workingDir === undefined || workingDir === "" ? {} : { directory: workingDir }),
    ...(source === undefined || source.trim() === "" ? {} : { source }),
    mounts: volumeMounts.map(({ name: volume, mountPath: path, subPath }) => ({
      volume,
      path,
      ...(subPath === undefined ? {} : { subPath }),
    })),
  };
}

function variableOf(ground: Ground, variable: EnvironmentVariable): PodVariable {
  const { name, value = "", valueFrom } = variable;
  const { configMapKeyRef, secretKeyRef, fieldRef } = valueFrom ?? {};
  if (configMapKeyRef !== undefined) return fromConfigMap(ground, name, configMapKeyRef);
  if (secretKeyRef !== undefined) {
    const { name: of, key } = secretKeyRef;
    return { name, from: "secret", of, key, ...optional(secretKeyRef) };
  }
  return { name, value: fieldRef === undefined ? scalarText(value) : fieldOf(ground, fieldRef.fieldPath) };
}

type KeyReference = { readonly name: string; readonly key: string; readonly optional?: boolean };

function fromConfigMap(ground: Ground, name: string, reference: KeyReference): PodVariable {
  const { name: of, key } = reference;
  const own = ground.definition.configMaps?.find(({ metadata }) => metadata.name === of)?.data?.[key];
  return own === undefined
    ? { name, from: "configMap", of, key, ...optional(reference) }
    : { name, value: own };
}

function fieldOf({ name, namespace }: Ground, path: string): string {
  const fields: Readonly<Record<string, string>> = {
    "metadata.name": name,
    "metadata.namespace": namespace,
    "status.podIP": "127.0.0.1",
  };
  return fields[path] ?? "";
}

function volumesOf({ volumes, library: { spec } }: Ground, template: Template): PodVolume[] {
  const claims = (spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata?.name ?? "");
  const declared = [...volumes, ...(template.volumes ?? [])];
  return [...claims.map((name) => ({ name, is: "claim" as const, of: name })), ...declared.map(volumeOf)];
}

function volumeOf({ name, persistentVolumeClaim, configMap, secret, hostPath }: Volume): PodVolume {
  if (persistentVolumeClaim !== undefined) return { name, is: "shared", of: persistentVolumeClaim.claimName };
  if (configMap !== undefined) return { name, is: "configMap", of: configMap.name, ...optional(configMap) };
  if (secret !== undefined) return { name, is: "secret", of: secret.secretName, ...optional(secret) };
  if (hostPath !== undefined) return { name, is: "host", of: hostPath.path };
  return { name, is: "empty" };
}

const optional = (source: { readonly optional?: boolean }): { optional?: true } =>
  source.optional === true ? { optional: true } : {};

/** Kubernetes' name of the pod of a node. */
export function podName(workflow: string, node: string, template: string): string {
  if (node === workflow) return workflow;
  const prefix = template === "" ? workflow : `${workflow}-${template}`;
  return `${prefix.slice(0, 52)}-${fnv(node)}`;
}

const fnv = (text: string): number => seedOf(text);
