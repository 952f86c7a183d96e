/**
 * `ansible`: drives the installed `ansible-playbook`.
 *
 * | what happens                      | error            | class     |
 * |-----------------------------------|------------------|-----------|
 * | tasks fail on a host              | TasksFailed      | Retryable |
 * | a host is not reached             | HostUnreachable  | Retryable |
 * | nothing was run at all            | PlaybookFailed   | Terminal  |
 *
 * Variables go by a file that only their owner reads, as data: nothing in them is worked out as a template. How each host
 * did is read from the recap, which is the last that it prints.
 */
import { ANSIBLE_ENVIRONMENT, type HostStats, asData, hostsWith, statsIn } from "../tools/ansible.ts";
import type { AnsibleStep } from "../workflow/definition/workflow.ts";
import { type Attempt, type StepType, TaskError } from "../workflow/engine/step-type.ts";
import { namespaceOf, stepOf } from "../workflow/step/attempt.ts";
import { pathIn } from "../workflow/step/folder.ts";
import { StepSecrets } from "../workflow/step/secrets.ts";
import { type ToolOptions, quoted, runTool } from "../workflow/step/tool.ts";

export interface AnsibleResult {
  readonly stats: Readonly<Record<string, HostStats>>;
}

const QUOTED = 10;

export function ansibleSteps(options: ToolOptions): StepType {
  return { execute: (attempt) => play(attempt, options) };
}

async function play(attempt: Attempt, options: ToolOptions): Promise<AnsibleResult> {
  const secrets = new StepSecrets(namespaceOf(attempt), options.readSecret);
  const step = stepOf(attempt, "ansible");
  const variables = secrets.open(step.variables ?? {});
  const stats: Record<string, HostStats> = {};
  const last: string[] = [];
  let isRecap = false;
  const { code } = await runTool(
    {
      tool: "ansible-playbook",
      script: commandOf(step),
      directory: pathIn(step.directory ?? ".", attempt, options.store),
      environment: {
        ...ANSIBLE_ENVIRONMENT,
        ...step.environment,
      },
      files: {
        "variables.json": JSON.stringify(asData(variables)),
        ...(typeof step.inventory === "object" ? { "inventory.json": JSON.stringify(step.inventory) } : {}),
      },
      grace: step.grace ?? "30s",
      onLine: ({ text, stream }) => {
        attempt.log(text, stream);
        if (text.startsWith("PLAY RECAP")) isRecap = true;
        else if (isRecap) Object.assign(stats, statsIn(text));
        if (/^(fatal|ERROR|failed)/.test(text) || stream === "stderr") last.push(text);
        if (last.length > QUOTED) last.shift();
      },
    },
    attempt,
    secrets,
    options,
  );
  if (code !== 0) throw failureOf(code, stats, last);
  return { stats };
}

function commandOf({ playbook, inventory, tags = [], limit, check }: AnsibleStep): string {
  return [
    "ansible-playbook",
    ...(inventory === undefined
      ? []
      : ["-i", typeof inventory === "string" ? quoted(inventory) : '"$SCRATCH/inventory.json"']),
    "-e",
    '"@$SCRATCH/variables.json"',
    ...(tags.length === 0 ? [] : ["--tags", quoted(tags.join(","))]),
    ...(limit === undefined ? [] : ["--limit", quoted(limit)]),
    ...(check === true ? ["--check"] : []),
    "--",
    quoted(playbook),
  ].join(" ");
}

function failureOf(
  code: number,
  stats: Readonly<Record<string, HostStats>>,
  last: readonly string[],
): TaskError {
  const said = last.length === 0 ? "" : `: ${last.join("\n")}`;
  const details = { exitCode: code, stats };
  const failed = hostsWith("failed", stats);
  if (failed.length > 0)
    return new TaskError("TasksFailed", `Tasks failed on ${failed.join(", ")}${said}`, { details });
  const lost = hostsWith("unreachable", stats);
  if (lost.length > 0)
    return new TaskError("HostUnreachable", `${lost.join(", ")} is not reached${said}`, { details });
  return new TaskError("PlaybookFailed", `ansible-playbook exited with code ${code}${said}`, {
    terminal: true,
    details,
  });
}
