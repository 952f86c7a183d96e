/** What comes of each task, as a callback plugin of our own tells it: for programs, unlike what Ansible prints. */
import type { HostStats } from "../../tools/ansible.ts";

export interface TaskEvent {
  readonly host: string;
  readonly task: string;
  readonly status: "ok" | "changed" | "failed" | "ignored" | "unreachable";
  readonly message?: string;
  readonly diff?: string;
}

export interface PlayEvents {
  readonly tasks: readonly TaskEvent[];
  /** By host; undefined when it did not come to its end. */
  readonly stats: Readonly<Record<string, HostStats>> | undefined;
  /** What it set with set_stats; by host below `hosts`. */
  readonly facts: Readonly<Record<string, unknown>>;
}

export const PLUGIN = "tutti_events";

/** With `no_log` nothing is told of a task but that it was. */
export const PLUGIN_TEXT = `"""Tells Tutti what came of each task, a line of JSON each, in the file that TUTTI_EVENTS names."""
import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: ${PLUGIN}
type: notification
short_description: what came of each task, as JSON
description: [what came of each task, as JSON]
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "${PLUGIN}"
    CALLBACK_NEEDS_ENABLED = True

    def _tell(self, event):
        with open(os.environ["TUTTI_EVENTS"], "a") as file:
            file.write(json.dumps(event, default=str) + "\\n")

    def _came(self, status, result):
        found = result._result
        event = {"host": result._host.get_name(), "task": result._task.get_name(), "status": status}
        if status in ("failed", "unreachable") and not result._task.no_log:
            event["message"] = str(found.get("msg", ""))
        if found.get("diff") and not result._task.no_log:
            event["diff"] = self._get_diff(found["diff"])
        self._tell(event)

    def v2_runner_on_ok(self, result):
        self._came("changed" if result._result.get("changed") else "ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._came("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result):
        self._came("unreachable", result)

    def v2_playbook_on_stats(self, stats):
        hosts = {host: stats.summarize(host) for host in stats.processed}
        custom = {str(host): facts for host, facts in (stats.custom or {}).items()}
        self._tell({"stats": hosts, "facts": custom})
`;

interface Last {
  readonly stats: Readonly<Record<string, HostStats>>;
  readonly facts: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export function eventsIn(text: string): PlayEvents {
  const events = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as TaskEvent | Last);
  const last = events.find((event): event is Last => "stats" in event);
  const { _run: everywhere = {}, ...hosts } = last?.facts ?? {};
  return {
    tasks: events.filter((event): event is TaskEvent => "task" in event),
    stats: last?.stats,
    facts: { ...everywhere, ...(Object.keys(hosts).length === 0 ? {} : { hosts }) },
  };
}

/** `web1["write the greeting"]`. */
export function placeOf({ host, task }: TaskEvent): string {
  return `${host}[${JSON.stringify(task)}]`;
}

const MOST = 500;

/** The lines that come and go; what the task did when it does not tell. */
export function differenceOf({ diff = "" }: TaskEvent): string {
  const lines = diff.split("\n").filter((line) => /^[+-](?!\+\+|--)/.test(line));
  return lines.length === 0 ? "changed" : lines.join("\n").slice(0, MOST);
}
