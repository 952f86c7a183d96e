/** What manifests of Argo Workflows say, as far as this dialect reads them (docs/guides/argo.md has what it does not). */

/** A text, or a number or boolean that is read as one. */
export type Scalar = string | number | boolean;
/** A number, or a text that is one once its variables are put in. */
export type Countable = number | string;

export interface Metadata {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export type ManifestKind =
  | "Workflow"
  | "CronWorkflow"
  | "WorkflowTemplate"
  | "ClusterWorkflowTemplate"
  | "ConfigMap";

export interface Manifest {
  readonly apiVersion?: string;
  readonly kind: ManifestKind;
  readonly metadata: Metadata;
  readonly spec: WorkflowSpec;
}

export interface ConfigMapManifest {
  readonly kind: "ConfigMap";
  readonly metadata: Metadata;
  readonly data?: Readonly<Record<string, string>>;
}

/** What a run follows: a manifest, and what it refers to as it was when the run began. */
export interface ArgoDefinition {
  readonly manifest: Manifest;
  /** WorkflowTemplates and ClusterWorkflowTemplates. */
  readonly templates?: readonly Manifest[];
  readonly configMaps?: readonly ConfigMapManifest[];
}

export interface WorkflowSpec {
  readonly entrypoint?: string;
  readonly arguments?: Arguments;
  readonly templates?: readonly Template[];
  readonly workflowTemplateRef?: { readonly name: string; readonly clusterScope?: boolean };
  readonly onExit?: string;
  readonly hooks?: Hooks;
  readonly templateDefaults?: Partial<Template>;
  readonly retryStrategy?: RetryStrategy;
  readonly parallelism?: Countable;
  readonly activeDeadlineSeconds?: Countable;
  readonly suspend?: boolean;
  readonly shutdown?: "Stop" | "Terminate" | "";
  readonly synchronization?: Synchronization;
  readonly volumes?: readonly Volume[];
  readonly volumeClaimTemplates?: readonly { readonly metadata?: Metadata }[];
  readonly workflowMetadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labelsFrom?: Readonly<Record<string, { readonly expression: string }>>;
  };
  readonly priority?: Countable;
  readonly serviceAccountName?: string;
}

export interface Arguments {
  readonly parameters?: readonly Parameter[];
  readonly artifacts?: readonly Artifact[];
}

export interface Parameter {
  readonly name: string;
  readonly value?: Scalar;
  readonly default?: Scalar;
  readonly enum?: readonly Scalar[];
  readonly globalName?: string;
  readonly valueFrom?: ValueFrom;
}

export interface ValueFrom {
  readonly path?: string;
  readonly default?: Scalar;
  readonly parameter?: string;
  readonly expression?: string;
  readonly supplied?: object;
  readonly jsonPath?: string;
  readonly jqFilter?: string;
  readonly event?: string;
  readonly configMapKeyRef?: { readonly name: string; readonly key: string };
}

export interface Stored {
  /** Of the content, in the folder of artifacts. */
  readonly hash: string;
  readonly is: "file" | "folder";
}

export interface Artifact {
  readonly name: string;
  readonly path?: string;
  readonly from?: string;
  readonly fromExpression?: string;
  readonly optional?: boolean;
  readonly subPath?: string;
  readonly globalName?: string;
  readonly mode?: Countable;
  readonly archive?: { readonly none?: object; readonly tar?: object; readonly zip?: object };
  readonly raw?: { readonly data: string };
  readonly http?: {
    readonly url: string;
    readonly headers?: readonly { readonly name: string; readonly value: string }[];
    readonly auth?: object;
  };
  readonly s3?: { readonly key?: string };
  readonly gcs?: { readonly key?: string };
  readonly oss?: { readonly key?: string };
  readonly azure?: { readonly blob?: string };
  readonly key?: string;
  /** Ours: where the content is. */
  readonly stored?: Stored;
}

export interface TemplateReference {
  readonly template?: string;
  readonly templateRef?: {
    readonly name: string;
    readonly template: string;
    readonly clusterScope?: boolean;
  };
  readonly inline?: Template;
}

export interface Hook extends TemplateReference {
  readonly arguments?: Arguments;
  readonly expression?: string;
}
export type Hooks = Readonly<Record<string, Hook>>;

export interface Item extends TemplateReference {
  readonly name: string;
  readonly arguments?: Arguments;
  readonly when?: string;
  readonly withItems?: readonly unknown[];
  readonly withParam?: string;
  readonly withSequence?: Sequence;
  readonly continueOn?: { readonly error?: boolean; readonly failed?: boolean };
  readonly hooks?: Hooks;
  readonly onExit?: string;
}

export interface Task extends Item {
  readonly depends?: string;
  readonly dependencies?: readonly string[];
}

export interface Sequence {
  readonly start?: Countable;
  readonly end?: Countable;
  readonly count?: Countable;
  readonly format?: string;
}

export interface RetryStrategy {
  readonly limit?: Countable;
  readonly retryPolicy?: "Always" | "OnFailure" | "OnError" | "OnTransientError";
  readonly backoff?: {
    readonly duration?: Countable;
    readonly factor?: Countable;
    readonly maxDuration?: Countable;
    readonly cap?: Countable;
  };
  readonly expression?: string;
}

export interface Lock {
  readonly name?: string;
  readonly namespace?: string;
  readonly database?: boolean | { readonly key: string };
  readonly configMapKeyRef?: { readonly name: string; readonly key: string };
}

export interface Synchronization {
  readonly mutex?: Lock;
  readonly mutexes?: readonly Lock[];
  readonly semaphore?: Lock;
  readonly semaphores?: readonly Lock[];
}

export interface Volume {
  readonly name: string;
  readonly emptyDir?: object;
  readonly persistentVolumeClaim?: { readonly claimName: string };
  readonly configMap?: { readonly name: string; readonly optional?: boolean };
  readonly secret?: { readonly secretName: string; readonly optional?: boolean };
  readonly hostPath?: { readonly path: string };
}

export interface EnvironmentVariable {
  readonly name: string;
  readonly value?: Scalar;
  readonly valueFrom?: {
    readonly configMapKeyRef?: { readonly name: string; readonly key: string; readonly optional?: boolean };
    readonly secretKeyRef?: { readonly name: string; readonly key: string; readonly optional?: boolean };
    readonly fieldRef?: { readonly fieldPath: string };
  };
}

export interface Container {
  readonly name?: string;
  readonly image?: string;
  readonly command?: readonly Scalar[];
  readonly args?: readonly Scalar[];
  readonly env?: readonly EnvironmentVariable[];
  readonly workingDir?: string;
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly subPath?: string;
  }[];
  readonly readinessProbe?: object;
  /** In a container set. */
  readonly dependencies?: readonly string[];
  /** Of a sidecar: it sees the volumes of the main container. */
  readonly mirrorVolumeMounts?: boolean;
}

export interface Script extends Container {
  readonly source?: string;
}

export interface HttpTemplate {
  readonly url: string;
  readonly method?: string;
  readonly headers?: readonly { readonly name: string; readonly value?: string }[];
  readonly body?: string;
  readonly bodyFrom?: object;
  readonly timeoutSeconds?: Countable;
  readonly successCondition?: string;
}

export interface Template {
  readonly name?: string;
  readonly inputs?: Arguments;
  readonly outputs?: Arguments & { readonly result?: string };
  readonly container?: Container;
  readonly script?: Script;
  readonly containerSet?: {
    readonly containers: readonly Container[];
    readonly volumeMounts?: Container["volumeMounts"];
    readonly retryStrategy?: { readonly retries?: Countable; readonly duration?: Countable };
  };
  readonly steps?: readonly (readonly Item[])[];
  readonly dag?: { readonly tasks: readonly Task[]; readonly target?: string; readonly failFast?: boolean };
  readonly suspend?: { readonly duration?: Countable };
  readonly http?: HttpTemplate;
  readonly data?: {
    readonly source: { readonly artifactPaths?: Artifact };
    readonly transformation: readonly { readonly expression: string }[];
  };
  readonly resource?: object;
  readonly plugin?: object;
  readonly daemon?: boolean;
  readonly sidecars?: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly retryStrategy?: RetryStrategy;
  readonly parallelism?: Countable;
  readonly failFast?: boolean;
  readonly timeout?: Countable;
  readonly activeDeadlineSeconds?: Countable;
  readonly synchronization?: Synchronization;
  readonly memoize?: {
    readonly key: string;
    readonly maxAge?: string;
    readonly cache?: { readonly configMap?: { readonly name: string } };
  };
  readonly archiveLocation?: object;
}

export const templateTypes = [
  "container",
  "script",
  "containerSet",
  "steps",
  "dag",
  "suspend",
  "http",
  "data",
  "resource",
  "plugin",
] as const;

export type TemplateType = (typeof templateTypes)[number];

export function typeOf(template: Template): TemplateType | undefined {
  return templateTypes.find((type) => template[type] !== undefined && template[type] !== null);
}

/** Types whose work is a pod's: one process or container, or several together. */
export const podTypes: ReadonlySet<TemplateType | undefined> = new Set([
  "container",
  "script",
  "containerSet",
]);

/** A parameter's value as the text that it is to everything else. */
export function scalarText(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/** The key that a manifest gives an artifact, in whatever store. */
export function keyOf({ s3, gcs, oss, azure, key }: Artifact): string | undefined {
  const found = s3?.key ?? gcs?.key ?? oss?.key ?? azure?.blob ?? key;
  return found === undefined || found === "" ? undefined : found;
}
