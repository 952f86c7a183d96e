/**
 * Keeps a certificate for each https listener that names none, and says when one that people gave comes to its end.
 *
 *   (none, other hosts, other issuer, due) --issuer: authority | acme--> Secret `<balancer>-<listener>-tls` --its time--> due
 *
 *  - The Secret is all there is to see: who serves TLS reads it as it reads given ones, and a change of it is a change of a
 *    Secret. It belongs to the balancer and goes with it. One of that name that is not the balancer's own is never touched.
 *  - A certificate that could not be renewed stays in use until another one is there; the condition `CertificateReady`
 *    and a Warning event say why, and when it is tried again.
 *  - Whether it is due is decided from the certificate itself and the clock (wanted.ts); nothing is remembered (I4).
 */
import { identityOf } from "../../controller/desired.ts";
import type { Clock } from "../../clock/clock.ts";
import { AUTHORITY_SECRET } from "../../controller/certificates.ts";
import { eventOperation } from "../../controller/events.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import type { BalancerSpec } from "../../controller/routes.ts";
import type { IndexView } from "../../controller/view.ts";
import { conditionOf, timestamp, withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Condition, type Key, type Resource, keyOf } from "../../model/resource.ts";
import type { Keyring } from "../../model/sealed.ts";
import { type Placement, placed } from "../../provider/placement.ts";
import { TerminalError, type TrafficProvider } from "../../provider/provider.ts";
import { type Operation, type Store, StoreError } from "../../store/store.ts";
import { advanceOrder } from "./acme.ts";
import { isSignedHere, signFor } from "./authority.ts";
import { Challenges } from "./challenges.ts";
import { certificateContent, chainIn, heldIn, isOwnedBy, readSecret, secretOperation } from "./records.ts";
import { CONDITION, type Finding, conditionOfAll, findingOfGiven, newsOf } from "./verdict.ts";
import {
  type AcmeServer,
  type Held,
  type Wanted,
  dueAt,
  givenCertificates,
  isDue,
  lifeOf,
  unprovable,
  wantedCertificates,
} from "./wanted.ts";

export interface CertificateOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly keyring: Keyring;
  /** All balancers, under the index "". */
  readonly balancers: IndexView;
  /** Who makes a balancer of this class. */
  readonly providerOf: (spec: Placement) => TrafficProvider;
  /** Has the balancer with this key look at its certificates now. */
  readonly changed: (balancer: Key) => void;
}

type Balancer = Resource<
  BalancerSpec & Placement,
  {
    readonly conditions?: readonly Condition[];
    readonly made?: unknown;
    /** Those that clients can connect to, by listener. */
    readonly ports?: Readonly<Record<string, number>>;
  }
>;

/** Timers are not good for more than 24 days, and a machine may have slept. */
const LONGEST_WAIT = 12 * 3_600_000;
const RETRY = 10_000;
const SOON = 1_000;

export function certificateController(options: CertificateOptions): Controller {
  const machine = new CertificateMachine(options);
  return {
    name: "certificate",
    concurrency: 8,
    *concerns({ key, resource, previous }) {
      if (key.kind === "LoadBalancer" && isAskedAnew(previous, resource)) yield key;
      else if (key.kind === "Secret") yield* machine.using(key, resource);
    },
    initial: () => [...options.balancers.all()].map(keyOf),
    reconcile: (key, context) => machine.reconcile(key, context),
  };
}

/** All but its status, which is written here. */
function isAskedAnew(previous: Resource | undefined, { metadata }: Resource): boolean {
  return (
    previous?.metadata.generation !== metadata.generation ||
    previous.metadata.deletionTimestamp !== metadata.deletionTimestamp
  );
}

class CertificateMachine {
  readonly #options: CertificateOptions;
  readonly #challenges = new Challenges();

  constructor(options: CertificateOptions) {
    this.#options = options;
  }

  /** The balancers that a Secret is of any concern to. */
  *using(secret: Key, { metadata }: Resource): Generator<Key> {
    for (const owner of metadata.ownerReferences ?? [])
      if (owner.kind === "LoadBalancer") yield { ...secret, kind: owner.kind, name: owner.name };
    const isAuthority =
      secret.name === AUTHORITY_SECRET.name && secret.namespace === AUTHORITY_SECRET.namespace;
    for (const balancer of this.#options.balancers.all()) {
      if (isAuthority) yield keyOf(balancer);
      if ((balancer.metadata.namespace ?? "default") !== secret.namespace) continue;
      const { listeners } = balancer.spec as BalancerSpec;
      if (JSON.stringify(listeners).includes(`"${secret.name}"`)) yield keyOf(balancer);
    }
  }

  async reconcile(key: Key, context: ReconcileContext): Promise<Outcome> {
    const balancer = this.#options.store.get(key) as Balancer | undefined;
    if (balancer === undefined || balancer.metadata.deletionTimestamp !== undefined) {
      if (balancer !== undefined) this.#challenges.forget(balancer.metadata.uid);
      return;
    }
    const findings: Finding[] = [];
    for (const wanted of wantedCertificates(key.name, balancer.spec))
      findings.push(await this.#attended(wanted, balancer, context));
    const now = this.#options.clock.now();
    for (const given of givenCertificates(balancer.spec))
      findings.push(findingOfGiven(given, this.#endOf(key.namespace, given.secret), now));
    await this.#withdrawChallenges(balancer, findings);
    await this.#report(balancer, findings, context);
    return outcomeOf(findings, now);
  }

  /** What fails is a finding like any other: the other listeners are attended to, and it is said. */
  async #attended(wanted: Wanted, balancer: Balancer, context: ReconcileContext): Promise<Finding> {
    const { store, keyring, clock } = this.#options;
    const present = readSecret(store, balancer.metadata.namespace ?? "default", wanted.secret);
    const held = heldIn(present, keyring);
    if (present !== undefined && !isOwnedBy(present, balancer)) return notOurs(wanted, held, clock.now());
    const isUsable = wanted.acme !== undefined || isSignedHere(chainIn(present, keyring), this.#options);
    if (held !== undefined && isUsable && !isDue(held, wanted, clock.now())) return good(wanted, held);
    try {
      return await this.#renewed(wanted, held, balancer, context);
    } catch (error) {
      if (error instanceof StoreError || context.signal.aborted) throw error;
      return failed(wanted, held, failureOf(error, clock.now()));
    }
  }

  async #renewed(
    wanted: Wanted,
    held: Held | undefined,
    balancer: Balancer,
    context: ReconcileContext,
  ): Promise<Finding> {
    const { acme } = wanted;
    if (acme === undefined) return this.#signed(wanted, balancer, context);
    const never = unprovable(wanted, balancer.spec);
    if (never !== undefined) return failed(wanted, held, { why: never });
    if (!isAnswering(balancer))
      return this.#issuing(wanted, held, { message: "No http listener answers yet.", lookAfter: SOON });
    return this.#ordered({ ...wanted, acme }, held, balancer, context);
  }

  async #signed(wanted: Wanted, balancer: Balancer, context: ReconcileContext): Promise<Finding> {
    const { store, keyring, clock } = this.#options;
    const cause = context.cause(`sign a certificate for listener ${wanted.listener}`);
    const issued = await signFor(wanted.hosts, clock.now(), this.#options, cause);
    const content = certificateContent(issued, wanted, balancer);
    const present = readSecret(store, content.namespace, content.name);
    await store.commit(
      [secretOperation(content, keyring, present), ...this.#announcement(wanted, balancer)],
      cause,
    );
    return this.#kept(wanted, balancer);
  }

  async #ordered(
    wanted: Wanted & { readonly acme: AcmeServer },
    held: Held | undefined,
    balancer: Balancer,
    context: ReconcileContext,
  ): Promise<Finding> {
    const { providerOf } = this.#options;
    const present = (tokens: Readonly<Record<string, string>>): Promise<void> =>
      this.#challenges.present(providerOf(placed(balancer)), identityOf(balancer), wanted.listener, tokens);
    const announce = (): readonly Operation[] => this.#announcement(wanted, balancer);
    const progress = await advanceOrder({ wanted, balancer, announce, present, context }, this.#options);
    switch (progress.state) {
      case "issued":
        return this.#kept(wanted, balancer);
      case "refused":
        return failed(wanted, held, { why: progress.message, lookAt: progress.retryAt, reason: "Refused" });
      case "pending":
        return this.#issuing(wanted, held, progress);
    }
  }

  #issuing(
    { listener }: Wanted,
    held: Held | undefined,
    { message, lookAfter }: { readonly message: string; readonly lookAfter: number },
  ): Finding {
    const now = this.#options.clock.now();
    const finding = { listener, until: held?.notAfter, lookAt: now + lookAfter, reason: "Issuing" };
    if (held !== undefined && held.notAfter > now) return finding;
    return { ...finding, trouble: `Listener ${listener} waits for its certificate. ${message}` };
  }

  #announcement({ listener, issuer, hosts }: Wanted, balancer: Balancer): readonly Operation[] {
    const { store, clock } = this.#options;
    const message = `Listener ${listener} has a new certificate for ${hosts.join(", ")}, by ${issuer}.`;
    return [
      eventOperation(store, clock.now(), "certificate", balancer, { reason: "CertificateIssued", message }),
    ];
  }

  /** After it has been put into its Secret. */
  #kept(wanted: Wanted, balancer: Balancer): Finding {
    const { store, keyring, changed } = this.#options;
    const namespace = balancer.metadata.namespace ?? "default";
    changed(keyOf(balancer));
    const held = heldIn(readSecret(store, namespace, wanted.secret), keyring);
    return held === undefined ? { listener: wanted.listener, until: undefined } : good(wanted, held);
  }

  #endOf(namespace: string, name: string): number | undefined {
    const { store, keyring } = this.#options;
    return lifeOf(chainIn(readSecret(store, namespace, name), keyring))?.notAfter;
  }

  /** Of orders that are over. A balancer that cannot be told now is told the next time. */
  async #withdrawChallenges(balancer: Balancer, findings: readonly Finding[]): Promise<void> {
    if (!isAnswering(balancer) || !balancer.spec.listeners.some(({ tls }) => tls?.issuer === "acme")) return;
    const going = new Set(
      findings.filter(({ reason }) => reason === "Issuing").map(({ listener }) => listener),
    );
    try {
      const provider = this.#options.providerOf(placed(balancer));
      await this.#challenges.withdraw(provider, identityOf(balancer), going);
    } catch {
      // It does not answer, or nobody makes it any more: provisioning says so.
    }
  }

  async #report(balancer: Balancer, findings: readonly Finding[], context: ReconcileContext): Promise<void> {
    const { store, clock } = this.#options;
    const latest = store.get(keyOf(balancer)) as Balancer | undefined;
    if (latest?.metadata.uid !== balancer.metadata.uid) return;
    const now = clock.now();
    const before = latest.status?.conditions;
    const conditions =
      findings.length === 0
        ? before?.filter(({ type }) => type !== CONDITION)
        : withCondition(before, conditionOfAll(findings, now, balancer.metadata.generation), now);
    if (equal(conditions, before)) return;
    const news = newsOf(findings, conditionOf(latest, CONDITION)?.message);
    await store.commit(
      [
        {
          type: "status",
          key: keyOf(balancer),
          status: { ...latest.status, conditions },
          expectedVersion: latest.metadata.resourceVersion,
        },
        ...news.map((happening) => eventOperation(store, now, "certificate", balancer, happening)),
      ],
      context.cause("say how its certificates are"),
    );
  }
}

function good(wanted: Wanted, held: Held): Finding {
  return { listener: wanted.listener, until: held.notAfter, lookAt: dueAt(held, wanted.renewBefore) };
}

/** An ACME server that looks before anybody answers takes that for a refusal. */
function isAnswering({ spec, status }: Balancer): boolean {
  return spec.listeners.some(
    ({ protocol, name }) => protocol === "http" && status?.ports?.[name] !== undefined,
  );
}

function notOurs({ listener, secret }: Wanted, held: Held | undefined, now: number): Finding {
  const trouble = `The Secret '${secret}' is not the balancer's own, so its certificate for listener ${listener} is not kept there: name it under tls.secret, or remove it.`;
  return { listener, until: held?.notAfter, reason: "NotOurs", trouble, lookAt: now + RETRY };
}

interface Failure {
  /** A sentence, or a part of one without its full stop. */
  readonly why: string;
  readonly lookAt?: number;
  readonly reason?: string;
}

function failureOf(error: unknown, now: number): Failure {
  const why = error instanceof Error ? error.message : String(error);
  return error instanceof TerminalError ? { why } : { why, lookAt: now + RETRY };
}

function failed(
  { listener }: Wanted,
  held: Held | undefined,
  { why, lookAt, reason = "Failed" }: Failure,
): Finding {
  const what =
    held === undefined
      ? `Listener ${listener} has no certificate`
      : `The certificate of listener ${listener} could not be renewed, the one in use is good until ${timestamp(held.notAfter)}`;
  return {
    listener,
    until: held?.notAfter,
    reason,
    trouble: `${what}: ${why.replace(/\.$/, "")}.`,
    ...(lookAt === undefined ? {} : { lookAt, again: lookAt }),
  };
}

function outcomeOf(findings: readonly Finding[], now: number): Outcome {
  const moments = findings.flatMap(({ lookAt, until }) => [
    ...(lookAt === undefined ? [] : [lookAt]),
    ...(until !== undefined && until > now ? [until] : []),
  ]);
  if (moments.length === 0) return undefined;
  return { requeueAfter: Math.min(LONGEST_WAIT, Math.max(0, Math.min(...moments) - now)) };
}
