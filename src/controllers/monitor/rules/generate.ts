/** The AlertRule of a resource: rules from its kind, each with a test, tuned by its Monitor. Pure. */
import { TARGET_LABELS } from "../../../provider/monitoring.ts";
import type { Subject } from "../subject.ts";
import { type AlertDraft, type RuleTest, ruleOf, testOf } from "./alert.ts";
import { drifted, notReady } from "./any.ts";
import { controlPlaneAlerts } from "./control-plane.ts";
import { databaseAlerts, volumeAlerts } from "./data.ts";
import { loadBalancerAlerts } from "./load-balancer.ts";
import { declaredObjectives, routeObjectives } from "./objectives.ts";
import { locationAlerts } from "./place.ts";
import { serviceAlerts } from "./service.ts";
import { type Held, type Objective, type RuleGroup, objectiveGroups, objectivesTest } from "./slo.ts";
import { systemAlerts } from "./system.ts";
import { workflowAlerts } from "./workflow.ts";

export interface GeneratedRules {
  readonly groups: readonly RuleGroup[];
  readonly tests: readonly RuleTest[];
}

const BY_KIND: Readonly<Record<string, (subject: Subject) => readonly AlertDraft[]>> = {
  ControlPlane: controlPlaneAlerts,
  DNSRecord: (subject) => [notReady(subject), drifted(subject)],
  DNSZone: (subject) => [notReady(subject), drifted(subject)],
  Database: (subject) => [...databaseAlerts(subject), drifted(subject)],
  LoadBalancer: (subject) => [...loadBalancerAlerts(subject), drifted(subject)],
  Location: locationAlerts,
  Machine: (subject) => [notReady(subject), drifted(subject)],
  Monitor: () => [],
  Network: (subject) => [notReady(subject), drifted(subject)],
  Service: serviceAlerts,
  System: systemAlerts,
  Volume: (subject) => [...volumeAlerts(subject), drifted(subject)],
  Workflow: workflowAlerts,
};

/** Of which kinds something is monitored. */
export const MONITORED_KINDS: readonly string[] = Object.keys(BY_KIND).filter(
  (kind) => kind !== "ControlPlane",
);

/** `service.api`: of the groups and of the AlertRule. */
export function ruleNameOf({ resource, name }: Subject): string {
  return resource.kind === "ControlPlane" ? name : `${resource.kind.toLowerCase()}.${name}`;
}

/** Undefined when there is nothing to be alerted of. */
export function generateRules(
  subject: Subject,
  { isTested = true }: { readonly isTested?: boolean } = {},
): GeneratedRules | undefined {
  const drafts = (BY_KIND[subject.resource.kind]?.(subject) ?? []).filter(
    ({ alert }) => !isDisabled(alert, subject),
  );
  const held = (isDisabled("ErrorBudgetBurn", subject) ? [] : objectivesOf(subject)).map((objective) => ({
    subject: aboutOf(subject, objective),
    objective,
  }));
  if (drafts.length + held.length === 0) return undefined;
  const name = ruleNameOf(subject);
  return {
    groups: [
      ...(drafts.length === 0 ? [] : [{ name, rules: drafts.map((draft) => ruleOf(draft, subject)) }]),
      ...held.flatMap(({ subject: about, objective }) =>
        objectiveGroups(about, objective).map((group) => ({ ...group, name: `${name}.${group.name}` })),
      ),
    ],
    tests: isTested ? testsOf(subject, drafts, held) : [],
  };
}

function testsOf(
  subject: Subject,
  drafts: readonly AlertDraft[],
  held: readonly Held[],
): readonly RuleTest[] {
  const test = objectivesTest(subject.address, held);
  return [...drafts.map((draft) => testOf(draft, subject)), ...(test === undefined ? [] : [test])];
}

/** Alerts are of what fails, not of who declares that it must not. */
function aboutOf(subject: Subject, { about }: Objective): Subject {
  if (about === undefined) return subject;
  return { ...subject, address: about, labels: { ...subject.labels, [TARGET_LABELS.resource]: about } };
}

function objectivesOf(subject: Subject): readonly Objective[] {
  if (subject.resource.kind === "LoadBalancer") return routeObjectives(subject);
  return subject.resource.kind === "Monitor" ? declaredObjectives(subject.namespace, subject.tuning) : [];
}

function isDisabled(alert: string, { tuning, address }: Subject): boolean {
  const { disable } = tuning.rules;
  return disable.some((wish) => wish === alert || wish === address || wish === `${address}:${alert}`);
}
