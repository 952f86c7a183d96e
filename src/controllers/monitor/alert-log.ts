/**
 * Alerts as resources: what the rule engine finds is written when the state of an alert changes, and read back when it
 * starts, so that the time an alert has been pending, and that it fires, survive a crash.
 *
 *   engine --transition--> noted by fingerprint --batch--> one commit: Alert + event on the resource it is about
 *   start  <--restored---  Alerts that are not over
 *
 *  L1 Of one alert only the last noted state is written: what happened between two commits was seen by nobody.
 *  L2 What was pending and came to nothing leaves no trace. What fired is kept for a while after its end.
 *  L3 A commit that fails is made again, with what came meanwhile; the order of states of one alert never turns round.
 */
import type { Clock } from "../../clock/clock.ts";
import { eventOperation } from "../../controller/events.ts";
import type { Controller } from "../../controller/reconciler.ts";
import { findKind, kindOfRoot } from "../../kinds/registry.ts";
import type { AlertRecord } from "../../metrics/rules/record.ts";
import { type Draft, type Key, type Resource, keyOf, keyText, parseKeyText } from "../../model/resource.ts";
import { TARGET_LABELS } from "../../provider/monitoring.ts";
import type { Operation, Store } from "../../store/store.ts";

/** As long as Prometheus tells Alertmanager of the end of an alert. */
const KEPT = 15 * 60_000;
const KEY: Key = { kind: "Alert", namespace: "", name: "all-transitions" };
/** A commit of more would keep the store for too long. */
const BATCH = 1000;

export interface AlertLogOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Has the controller look: `runtime.trigger("alert", key)`. */
  readonly wake: (key: Key) => void;
}

export interface AlertLog {
  readonly controller: Controller;
  /** Of the rule engine: never throws, returns at once. */
  readonly onTransition: (record: AlertRecord) => void;
  /** What was not over when the control plane ended. */
  readonly restored: () => readonly AlertRecord[];
}

interface Spec {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly rule: { readonly name: string; readonly digest: string };
  readonly fingerprint: string;
}

interface Status {
  readonly state: "pending" | "firing" | "resolved";
  readonly activeAt: string;
  readonly firedAt?: string;
  readonly resolvedAt?: string;
  readonly keepFiringSince?: string;
  readonly value?: string;
}

type AlertResource = Resource<Spec, Status>;

export function alertLog({ store, clock, wake }: AlertLogOptions): AlertLog {
  const noted = new Map<string, AlertRecord>();
  const write = async (cause: Parameters<Store["commit"]>[1]): Promise<void> => {
    // All that is reported in this very turn is one commit.
    await Promise.resolve();
    while (noted.size > 0) {
      const batch = [...noted].slice(0, BATCH);
      const operations = batch.flatMap(([, record]) => operationsOf(record, store, clock.now()));
      if (operations.length > 0) await store.commit(operations, cause);
      // What came meanwhile of the same alert stays noted (L3).
      for (const [fingerprint, record] of batch)
        if (noted.get(fingerprint) === record) noted.delete(fingerprint);
    }
  };
  return {
    controller: {
      name: "alert",
      *concerns({ type, key }) {
        if (key.kind === "Alert" && type !== "DELETED") yield key;
      },
      initial: () => store.list({ kind: "Alert" }).items.map(keyOf),
      reconcile: async (key, context) => {
        if (keyText(key) === keyText(KEY)) return write(context.cause("alerts have changed"));
        const alert = store.get(key) as AlertResource | undefined;
        const resolvedAt = alert?.status?.resolvedAt;
        if (alert === undefined || alert.status?.state !== "resolved" || resolvedAt === undefined) return;
        const rest = Date.parse(resolvedAt) + KEPT - clock.now();
        if (rest > 0) return { requeueAfter: rest };
        await store.commit(
          [{ type: "delete", key, uid: alert.metadata.uid }],
          context.cause("the alert has been over for a while"),
        );
      },
    },
    onTransition: (record) => {
      noted.set(record.fingerprint, record);
      wake(KEY);
    },
    restored: () =>
      (store.list({ kind: "Alert" }).items as readonly AlertResource[]).flatMap((alert) =>
        alert.status === undefined || alert.status.state === "resolved"
          ? []
          : [recordOf(alert.spec, alert.status)],
      ),
  };
}

function recordOf({ labels, annotations, rule, fingerprint }: Spec, status: Status): AlertRecord {
  const { firedAt, keepFiringSince, value = "NaN" } = status;
  return {
    fingerprint,
    rule: rule.digest,
    name: rule.name,
    state: status.state === "firing" ? "firing" : "pending",
    labels,
    annotations,
    value: Number(value.replace("Inf", "Infinity")),
    activeAt: Date.parse(status.activeAt),
    ...(firedAt === undefined ? {} : { firedAt: Date.parse(firedAt) }),
    ...(keepFiringSince === undefined ? {} : { keepFiringSince: Date.parse(keepFiringSince) }),
  };
}

function operationsOf(record: AlertRecord, store: Store, now: number): readonly Operation[] {
  const draft = draftOf(record);
  const before = store.get(keyOf(draft)) as AlertResource | undefined;
  const state = stateOf(record);
  if (state === undefined) return before === undefined ? [] : [{ type: "delete", key: keyOf(before) }];
  const status = statusOf(record, state);
  const write: readonly Operation[] =
    before === undefined
      ? [{ type: "create", resource: { ...draft, status } }]
      : [
          { type: "update", resource: draft },
          { type: "status", key: keyOf(before), status },
        ];
  const isNews = state !== "pending" && before?.status?.state !== state;
  return isNews ? [...write, ...eventOf(record, state, store, now)] : write;
}

/** Undefined when nothing is left of it (L2). */
function stateOf({ state, firedAt, resolvedAt }: AlertRecord): Status["state"] | undefined {
  if (state !== "inactive") return state;
  return firedAt === undefined || resolvedAt === undefined ? undefined : "resolved";
}

function draftOf({ labels, annotations, name, rule, fingerprint }: AlertRecord): Draft<Spec> {
  const word = name
    .replace(/[^A-Za-z0-9]+/g, "-")
    .toLowerCase()
    .replace(/^-|-$/g, "")
    .slice(0, 200);
  return {
    apiVersion: "tutti.dev/v1",
    kind: "Alert",
    metadata: {
      name: `${word === "" ? "alert" : word}.${fingerprint.toLowerCase().replace(/[^a-z0-9]/g, "")}`,
      namespace: namespaceOf(labels),
    },
    spec: { labels, annotations, rule: { name, digest: rule }, fingerprint },
  };
}

function namespaceOf(labels: Readonly<Record<string, string>>): string {
  const namespace = labels[TARGET_LABELS.namespace] ?? "";
  return /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace) ? namespace : "default";
}

function statusOf(record: AlertRecord, state: Status["state"]): Status {
  const moment = (time: number): string => new Date(time).toISOString();
  const { activeAt, firedAt, resolvedAt, keepFiringSince, value } = record;
  return {
    state,
    activeAt: moment(activeAt),
    ...(firedAt === undefined ? {} : { firedAt: moment(firedAt) }),
    ...(state !== "resolved" || resolvedAt === undefined ? {} : { resolvedAt: moment(resolvedAt) }),
    ...(keepFiringSince === undefined ? {} : { keepFiringSince: moment(keepFiringSince) }),
    value: String(value).replace("Infinity", "Inf"),
  };
}

/** On the resource that the alert is of: `why` shows it. */
function eventOf(
  { labels, annotations, name }: AlertRecord,
  state: "firing" | "resolved",
  store: Store,
  now: number,
): readonly Operation[] {
  const about = resourceOf(labels, store);
  if (about === undefined) return [];
  const summary = annotations["summary"] ?? name;
  return [
    eventOperation(
      store,
      now,
      "monitor",
      about,
      state === "firing"
        ? { type: "Warning", reason: "AlertFiring", message: `${name}: ${summary}` }
        : { reason: "AlertResolved", message: `${name} is over: ${summary}` },
    ),
  ];
}

function resourceOf(labels: Readonly<Record<string, string>>, store: Store): Resource | undefined {
  const [root = "", name = ""] = (labels[TARGET_LABELS.resource] ?? "").split("/");
  const kind = kindOfRoot(root) ?? findKind(root);
  if (kind === undefined || name === "") return undefined;
  const namespace = kind.namespaced ? (labels[TARGET_LABELS.namespace] ?? "default") : "";
  return store.get(parseKeyText(`${kind.kind}/${namespace}/${name}`));
}
