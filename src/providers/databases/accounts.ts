/**
 * The accounts of a database, and how their passwords are rotated without a failed connection: two logins take turns for
 * each account, `orders` and `orders_b`, and act as the same owner.
 *
 *   in force: orders ──rotation asked──> orders_b gets a new password ──marked──> in force: orders_b
 *     ──nobody has been connected as orders, and everybody had time──> orders is locked, settled
 *
 *  1 The mark in the server is the moment of change. Before it the idle logins get their passwords, which nobody knows
 *    yet; after it the outputs give them, and whoever refers to them is rolled over.
 *  2 Both logins work from the mark until the former is locked: nobody who has either is ever refused.
 *  3 The next rotation waits until the last is settled, for it takes the former logins.
 *  4 Passwords are derived from the key, the resource's uid, the account and the generation: none is recorded.
 */
import { createHash } from "node:crypto";
import { parseDuration } from "../../model/duration.ts";
import { ADOPT, adoptedId } from "../../provider/adoption.ts";
import { type Desired, type ProviderContext, TerminalError } from "../../provider/provider.ts";
import type { Account, DatabaseSpec, EngineSession, Login, Mark } from "./engine.ts";

export const ROTATE = "tutti.dev/rotate";

export interface AccountOptions {
  /** Others use the server as well. */
  readonly isShared: boolean;
  /** Milliseconds that a former login stays at least: instances that have its password are replaced meanwhile. */
  readonly grace: number;
}
const LOOK_AGAIN = 5_000;
/** PostgreSQL's limit in bytes; the others allow more. */
const LONGEST_NAME = 63;

export interface Kept {
  readonly mark: Mark;
  /** What is under way, one sentence. */
  readonly notice?: string;
  readonly lookAfter?: number;
}

/** Of an account in a generation. */
export function loginName(account: string, generation: number): string {
  if (generation % 2 === 0) return account;
  const second = `${account}_b`;
  if (Buffer.byteLength(second) <= LONGEST_NAME) return second;
  const digest = createHash("sha256").update(account).digest("hex").slice(0, 8);
  return `${Buffer.from(account)
    .subarray(0, LONGEST_NAME - 12)
    .toString()
    .replace(/\uFFFD$/, "")}_${digest}_b`;
}

export function ownerRole({ identity, spec }: Desired<DatabaseSpec>): string {
  return spec.user ?? identity.name;
}

/** The owner first, then the others in the order of the declaration. */
export function accountsOf(
  desired: Desired<DatabaseSpec>,
  generation: number,
  context: Pick<ProviderContext, "keyring">,
): readonly [Account, ...Account[]] {
  const owner = ownerRole(desired);
  const users = desired.spec.users ?? [];
  const seen = new Set([owner]);
  for (const [index, { name }] of users.entries()) {
    if (seen.has(name) || seen.has(loginName(name, 1)))
      throw new TerminalError({
        code: "UserTwice",
        path: `spec.users[${index}].name`,
        message: `There is a user '${name}' already.`,
        hint: "Give each user a name of its own.",
      });
    seen.add(name).add(loginName(name, 1));
  }
  const login = (account: string, ofWhom: string): Login => ({
    user: loginName(account, generation),
    password: context.keyring.derive(purpose(desired, ofWhom, generation)),
  });
  return [
    { name: owner, access: "owner", login: login(owner, "") },
    ...users.map(({ name, access }) => ({ name, access, login: login(name, `/user/${name}`) })),
  ];
}

function purpose({ identity }: Desired<DatabaseSpec>, ofWhom: string, generation: number): string {
  const { namespace, name, uid } = identity;
  return `database/${namespace}/${name}/${uid}${ofWhom}${generation === 0 ? "" : `/${generation}`}`;
}

/** The logins that were made: with no mark, those that may have been. */
export function allLogins(desired: Desired<DatabaseSpec>, mark: Mark | undefined): readonly string[] {
  const users =
    mark === undefined ? (desired.spec.users ?? []).map(({ name }) => name) : Object.keys(mark.users);
  return [ownerRole(desired), ...users].flatMap((account) => loginsOf(account, mark?.generation ?? 1));
}

/** Of an account, up to a generation. */
export function loginsOf(account: string, generation: number): readonly string[] {
  return generation === 0 ? [account] : [account, loginName(account, 1)];
}

/** The logins that would be made now and were not made by us before: if they are there, they are somebody else's (I9). */
export function loginsToBe(
  accounts: readonly Account[],
  ownerRole: string,
  mark: Mark,
  before: Mark | undefined,
): readonly string[] {
  const known = before === undefined ? [] : [ownerRole, ...Object.keys(before.users)];
  const ours = new Set(known.flatMap((account) => loginsOf(account, before?.generation ?? 0)));
  const first = mark.isAdopted === true ? new Set([ownerRole]) : new Set<string>();
  return accounts
    .flatMap(({ name }) => loginsOf(name, mark.generation))
    .filter((login) => !ours.has(login) && !first.has(login));
}

/** Brings the accounts to what is declared and asked for, one step of a rotation at a time. */
export async function keepAccounts(
  session: EngineSession,
  desired: Desired<DatabaseSpec>,
  { isShared, grace }: AccountOptions,
  context: ProviderContext,
): Promise<Kept> {
  const now = context.clock.now();
  const { mark: before, isNew } = claim(await session.find(), desired, isShared, now);
  const { mark: settled, inUse } = await settle(session, before, desired, { now, grace });
  const isDue = isAsked(settled, desired, now);
  const rotated = isDue && settled.isSettled ? rotate(settled, desired, now) : settled;
  const mark: Mark = {
    ...rotated,
    uid: desired.identity.uid,
    of: addressOf(desired),
    users: Object.fromEntries((desired.spec.users ?? []).map(({ name, access }) => [name, access])),
  };
  await session.ensure(mark, accountsOf(desired, mark.generation, context), isNew ? undefined : before);
  return {
    mark,
    ...progress(mark, desired, {
      left: mark.rotatedAt + grace - now,
      inUse,
      isWaiting: isDue && !settled.isSettled,
    }),
  };
}

interface Claimed {
  readonly mark: Mark;
  /** Nothing that it says is done yet. */
  readonly isNew: boolean;
}

/** What is ours, is nobody's, or may be taken over; everything else is refused (I9). */
function claim(
  found: { readonly mark?: Mark } | undefined,
  desired: Desired<DatabaseSpec>,
  isShared: boolean,
  now: number,
): Claimed {
  const mark = found?.mark;
  if (mark !== undefined && (!isShared || isOurs(mark, desired))) return { mark, isNew: false };
  const request = desired.annotations?.[ROTATE];
  const fresh = {
    uid: desired.identity.uid,
    of: addressOf(desired),
    generation: 0,
    rotatedAt: now,
    isSettled: true,
    users: {},
    ...(request === undefined ? {} : { rotation: request }),
  };
  if (found === undefined || !isShared) return { mark: fresh, isNew: true };
  if (!isAskedFor(desired)) throw foreign(mark, desired);
  // The first login may be in use with a password we do not know: ours is the second one.
  return { mark: { ...fresh, generation: 1, isAdopted: true }, isNew: true };
}

function isAskedFor(desired: Desired<DatabaseSpec>): boolean {
  const id = adoptedId(desired);
  return id === "true" || id === (desired.spec.database ?? desired.identity.name);
}

/** Made by this resource, or by one of its name that went and left it to the next. */
function isOurs(mark: Mark, desired: Desired): boolean {
  return mark.uid === desired.identity.uid || (mark.uid === "" && mark.of === addressOf(desired));
}

function foreign(mark: Mark | undefined, { identity, spec }: Desired<DatabaseSpec>): TerminalError {
  const whose = mark === undefined ? "somebody else" : "another declaration";
  return new TerminalError({
    code: "DatabaseExists",
    path: "spec.database",
    message: `The database '${spec.database ?? identity.name}' is on the server already and belongs to ${whose}.`,
    hint: `Choose another name with spec.database, or have it taken over with the annotation ${ADOPT}: "true".`,
  });
}

/** Locks the former logins when everybody had time and nobody is connected with them. */
async function settle(
  session: EngineSession,
  mark: Mark,
  desired: Desired<DatabaseSpec>,
  { now, grace }: { readonly now: number; readonly grace: number },
): Promise<{ readonly mark: Mark; readonly inUse: number }> {
  if (mark.isSettled) return { mark, inUse: 0 };
  const former = [ownerRole(desired), ...Object.keys(mark.users)].map((account) =>
    loginName(account, mark.generation - 1),
  );
  const inUse = await session.connections(former);
  if (inUse > 0 || now - mark.rotatedAt < grace) return { mark, inUse };
  await session.lock(former);
  return { mark: { ...mark, isSettled: true }, inUse };
}

function isAsked(mark: Mark, { annotations, spec }: Desired<DatabaseSpec>, now: number): boolean {
  const request = annotations?.[ROTATE];
  if (request !== undefined && request !== mark.rotation) return true;
  return spec.rotate !== undefined && now - mark.rotatedAt >= parseDuration(spec.rotate);
}

function rotate(mark: Mark, { annotations }: Desired<DatabaseSpec>, now: number): Mark {
  const request = annotations?.[ROTATE];
  return {
    ...mark,
    generation: mark.generation + 1,
    rotatedAt: now,
    isSettled: false,
    ...(request === undefined ? {} : { rotation: request }),
  };
}

function progress(
  mark: Mark,
  desired: Desired<DatabaseSpec>,
  { left, inUse, isWaiting }: { readonly left: number; readonly inUse: number; readonly isWaiting: boolean },
): Pick<Kept, "notice" | "lookAfter"> {
  if (mark.isSettled) return {};
  const former = loginName(ownerRole(desired), mark.generation - 1);
  const next = isWaiting ? " The next rotation waits for that." : "";
  const notice =
    inUse > 0 && left <= 0
      ? `The former login '${former}' still has ${inUse} connection${inUse === 1 ? "" : "s"} and is locked when nobody uses it.${next}`
      : `The password was rotated; the former login '${former}' works until everybody has had time.${next}`;
  return { notice, lookAfter: left > 0 ? left : LOOK_AGAIN };
}

function addressOf({ identity }: Desired): string {
  return `${identity.namespace}/${identity.name}`;
}
