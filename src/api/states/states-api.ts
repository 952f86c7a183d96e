/**
 * The API of AWS Step Functions, so that its SDKs and its command line work with this control plane: JSON 1.0, one operation a
 * request, named by `X-Amz-Target`.
 *
 *     request -> signature (or the control plane's own token) -> operation -> resources (Workflow, Run) and the engine -> JSON
 *
 * State machines are Workflows, executions are Runs. ARNs have the namespace where the service has the account; the namespace of
 * what no ARN places is the last segment of the endpoint's path, `default` without one: `http://HOST/states/NAMESPACE`.
 */
import { randomUUID } from "node:crypto";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import type { MountAnswer, MountRequest, Serve } from "../mount.ts";
import type { Operation, StatesContext, StatesOptions } from "./context.ts";
import { executionOperations } from "./executions.ts";
import { Fault } from "./fault.ts";
import { machineOperations } from "./machines.ts";
import { mapRunOperations } from "./map-runs.ts";
import { isSigned, signatureProblem } from "./signature.ts";
import { tagOperations } from "./tags.ts";
import { taskOperations } from "./tasks.ts";
import { testStateOperation } from "./test-state-operation.ts";
import { versionOperations } from "./versions.ts";

export interface StatesApiOptions extends StatesOptions {
  /** The control plane's: the secret with which requests are signed. */
  readonly token: string;
  /** The first segment of the paths that it serves. */
  readonly prefix: string;
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  ...machineOperations,
  ...executionOperations,
  ...taskOperations,
  ...versionOperations,
  ...tagOperations,
  ...mapRunOperations,
  TestState: testStateOperation,
};

const TARGET = "AWSStepFunctions.";

/** A request that is not signed has been let in by whoever serves this. */
export function statesApi(options: StatesApiOptions): Serve {
  return async (request, gone = new AbortController().signal) => {
    try {
      checkSignature(options, request);
      const target = request.headers["x-amz-target"] ?? "";
      const name = target.startsWith(TARGET) ? target.slice(TARGET.length) : "";
      if (request.method !== "POST" || !Object.hasOwn(OPERATIONS, name))
        throw new Fault("UnknownOperationException", `There is no operation '${target}'.`, 404);
      const context = contextOf(options, request, gone);
      return answer(200, await OPERATIONS[name]?.(context, inputIn(request)));
    } catch (error) {
      return refusal(error);
    }
  };
}

function contextOf(options: StatesApiOptions, { path }: MountRequest, gone: AbortSignal): StatesContext {
  const namespace = decodeURIComponent(path.split("/").find((one) => one !== "") ?? "default");
  if (options.store.get({ kind: "Namespace", namespace: "", name: namespace }) === undefined)
    throw new Fault("ValidationException", `There is no namespace '${namespace}'.`);
  return { ...options, namespace, actor: "user:admin", signal: gone };
}

function checkSignature({ token, prefix, clock }: StatesApiOptions, request: MountRequest): void {
  if (!isSigned(request.headers)) return;
  const { path } = request;
  // Without a slash at its end the path of the mount itself looks the same as with one.
  const paths = path === "/" ? [`/${prefix}/`, `/${prefix}`] : [`/${prefix}${path}`];
  const problems = paths.map((one) => signatureProblem({ ...request, path: one }, token, clock.now()));
  const [problem] = problems;
  if (problem !== undefined && !problems.includes(undefined))
    throw new Fault("InvalidSignatureException", problem, 403);
}

function inputIn({ body }: MountRequest): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(Buffer.from(body).toString("utf8")) as unknown;
  } catch (error) {
    throw new Fault("SerializationException", `The body is no JSON: ${(error as Error).message}`);
  }
}

function answer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): MountAnswer {
  return {
    status,
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amzn-requestid": randomUUID(),
      ...headers,
    },
    body: JSON.stringify(body),
  };
}

function refusal(error: unknown): MountAnswer {
  if (error instanceof DiagnosticError) return refusal(new Fault("ValidationException", error.message));
  if (!(error instanceof Fault)) throw error;
  const { name, message, status } = error;
  return answer(status, { __type: `com.amazonaws.states#${name}`, message }, { "x-amzn-errortype": name });
}
