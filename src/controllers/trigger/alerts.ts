/** Alerts that began to fire, or are over. */
import type { Resource } from "../../model/resource.ts";
import type { Snapshot } from "../../store/store.ts";
import type { Happening, Trigger, TriggeredSchedule } from "./fire.ts";

type AlertTrigger = Extract<Trigger, { readonly alert: object }>;

type Alert = Resource<
  {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly fingerprint: string;
  },
  | {
      readonly state?: string;
      readonly firedAt?: string;
      readonly resolvedAt?: string;
      readonly value?: string;
    }
  | undefined
>;

export function alertsFor(
  { metadata }: TriggeredSchedule,
  { alert: { labels, on } }: AlertTrigger,
  store: Pick<Snapshot, "list">,
): { readonly happenings: readonly Happening[]; readonly present: readonly string[] } {
  const begun = Date.parse(metadata.creationTimestamp);
  const happenings = (store.list({ kind: "Alert" }).items as readonly Alert[]).flatMap(
    (alert): Happening[] => {
      const { status, spec } = alert;
      const at = on === "firing" ? status?.firedAt : status?.resolvedAt;
      if (status?.state !== (on === "firing" ? "firing" : "resolved") || at === undefined) return [];
      if (
        Date.parse(at) < begun ||
        !Object.entries(labels).every(([name, value]) => spec.labels[name] === value)
      )
        return [];
      const { annotations, fingerprint } = spec;
      const event = { alert: spec.labels, annotations, state: status.state, at, value: status.value ?? "" };
      return [{ identity: `${fingerprint}@${at}`, event }];
    },
  );
  return { happenings, present: happenings.map(({ identity }) => identity) };
}
