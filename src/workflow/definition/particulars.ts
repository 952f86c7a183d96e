/** What each type of step asks of its own fields. Texts with expressions are known only when the step begins. */
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { parseDuration } from "../../model/duration.ts";
import { hasExpression } from "../../model/expression.ts";
import { parseQuantity } from "../../model/quantity.ts";
import type { Finding } from "./finding.ts";
import { parseAwaited, parseConditionText, parseTarget } from "./target.ts";
import type {
  ApprovalStep,
  ApplyStep,
  HttpStep,
  MapStep,
  Placed,
  ResourceStep,
  RunStep,
  ScaleStep,
  Step,
  WaitStep,
} from "./workflow.ts";

export interface Particular extends Omit<Finding, "path"> {
  /** Within the step. */
  readonly path: readonly (string | number)[];
}

export function particularsOf(step: Step): readonly Particular[] {
  switch (step.type) {
    case "wait":
      return ofWait(step);
    case "run":
      return ofRun(step);
    case "http":
      return ofHttp(step);
    case "map":
      return ofMap(step);
    case "apply":
      return ofApply(step);
    case "scale":
      return ofScale(step);
    case "resource":
      return ofResource(step);
    case "terraform":
      return [...duration(step.grace, "grace"), ...duration(step.lockTimeout, "lockTimeout")];
    case "ansible":
      return duration(step.grace, "grace");
    case "approval":
      return ofApproval(step);
    default:
      return [];
  }
}

function ofWait(step: WaitStep): readonly Particular[] {
  const ways = [step.duration, step.until, step.signal, step.condition, step.token];
  const given = ways.filter((one) => one !== undefined).length;
  const { until, condition } = step;
  return [
    ...(given === 1
      ? []
      : [
          {
            code: "AmbiguousWait",
            path: [],
            message: `A wait is for one thing; ${given} are given.`,
            hint: "Give duration, until, signal, condition or token.",
          },
        ]),
    ...duration(step.duration, "duration"),
    ...(until !== undefined && !hasExpression(until) && Number.isNaN(Date.parse(until))
      ? [
          {
            code: "InvalidInstant",
            path: ["until"],
            message: `'${until}' is not an instant.`,
            hint: "Write for example 2026-03-01T06:00:00Z.",
          },
        ]
      : []),
    ...read(condition, "condition", parseConditionText),
  ];
}

function ofRun(step: RunStep): readonly Particular[] {
  const { success = [], retryable = [], terminal = [] } = step.exitCodes ?? {};
  const codes = [...success, ...retryable, ...terminal];
  const doubled = codes.find((code, index) => codes.indexOf(code) !== index);
  return [
    ...(step.command.length === 0 && step.image === undefined
      ? [
          {
            code: "NothingToRun",
            path: ["command"],
            message: "There is nothing to run.",
            hint: "Give a command, or an image.",
          },
        ]
      : []),
    ...(doubled === undefined
      ? []
      : [
          {
            code: "AmbiguousExitCode",
            path: ["exitCodes"],
            message: `The exit code ${doubled} is given two meanings.`,
            hint: "Name it once.",
          },
        ]),
    ...placed(step),
  ];
}

function placed({ image, class: name, grace, resources }: Placed): readonly Particular[] {
  return [
    ...(image !== undefined && name === "process"
      ? [
          {
            code: "ImageOfProcess",
            path: ["image"],
            message: "A process has no image.",
            hint: "Remove class: process, or the image.",
          },
        ]
      : []),
    ...duration(grace, "grace"),
    ...read(resources?.cpu, ["resources", "cpu"], parseQuantity),
    ...read(resources?.memory, ["resources", "memory"], parseQuantity),
  ];
}

function ofHttp({ url, method }: HttpStep): readonly Particular[] {
  const isOther = !hasExpression(url) && !/^https?:\/\/[^/]/.test(url);
  const isMethod = method === undefined || hasExpression(method) || /^[A-Za-z]{1,20}$/.test(method);
  return [
    ...(isOther
      ? [
          {
            code: "InvalidUrl",
            path: ["url"],
            message: `'${url}' is not an address of http or https.`,
            hint: "Write for example https://example.com/hooks.",
          },
        ]
      : []),
    ...(isMethod
      ? []
      : [
          {
            code: "InvalidMethod",
            path: ["method"],
            message: `'${method}' is not a method of HTTP.`,
            hint: "Write for example POST.",
          },
        ]),
  ];
}

function ofMap({ items, itemsFrom }: MapStep): readonly Particular[] {
  if ((items === undefined) !== (itemsFrom === undefined)) return [];
  return [
    {
      code: "AmbiguousItems",
      path: [],
      message: items === undefined ? "A map needs items." : "The items of a map are given twice.",
      hint: "Give items (a list) or itemsFrom (a file).",
    },
  ];
}

function ofApply({ from, resources, revision, parameters, dryRun, wait }: ApplyStep): readonly Particular[] {
  const ways = [from, resources, revision].filter((one) => one !== undefined).length;
  return [
    ...(ways > 1
      ? [
          {
            code: "AmbiguousApply",
            path: [],
            message: "What is to be applied is given twice.",
            hint: "Give from (a file or folder), resources, or revision.",
          },
        ]
      : []),
    ...(revision !== undefined && parameters !== undefined
      ? [
          {
            code: "AmbiguousApply",
            path: ["parameters"],
            message: "An earlier revision is what it was, with the parameters that it had.",
            hint: "Remove parameters, or revision.",
          },
        ]
      : []),
    ...(dryRun === true && wait !== undefined
      ? [
          {
            code: "AmbiguousApply",
            path: ["wait"],
            message: "A dry run changes nothing that could be waited for.",
            hint: "Remove wait, or dryRun.",
          },
        ]
      : []),
  ];
}

/** The field that says what an action is about, and an example of it. */
const SUBJECTS = {
  create: ["manifest", "kind, metadata and spec"],
  apply: ["manifest", "kind, metadata and spec"],
  delete: ["target", "for example database/scratch"],
  list: ["kind", "for example Backup"],
} as const;

function ofResource(step: ResourceStep): readonly Particular[] {
  const { action, target, until, failOn } = step;
  const [subject, example] = SUBJECTS[action];
  const others = (["manifest", "target", "kind", "labels"] as const).filter(
    (field) => step[field] !== undefined && field !== subject && !(action === "list" && field === "labels"),
  );
  const isAwaited = action === "create" || action === "apply";
  const refusal = (path: string | undefined, message: string, hint: string): Particular => ({
    code: "AmbiguousResource",
    path: path === undefined ? [] : [path],
    message,
    hint,
  });
  return [
    ...(step[subject] === undefined
      ? [
          refusal(
            undefined,
            `What it is that is to be acted upon is not said.`,
            `Give ${subject}: ${example}.`,
          ),
        ]
      : []),
    ...others.map((field) =>
      refusal(field, `The action ${action} knows no ${field}.`, `Remove it; it is about ${subject}.`),
    ),
    ...(until !== undefined && !isAwaited
      ? [refusal("until", `The action ${action} waits for no condition.`, "Remove until.")]
      : []),
    ...(failOn !== undefined && until === undefined
      ? [
          refusal(
            "failOn",
            "These are reasons of a condition, and none is waited for.",
            "Give until, for example Ready.",
          ),
        ]
      : []),
    ...read(target, "target", parseTarget),
    ...read(until, "until", parseAwaited),
  ];
}

function ofScale({ target, replicas, by }: ScaleStep): readonly Particular[] {
  return [
    ...read(target, "target", parseTarget),
    ...((replicas === undefined) === (by === undefined)
      ? [
          {
            code: "AmbiguousScale",
            path: [],
            message: "A scale says how many there will be, in one way.",
            hint: "Give replicas (how many) or by (how many more, or less when negative).",
          },
        ]
      : []),
  ];
}

function ofApproval({
  assignees,
  quorum,
  chain,
  expires,
  onExpire,
  escalate,
}: ApprovalStep): readonly Particular[] {
  const isTwice = chain !== undefined && (assignees !== undefined || quorum !== undefined);
  return [
    ...(isTwice
      ? [
          {
            code: "AmbiguousApproval",
            path: ["chain"],
            message: "Who approves is said twice.",
            hint: "Give assignees with a quorum, or a chain.",
          },
        ]
      : []),
    ...((onExpire === "escalate") === (escalate !== undefined)
      ? []
      : [
          {
            code: "AmbiguousExpiry",
            path: ["escalate"],
            message: "It is asked of others when it expires only if both is said: that, and of whom.",
            hint: "Give onExpire: escalate, and escalate with users or groups.",
          },
        ]),
    ...duration(expires, "expires"),
    ...read(escalate?.expires, ["escalate", "expires"], parseDuration),
  ];
}

function duration(text: string | undefined, field: string): readonly Particular[] {
  return read(text, field, parseDuration);
}

/** What the reading of a text refuses, unless it is known only later. */
function read(
  text: string | undefined,
  field: string | readonly string[],
  parse: (text: string) => unknown,
): readonly Particular[] {
  if (text === undefined || hasExpression(text)) return [];
  try {
    parse(text);
    return [];
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return error.diagnostics.map(({ code, message, hint }) => ({
      code,
      path: [field].flat(),
      message,
      ...(hint === undefined ? {} : { hint }),
    }));
  }
}
