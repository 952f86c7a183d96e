import { z } from "zod";
import type { Dispatcher } from "../../metrics/alerting/dispatcher.ts";
import { formatMatcher } from "../../metrics/alerting/matchers.ts";
import { type Silence, type SilenceState, compiled, silenceState } from "../../metrics/alerting/silence.ts";
import { SilenceRefused } from "../../metrics/alerting/silences.ts";
import { parsedBody } from "./body.ts";
import {
  type AlertmanagerRequest,
  BadRequest,
  type Reply,
  flagOf,
  json,
  matchersOf,
  text,
  timeOf,
  timeText,
} from "./reply.ts";

const postable = z.object({
  id: z.string().nullish(),
  matchers: z
    .array(
      z.object({
        name: z.string(),
        value: z.string(),
        isRegex: z.boolean(),
        isEqual: z.boolean().nullish(),
      }),
    )
    .min(1)
    .max(100),
  startsAt: z.string(),
  endsAt: z.string(),
  createdBy: z.string(),
  comment: z.string(),
  annotations: z.record(z.string(), z.string()).nullish(),
});

export function postSilence(dispatcher: Dispatcher, { body }: AlertmanagerRequest): Reply {
  const posted = parsedBody(postable, body);
  const now = dispatcher.now();
  const startsAt = timeOf(posted.startsAt, "startsAt") ?? now;
  const endsAt = timeOf(posted.endsAt, "endsAt");
  if (endsAt === undefined || endsAt <= startsAt) throw new BadRequest("startsAt must be before endsAt.");
  if (endsAt < now) throw new BadRequest("endsAt cannot be in the past.");
  return answered(() => {
    const silenceID = dispatcher.silences.set({
      id: posted.id ?? undefined,
      matchers: posted.matchers.map((one) => ({ ...one, isEqual: one.isEqual ?? true })),
      startsAt,
      endsAt,
      createdBy: posted.createdBy,
      comment: posted.comment,
      annotations: posted.annotations ?? {},
    });
    return json(200, { silenceID });
  });
}

export function deleteSilence(dispatcher: Dispatcher, _request: AlertmanagerRequest, id: string): Reply {
  return answered(() => {
    dispatcher.silences.expire(id);
    return text(200, "");
  });
}

export function getSilence(dispatcher: Dispatcher, _request: AlertmanagerRequest, id: string): Reply {
  const silence = dispatcher.silences.get(id);
  return silence === undefined
    ? json(404, `There is no silence ${id}.`)
    : json(200, gettable(silence, dispatcher.now()));
}

export function listSilences(dispatcher: Dispatcher, { query }: AlertmanagerRequest): Reply {
  const now = dispatcher.now();
  const wanted = matchersOf(query, "filter").map(formatMatcher);
  const states = (["active", "pending", "expired"] as const).filter((state) => flagOf(query, state));
  const found = dispatcher.silences
    .list()
    .filter((silence) => states.includes(silenceState(silence, now)))
    .filter((silence) => {
      const own = compiled(silence.matchers).map(formatMatcher);
      return wanted.every((one) => own.includes(one));
    })
    .toSorted((one, other) => rank(one, now) - rank(other, now) || urgency(one, now) - urgency(other, now));
  return json(
    200,
    found.map((silence) => gettable(silence, now)),
  );
}

const RANKS: Readonly<Record<SilenceState, number>> = { active: 1, pending: 2, expired: 3 };

function rank(silence: Silence, now: number): number {
  return RANKS[silenceState(silence, now)];
}

/** The next to end, the next to begin, the last that ended first. */
function urgency(silence: Silence, now: number): number {
  const state = silenceState(silence, now);
  if (state === "pending") return silence.startsAt;
  return state === "active" ? silence.endsAt : -silence.endsAt;
}

function gettable(silence: Silence, now: number) {
  return {
    id: silence.id,
    status: { state: silenceState(silence, now) },
    updatedAt: timeText(silence.updatedAt),
    matchers: silence.matchers,
    startsAt: timeText(silence.startsAt),
    endsAt: timeText(silence.endsAt),
    createdBy: silence.createdBy,
    comment: silence.comment,
    annotations: silence.annotations,
  };
}

/** 500 for what is declared elsewhere: of the codes this API has, the one whose text its clients print. */
const STATUS = { Invalid: 400, TooMany: 400, NotFound: 404, Managed: 500 } as const;

function answered(act: () => Reply): Reply {
  try {
    return act();
  } catch (error) {
    if (error instanceof SilenceRefused) return json(STATUS[error.reason], error.message);
    throw error;
  }
}
