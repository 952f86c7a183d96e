/**
 * Certificates from an ACME server (RFC 8555), one step at a time: every call looks at what the server has and goes as far as
 * it can without waiting.
 *
 *   (nothing) --key and hosts recorded--> intended --order placed, its URL recorded--> pending
 *   pending --challenges in force, server told--> pending ... --proved--> ready --CSR--> processing --> valid --> certificate kept
 *   any --refused--> refused until `retryAt`, then as before (an order that is invalid is replaced by a new one)
 *
 *  - The record of an order is a Secret beside the certificate's (`<secret>-order`): its private key, sealed, and in annotations
 *    the order's URL and what went wrong. It is written before the step it is needed for, so a crash anywhere goes on
 *    where it was; it goes in the same commit that keeps the certificate.
 *  - After a refusal nothing is asked before `retryAt`, not even after a restart: at least what the server's Retry-After asks,
 *    else 1 minute, doubled each time up to 6 hours.
 *  - A challenge is in force before the server is told that it may look.
 */
import { createHash, generateKeyPairSync } from "node:crypto";
import type { Authorization, Client, Order } from "acme-client";
import type { Clock } from "../../clock/clock.ts";
import type { ReconcileContext } from "../../controller/reconciler.ts";
import { timestamp } from "../../model/condition.ts";
import { type Resource, keyOf } from "../../model/resource.ts";
import type { Operation } from "../../store/store.ts";
import { AcmeProblem, type SessionOptions, tidy, withSession } from "./acme-session.ts";
import {
  type Annotations,
  type Kept,
  type SecretResource,
  certificateContent,
  madeOnce,
  opened,
  readSecret,
  secretOperation,
} from "./records.ts";
import { type AcmeServer, type Wanted, isDue, lifeOf } from "./wanted.ts";

export type Progress =
  | { readonly state: "issued" }
  | { readonly state: "pending"; readonly lookAfter: number; readonly message: string }
  /** Message: why, a part of a sentence. */
  | { readonly state: "refused"; readonly retryAt: number; readonly message: string };

export interface AcmeOptions extends Kept {
  readonly clock: Clock;
}

export interface Ordering {
  readonly wanted: Wanted & { readonly acme: AcmeServer };
  readonly balancer: Resource;
  /** Operations that belong to the commit that keeps the certificate: its event. */
  readonly announce: () => readonly Operation[];
  /** Has every http listener answer these challenges; in force when it resolves. */
  readonly present: (challenges: Readonly<Record<string, string>>) => Promise<void>;
  readonly context: ReconcileContext;
}

const NOTES = {
  directory: "tutti.dev/acme-directory",
  hosts: "tutti.dev/acme-hosts",
  order: "tutti.dev/acme-order",
  since: "tutti.dev/acme-since",
  attempts: "tutti.dev/acme-attempts",
  retryAt: "tutti.dev/acme-retry-at",
  refusal: "tutti.dev/acme-refusal",
  account: "tutti.dev/acme-account",
} as const;

const FIRST_BACK_OFF = 60_000;
const LONGEST_BACK_OFF = 6 * 3_600_000;

export async function advanceOrder(ordering: Ordering, options: AcmeOptions): Promise<Progress> {
  const record = await recordOf(ordering, options);
  const { [NOTES.retryAt]: retryAt, [NOTES.refusal]: refusal = "" } = notesOf(record);
  if (retryAt !== undefined && Date.parse(retryAt) > options.clock.now())
    return { state: "refused", retryAt: Date.parse(retryAt), message: refusal };
  try {
    return await step(record, ordering, options);
  } catch (error) {
    if (!(error instanceof AcmeProblem)) throw error;
    return refused(error, ordering, options);
  }
}

function orderName({ secret }: Wanted): string {
  return `${secret}-order`;
}

function notesOf(record: SecretResource): Annotations {
  return record.metadata.annotations ?? {};
}

/** The record of this order; begun anew when it was for other hosts or another server. */
async function recordOf(ordering: Ordering, options: AcmeOptions): Promise<SecretResource> {
  const { wanted, balancer, context } = ordering;
  const key = { namespace: balancer.metadata.namespace ?? "default", name: orderName(wanted) };
  const present = readSecret(options.store, key.namespace, key.name);
  const notes = present === undefined ? {} : notesOf(present);
  if (notes[NOTES.directory] === wanted.acme.directory && notes[NOTES.hosts] === wanted.hosts.join(","))
    return present as SecretResource;
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const content = {
    ...key,
    type: "tutti.dev/acme-order",
    owner: balancer,
    annotations: {
      [NOTES.directory]: wanted.acme.directory,
      [NOTES.hosts]: wanted.hosts.join(","),
      [NOTES.since]: timestamp(options.clock.now()),
    },
    data: { "tls.key": privateKey.export({ type: "pkcs8", format: "pem" }).toString() },
  };
  const { resources } = await options.store.commit(
    [secretOperation(content, options.keyring, present)],
    context.cause(`order a certificate for listener ${wanted.listener}`),
  );
  return resources[0] as SecretResource;
}

/** Changes the annotations of a record; those that are undefined go. */
async function note(
  ordering: Ordering,
  options: AcmeOptions,
  changes: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const { balancer, wanted, context } = ordering;
  const latest = readSecret(options.store, balancer.metadata.namespace ?? "default", orderName(wanted));
  if (latest === undefined) return;
  const annotations = Object.fromEntries(
    Object.entries({ ...latest.metadata.annotations, ...changes }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
  const resource = { ...latest, metadata: { ...latest.metadata, annotations } };
  await options.store.commit(
    [{ type: "update", resource, expectedVersion: latest.metadata.resourceVersion }],
    context.cause("note the order's course"),
  );
}

async function refused(problem: AcmeProblem, ordering: Ordering, options: AcmeOptions): Promise<Progress> {
  const { wanted, balancer } = ordering;
  const record = readSecret(options.store, balancer.metadata.namespace ?? "default", orderName(wanted));
  const attempts = Number(record === undefined ? 0 : (notesOf(record)[NOTES.attempts] ?? 0)) + 1;
  const backOff = Math.min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2 ** (attempts - 1));
  const retryAt = options.clock.now() + Math.max(backOff, problem.retryAfter ?? 0);
  const isOver = problem.word === "invalidOrder" || problem.status === 404;
  if (problem.word === "accountDoesNotExist") await forgetAccount(ordering, options);
  await note(ordering, options, {
    [NOTES.attempts]: String(attempts),
    [NOTES.retryAt]: new Date(retryAt).toISOString(),
    [NOTES.refusal]: problem.message,
    ...(isOver ? { [NOTES.order]: undefined } : {}),
  });
  return { state: "refused", retryAt, message: problem.message };
}

async function step(record: SecretResource, ordering: Ordering, options: AcmeOptions): Promise<Progress> {
  const session = await openAccount(ordering, options);
  const { [NOTES.order]: url, [NOTES.since]: since = "" } = notesOf(record);
  return withSession(session, async (client, acme) => {
    if (url === undefined) return place(client, ordering, options);
    const order = await client.getOrder({ url } as Order);
    const waiting: Progress = {
      state: "pending",
      lookAfter: Math.min(30_000, Math.max(1_000, (options.clock.now() - Date.parse(since)) / 5)),
      message: `The ACME server at ${new URL(session.directory).host} is asked for it.`,
    };
    switch (order.status) {
      case "pending":
        await prove(client, order, ordering);
        return waiting;
      case "ready": {
        const key = opened(record.data?.["tls.key"], options.keyring) ?? "";
        const [, request] = await acme.crypto.createCsr({ altNames: [...ordering.wanted.hosts] }, key);
        await client.finalizeOrder(order, request);
        return { ...waiting, lookAfter: 100 };
      }
      case "processing":
        return waiting;
      case "valid":
        return keep(await client.getCertificate(order), record, ordering, options);
      default:
        throw new AcmeProblem("urn:ietf:params:acme:error:invalidOrder", await whyInvalid(client, order));
    }
  });
}

async function place(client: Client, ordering: Ordering, options: AcmeOptions): Promise<Progress> {
  const { hosts } = ordering.wanted;
  const order = await client.createOrder({ identifiers: hosts.map((value) => ({ type: "dns", value })) });
  await note(ordering, options, {
    [NOTES.order]: order.url,
    [NOTES.since]: timestamp(options.clock.now()),
    [NOTES.retryAt]: undefined,
  });
  return { state: "pending", lookAfter: 0, message: "An ACME server is asked for it." };
}

/** Answers every open challenge, then says so. */
async function prove(client: Client, order: Order, { present }: Ordering): Promise<void> {
  const open = (await client.getAuthorizations(order)).filter(({ status }) => status === "pending");
  const challenges = open.map(httpChallenge);
  const answers: Record<string, string> = {};
  for (const challenge of challenges)
    answers[challenge.token] = await client.getChallengeKeyAuthorization(challenge);
  await present(answers);
  for (const [index, authorization] of open.entries()) {
    const challenge = challenges[index];
    if (challenge?.status === "pending") await announce(client, authorization, challenge);
  }
}

/** Tells the server that it may look. It refuses to be told again once it has looked, which may be right now. */
async function announce(client: Client, { url }: Authorization, challenge: Challenge): Promise<void> {
  try {
    await client.completeChallenge(challenge);
  } catch (error) {
    const [now] = await client.getAuthorizations({ authorizations: [url] } as Order);
    if (now === undefined || now.status === "pending") throw error;
  }
}

type Challenge = Authorization["challenges"][number];

function httpChallenge({ challenges, identifier }: Authorization): Challenge {
  const found = challenges.find(({ type }) => type === "http-01");
  if (found === undefined)
    throw new AcmeProblem("unprovable", `the server does not offer to prove '${identifier.value}' over http`);
  return found;
}

async function whyInvalid(client: Client, order: Order): Promise<string> {
  const errors = (await client.getAuthorizations(order)).flatMap(({ identifier, challenges }) =>
    challenges.flatMap(({ error }) => {
      const { detail } = (error ?? {}) as { readonly detail?: string };
      return detail === undefined ? [] : [`${identifier.value}: ${tidy(detail)}`];
    }),
  );
  const own = (order as { readonly error?: { readonly detail?: string } }).error?.detail;
  return errors.join("; ") || tidy(own ?? "the order became invalid");
}

/** The certificate, its event and the end of the order's record are one commit. */
async function keep(
  chain: string,
  record: SecretResource,
  ordering: Ordering,
  options: AcmeOptions,
): Promise<Progress> {
  const { wanted, balancer, announce, context } = ordering;
  const { store, keyring, clock } = options;
  const key = opened(record.data?.["tls.key"], keyring) ?? "";
  const life = lifeOf(chain);
  // Otherwise it would be asked for another at once, again and again.
  if (
    life === undefined ||
    isDue({ ...life, issuer: wanted.issuer, hosts: wanted.hosts }, wanted, clock.now())
  )
    throw new AcmeProblem(
      "urn:ietf:params:acme:error:invalidOrder",
      life === undefined
        ? "the server gave something that is no certificate"
        : `the server gave a certificate that ends on ${timestamp(life.notAfter)} and is due already`,
    );
  const content = certificateContent({ chain, key }, wanted, balancer);
  const present = readSecret(store, content.namespace, content.name);
  await store.commit(
    [secretOperation(content, keyring, present), { type: "delete", key: keyOf(record) }, ...announce()],
    context.cause(`keep the certificate of listener ${wanted.listener}`),
  );
  return { state: "issued" };
}

/** The account with this server: a key that is made once and recorded before the server is told of it. */
async function openAccount(ordering: Ordering, options: AcmeOptions): Promise<SessionOptions> {
  const { wanted, balancer, context } = ordering;
  const { directory, email, authority } = wanted.acme;
  const name = accountName(directory);
  const cause = context.cause(`open an account with ${new URL(directory).host}`);
  const account = await madeOnce(options, name, cause, async () => ({
    type: "tutti.dev/acme-account",
    annotations: { [NOTES.directory]: directory },
    data: {
      "account.key": generateKeyPairSync("ec", { namedCurve: "P-256" })
        .privateKey.export({ type: "pkcs8", format: "pem" })
        .toString(),
    },
  }));
  const session: SessionOptions = {
    directory,
    accountKey: opened(account.data?.["account.key"], options.keyring) ?? "",
    clock: options.clock,
    signal: context.signal,
    ...trusted(authority, balancer, options),
  };
  const known = notesOf(account)[NOTES.account];
  if (known !== undefined) return { ...session, accountUrl: known };
  const accountUrl = await withSession(session, async (client) => {
    await client.createAccount({
      termsOfServiceAgreed: true,
      ...(email === undefined ? {} : { contact: [`mailto:${email}`] }),
    });
    return client.getAccountUrl();
  });
  const annotations = { ...notesOf(account), [NOTES.account]: accountUrl };
  await options.store.commit(
    [{ type: "update", resource: { ...account, metadata: { ...account.metadata, annotations } } }],
    cause,
  );
  return { ...session, accountUrl };
}

function accountName(directory: string): { readonly namespace: string; readonly name: string } {
  const digest = createHash("sha256").update(directory).digest("hex").slice(0, 12);
  return { namespace: "default", name: `tutti-acme-${digest}` };
}

/** The server has lost it: the same key gets a new one. */
async function forgetAccount({ wanted, context }: Ordering, { store }: AcmeOptions): Promise<void> {
  const { namespace, name } = accountName(wanted.acme.directory);
  const account = readSecret(store, namespace, name);
  if (account === undefined) return;
  const { [NOTES.account]: _gone, ...annotations } = notesOf(account);
  const resource = { ...account, metadata: { ...account.metadata, annotations } };
  await store.commit(
    [{ type: "update", resource }],
    context.cause("the ACME server knows the account no more"),
  );
}

function trusted(
  authority: string | undefined,
  balancer: Resource,
  { store, keyring }: AcmeOptions,
): { readonly authority?: string } {
  if (authority === undefined) return {};
  const secret = readSecret(store, balancer.metadata.namespace ?? "default", authority);
  const certificate = opened(secret?.data?.["ca.crt"], keyring);
  if (certificate === undefined)
    throw new AcmeProblem("untrusted", `the Secret '${authority}' has no ca.crt to trust the server by`);
  return { authority: certificate };
}
