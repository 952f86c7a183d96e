/**
 * Steps of Argo's workflows in a control plane: what does them is loaded with the first of them. Containers are those of the
 * engine behind the Location `docker`, as far as it is one of this machine, since folders of this machine are mounted into them;
 * where none answers, they are processes of this machine.
 */
import { execFile } from "node:child_process";
import type { Clock } from "../clock/clock.ts";
import type { LocationSpec } from "../kinds/location.ts";
import type { Resource } from "../model/resource.ts";
import type { Keyring } from "../model/sealed.ts";
import { claimOf, workOf } from "../dialects/argo/pods/work.ts";
import type { Choice } from "../dialects/argo/pods/choices.ts";
import type { Store } from "../store/store.ts";
import type { StepType } from "../workflow/engine/step-type.ts";
import { readSecret } from "./controllers.ts";

export interface ArgoParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly keyring: Keyring;
  /** Absolute; made when needed. */
  readonly folder: string;
}

/** Steps of other workflows are `others`' to do. */
export function withArgo(parts: ArgoParts, others: StepType): StepType {
  let loading: Promise<StepType> | undefined;
  const loaded = (): Promise<StepType> =>
    (loading ??= load(parts).catch((error: unknown) => {
      loading = undefined;
      throw error;
    }));
  return {
    ...others,
    claim: (step) => {
      const work = workOf(step);
      return work === undefined ? others.claim?.(step) : claimOf(work);
    },
    execute: (attempt) =>
      workOf(attempt.step) === undefined
        ? others.execute(attempt)
        : loaded().then((argo) => argo.execute(attempt)),
  };
}

async function load({ store, clock, keyring, folder }: ArgoParts): Promise<StepType> {
  const { argoSteps } = await import("../dialects/argo/pods/executor.ts");
  return argoSteps({
    folder,
    clock,
    containers: () => containersOf(store),
    secret: async (namespace, name) => readSecret(store, keyring, namespace, name),
    configMap: async (namespace, name) => {
      const found = store.get({ kind: "ConfigMap", namespace, name });
      return (found as { readonly data?: Readonly<Record<string, string>> } | undefined)?.data;
    },
  });
}

const AS_PROCESSES = "so the containers of this run are processes of this machine, without their images.";
/** An engine that has not said its version by then does not answer, milliseconds. */
const ANSWERS_WITHIN = 10_000;

async function containersOf(store: Store): Promise<Choice> {
  const location = store.get({ kind: "Location", namespace: "", name: "docker" }) as
    | Resource<LocationSpec>
    | undefined;
  const endpoint = location?.spec.docker?.endpoint ?? process.env["DOCKER_HOST"];
  if (endpoint !== undefined && !endpoint.startsWith("unix://"))
    return {
      is: "process",
      why: `The engine of the Location docker, ${endpoint}, is not reached by a socket of this machine, ${AS_PROCESSES}`,
    };
  const problem = await problemOf(endpoint);
  if (problem === undefined) return { is: "docker", ...(endpoint === undefined ? {} : { endpoint }) };
  return { is: "process", why: `No container engine answers (${problem}), ${AS_PROCESSES}` };
}

function problemOf(endpoint: string | undefined): Promise<string | undefined> {
  const env = { ...process.env, ...(endpoint === undefined ? {} : { DOCKER_HOST: endpoint }) };
  const words = ["version", "--format", "{{.Server.Version}}"];
  return new Promise((resolve) => {
    execFile("docker", words, { env, timeout: ANSWERS_WITHIN }, (error, _stdout, stderr) => {
      const [said = ""] = stderr.trim().split("\n");
      resolve(error === null ? undefined : said.replace(/\.$/, "") || error.message);
    });
  });
}
