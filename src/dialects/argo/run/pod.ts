/** Templates whose work is a pod's: container, script, containerSet. */
import type { RunStep } from "../../../workflow/definition/workflow.ts";
import type { Failure } from "../../../workflow/run/failure.ts";
import {
  type Artifact,
  type Container,
  type EnvironmentVariable,
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
  const limits = [
    template.activeDeadlineSeconds === undefined
      ? Infinity
      : secondsOf(template.activeDeadlineSeconds) * 1000,
    deadline - ground.now,
  ];
  const attempt = Math.max(1, Math.min(...limits));
  const timeouts = {
    ...(Number.isFinite(attempt) ? { attempt: `${Math.round(attempt)}ms` } : {}),
    ...(template.timeout === undefined || template.timeout === ""
      ? {}
      : { total: `${spanOf(template.timeout)}ms` }),
  };
  return {
    type: "run",
    command: [...(main?.command ?? []), ...(main?.arguments ?? [])],
    ...(main?.image === undefined || main.image === "" ? {} : { image: main.image }),
    ...(Object.keys(timeouts).length > 0 ? { timeouts } : {}),
    input: pod,
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
  for (const { name, value, valueFrom } of outputs?.parameters ?? []) {
    const made = valueFrom?.path === undefined ? undefined : result.parameters[name];
    const chosen = made ?? value ?? valueFrom?.default;
    if (chosen !== undefined) parameters.set(name, scalarText(chosen));
  }
  const artifacts = new Map<string, Artifact>();
  for (const { path: _path, optional: _optional, ...artifact } of outputs?.artifacts ?? []) {
    const stored = result.artifacts[artifact.name];
    if (stored !== undefined) artifacts.set(artifact.name, { ...artifact, stored });
  }
  return { parameters, artifacts, result: result.result, exitCode: String(result.exitCode) };
}

function podOf(ground: Ground, { template, name }: Body): Pod {
  const { container, script, containerSet, inputs, outputs } = template;
  const containers: readonly (Container & Partial<Script>)[] =
    containerSet === undefined
      ? [{ ...(container ?? script), name: "main" }]
      : containerSet.containers.map((one) => ({
          ...one,
          volumeMounts: [...(containerSet.volumeMounts ?? []), ...(one.volumeMounts ?? [])],
        }));
  const mirrored = containers.flatMap(({ volumeMounts = [] }) => volumeMounts);
  const retry = containerSet?.retryStrategy;
  const main = containers.map((one, index) => ({
    ...containerOf(ground, one, one.name ?? `main-${index}`),
    ...(one.dependencies === undefined ? {} : { needs: one.dependencies }),
    ...(retry === undefined
      ? {}
      : { retries: Number(retry.retries ?? 0), retryPause: spanOf(retry.duration ?? 0) }),
  }));
  const sidecar = (one: Container): PodContainer =>
    containerOf(
      ground,
      one.mirrorVolumeMounts === true
        ? { ...one, volumeMounts: [...(one.volumeMounts ?? []), ...mirrored] }
        : one,
      one.name ?? "sidecar",
    );
  return {
    argo: "pod",
    workflow: ground.name,
    namespace: ground.namespace,
    node: name,
    template: template.name ?? "",
    init: (template.initContainers ?? []).map(sidecar),
    main,
    sidecars: (template.sidecars ?? []).map(sidecar),
    volumes: volumesOf(ground, template),
    inputs: (inputs?.artifacts ?? []).filter((one) => one.path !== undefined && hasLocation(one)),
    outputs: {
      parameters: (outputs?.parameters ?? []).flatMap(({ name: parameter, valueFrom }) =>
        valueFrom?.path === undefined
          ? []
          : [
              {
                name: parameter,
                path: valueFrom.path,
                ...(valueFrom.default === undefined ? {} : { default: scalarText(valueFrom.default) }),
              },
            ],
      ),
      artifacts: (outputs?.artifacts ?? []).filter(({ path }) => path !== undefined),
    },
    ...(template.daemon === true ? { daemon: true } : {}),
  };
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

function variableOf(ground: Ground, { name, value, valueFrom }: EnvironmentVariable): PodVariable {
  const reference = valueFrom?.configMapKeyRef ?? valueFrom?.secretKeyRef;
  if (reference === undefined) {
    const field = valueFrom?.fieldRef?.fieldPath;
    const fields: Readonly<Record<string, string>> = {
      "metadata.name": ground.name,
      "metadata.namespace": ground.namespace,
      "status.podIP": "127.0.0.1",
    };
    return { name, value: field === undefined ? scalarText(value ?? "") : (fields[field] ?? "") };
  }
  const { name: of, key, optional } = reference;
  const own = ground.definition.configMaps?.find(({ metadata }) => metadata.name === of);
  if (valueFrom?.configMapKeyRef !== undefined && own?.data?.[key] !== undefined)
    return { name, value: own.data[key] };
  const from = valueFrom?.configMapKeyRef === undefined ? "secret" : "configMap";
  return { name, from, of, key, ...(optional === true ? { optional } : {}) };
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
