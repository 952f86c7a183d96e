/** The registry of verbs. Each is loaded when it is used, so that the command line starts quickly. */
import type { VerbEntry } from "../verb.ts";

export const verbs: readonly VerbEntry[] = [
  {
    name: "init",
    group: "Declare",
    summary: "Begin a declaration in a folder",
    load: async () => (await import("./init.ts")).verb,
  },
  {
    name: "up",
    group: "Declare",
    summary: "Bring a declared system up and watch until it is ready",
    load: async () => (await import("./up.ts")).verb,
  },
  {
    name: "plan",
    group: "Declare",
    summary: "Show what would change",
    load: async () => (await import("./plan.ts")).verb,
  },
  {
    name: "apply",
    group: "Declare",
    summary: "Apply a declaration to the running control plane",
    load: async () => (await import("./apply.ts")).verb,
  },
  {
    name: "down",
    group: "Declare",
    summary: "Take a system down",
    load: async () => (await import("./down.ts")).verb,
  },
  {
    name: "schema",
    group: "Declare",
    summary: "Print the JSON Schema of kinds, for editors",
    load: async () => (await import("./schema.ts")).verb,
  },

  {
    name: "run",
    group: "Workflows",
    summary: "Start a run of a workflow, and watch it",
    load: async () => (await import("./run.ts")).verb,
  },
  {
    name: "runs",
    group: "Workflows",
    summary: "List runs, or show one",
    load: async () => (await import("./runs.ts")).verb,
  },
  {
    name: "signal",
    group: "Workflows",
    summary: "Send a signal to a run",
    load: async () => (await import("./signal.ts")).verb,
  },
  {
    name: "pause",
    group: "Workflows",
    summary: "Let a run begin nothing further",
    load: async () => (await import("./pause.ts")).verb,
  },
  {
    name: "resume",
    group: "Workflows",
    summary: "Let a paused run go on",
    load: async () => (await import("./resume.ts")).verb,
  },
  {
    name: "cancel",
    group: "Workflows",
    summary: "Stop a run, and clean up",
    load: async () => (await import("./cancel.ts")).verb,
  },
  {
    name: "fork",
    group: "Workflows",
    summary: "Run again, with what is done already",
    load: async () => (await import("./fork.ts")).verb,
  },
  {
    name: "schedule",
    group: "Workflows",
    summary: "Show the next times of a schedule, trigger, suspend or backfill it",
    load: async () => (await import("./schedule.ts")).verb,
  },
  {
    name: "approvals",
    group: "Workflows",
    summary: "List what waits for a decision",
    load: async () => (await import("./approvals.ts")).verb,
  },
  {
    name: "approve",
    group: "Workflows",
    summary: "Approve what is asked",
    load: async () => (await import("./approve.ts")).verb,
  },
  {
    name: "reject",
    group: "Workflows",
    summary: "Reject what is asked",
    load: async () => (await import("./reject.ts")).verb,
  },
  {
    name: "workflow",
    group: "Workflows",
    summary: "Test workflows in virtual time",
    load: async () => (await import("./workflow.ts")).verb,
  },

  {
    name: "status",
    group: "Look",
    summary: "Show all systems, or one as a tree",
    load: async () => (await import("./status.ts")).verb,
  },
  {
    name: "get",
    group: "Look",
    summary: "List resources, or print one",
    load: async () => (await import("./get.ts")).verb,
  },
  {
    name: "describe",
    group: "Look",
    summary: "Tell all about a resource, its trouble first",
    load: async () => (await import("./describe.ts")).verb,
  },
  {
    name: "logs",
    group: "Look",
    summary: "Print the logs of a service, an instance, or a step of a run",
    load: async () => (await import("./logs.ts")).verb,
  },
  {
    name: "events",
    group: "Look",
    summary: "Show what happened",
    load: async () => (await import("./events.ts")).verb,
  },
  {
    name: "why",
    group: "Look",
    summary: "Tell how a resource came to be as it is",
    load: async () => (await import("./why.ts")).verb,
  },
  {
    name: "top",
    group: "Look",
    summary: "Show live what uses how much",
    load: async () => (await import("./top.ts")).verb,
  },
  {
    name: "metrics",
    group: "Look",
    summary: "Ask what is measured, with PromQL, and draw it",
    load: async () => (await import("./metrics.ts")).verb,
  },
  {
    name: "alerts",
    group: "Look",
    summary: "Show what is wrong, worst first",
    load: async () => (await import("./alerts.ts")).verb,
  },
  {
    name: "slo",
    group: "Look",
    summary: "Show objectives, and how much of their budgets is left",
    load: async () => (await import("./slo.ts")).verb,
  },
  {
    name: "open",
    group: "Look",
    summary: "Open a system's first address in the browser",
    load: async () => (await import("./open.ts")).verb,
  },

  {
    name: "scale",
    group: "Change",
    summary: "Set the number of a service's instances",
    load: async () => (await import("./scale.ts")).verb,
  },
  {
    name: "rollout",
    group: "Change",
    summary: "Follow, repeat or undo rollouts",
    load: async () => (await import("./rollout.ts")).verb,
  },
  {
    name: "exec",
    group: "Change",
    summary: "Run a command in an instance",
    load: async () => (await import("./exec.ts")).verb,
  },
  {
    name: "silence",
    group: "Change",
    summary: "Have nobody told of alerts for a while",
    load: async () => (await import("./silence.ts")).verb,
  },
  {
    name: "db",
    group: "Change",
    summary: "Back up, restore and rotate databases, or open their client",
    load: async () => (await import("./db.ts")).verb,
  },

  {
    name: "serve",
    group: "Control plane",
    summary: "Run the control plane in the foreground",
    load: async () => (await import("./serve.ts")).verb,
  },
  {
    name: "worker",
    group: "Control plane",
    summary: "Offer a module's handlers to workflows, from any machine",
    load: async () => (await import("./worker.ts")).verb,
  },
  {
    name: "stop",
    group: "Control plane",
    summary: "Stop the control plane",
    load: async () => (await import("./stop.ts")).verb,
  },
  {
    name: "kubeconfig",
    group: "Control plane",
    summary: "Print a kubeconfig for kubectl",
    load: async () => (await import("./kubeconfig.ts")).verb,
  },
  {
    name: "certificate",
    group: "Control plane",
    summary: "Show the certificates that are kept, and whom to trust",
    load: async () => (await import("./certificate.ts")).verb,
  },
  {
    name: "doctor",
    group: "Control plane",
    summary: "Check this machine and the control plane",
    load: async () => (await import("./doctor.ts")).verb,
  },

  {
    name: "completion",
    group: "Tools",
    summary: "Print the completion script for a shell",
    load: async () => (await import("./completion.ts")).verb,
  },
  {
    name: "version",
    group: "Tools",
    summary: "Print the versions of tutti and of the control plane",
    load: async () => (await import("./version.ts")).verb,
  },
];
