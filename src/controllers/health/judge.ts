/**
 * What a series of checks says about an instance: a pure fold.
 *
 *   starting --startup succeeds (or there is none)--> unready <--> ready
 *   any --liveness fails too often, or startup takes too long--> hopeless
 *
 *  - Before the first readiness failures only set the pace: an instance that starts is not ill.
 */
import type { Probe, Probes } from "../../controller/probes.ts";
import type { Verdict } from "./checks.ts";

export interface Tally {
  readonly successes: number;
  readonly failures: number;
  /** When it was last checked. */
  readonly at: number;
}

export interface Health {
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly startedUp: boolean;
  readonly ready: boolean;
  /** Checks made before the first readiness; sets their pace. */
  readonly attempts: number;
  /** Why it is not ready, one sentence. */
  readonly message: string;
  /** Why it must be replaced. */
  readonly hopeless: string | undefined;
  readonly tallies: Readonly<Partial<Record<keyof Probes, Tally>>>;
}

export function healthAtStart(probes: Probes, now: number, wasReady: boolean): Health {
  // With a liveness probe alone, or only its engine's own check, none of ours ever says that it is ready.
  const ready = wasReady || (probes.startup === undefined && probes.readiness === undefined);
  return {
    since: now,
    startedUp: ready || probes.startup === undefined,
    ready,
    attempts: 0,
    message: "It is starting.",
    hopeless: undefined,
    tallies: {},
  };
}

/**
 * With what the engine's own check says (a container's HEALTHCHECK): it stands in for what the declaration does not
 * probe. Unhealthy means replaced, as every engine with such checks has it.
 */
export function judgedByEngine(
  health: Health,
  declared: { readonly readiness: boolean; readonly liveness: boolean },
  told: { readonly healthy: boolean; readonly message: string } | undefined,
): Health {
  if (told === undefined)
    return declared.readiness
      ? health
      : { ...health, ready: false, message: "Its own check has said nothing yet." };
  if (!told.healthy && !declared.liveness) return { ...health, ready: false, hopeless: told.message };
  return told.healthy || declared.readiness ? health : { ...health, ready: false, message: told.message };
}

const FASTEST = 2;
const SLOWEST_START = 100;

/** Which probes are due, and in how many milliseconds the next one is: 0 when one is due now. */
export function due(
  health: Health,
  probes: Probes,
  now: number,
): { readonly now: readonly (keyof Probes)[]; readonly next: number } {
  const names: (keyof Probes)[] = health.startedUp ? ["readiness", "liveness"] : ["startup"];
  const ready: (keyof Probes)[] = [];
  let next = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const probe = probes[name];
    if (probe === undefined) continue;
    const left = dueAt(name, probe, health) - now;
    if (left <= 0) ready.push(name);
    next = Math.min(next, Math.max(0, left));
  }
  return { now: ready, next };
}

/** While an instance starts, checks follow each other fast, then slower: 2, 4, 8 ... 100 ms. */
function dueAt(name: keyof Probes, probe: Probe, health: Health): number {
  const tally = health.tallies[name];
  if (tally === undefined) return name === "liveness" ? health.since + probe.period : health.since;
  const starting = !health.startedUp || (name === "readiness" && !health.ready && health.attempts < 200);
  return (
    tally.at +
    (starting
      ? Math.min(probe.period, SLOWEST_START, FASTEST * 2 ** Math.min(health.attempts, 10))
      : probe.period)
  );
}

export function judge(
  health: Health,
  probes: Probes,
  name: keyof Probes,
  verdict: Verdict,
  now: number,
): Health {
  const probe = probes[name];
  if (probe === undefined) return health;
  const before = health.tallies[name];
  const tally: Tally =
    verdict === undefined
      ? { successes: (before?.successes ?? 0) + 1, failures: 0, at: now }
      : { successes: 0, failures: (before?.failures ?? 0) + 1, at: now };
  const next: Health = {
    ...health,
    tallies: { ...health.tallies, [name]: tally },
    attempts: health.ready ? health.attempts : health.attempts + 1,
  };
  if (name === "startup") return judgeStartup(next, probes, probe, tally, verdict, now);
  if (name === "readiness") return judgeReadiness(next, probe, tally, verdict);
  if (tally.failures < probe.failureThreshold) return next;
  return {
    ...next,
    ready: false,
    hopeless: `Its liveness check failed ${tally.failures} times: ${verdict ?? ""}`,
  };
}

function judgeStartup(
  health: Health,
  probes: Probes,
  probe: Probe,
  tally: Tally,
  verdict: Verdict,
  now: number,
): Health {
  if (tally.successes >= probe.successThreshold)
    return { ...health, startedUp: true, since: now, ready: probes.readiness === undefined, message: "" };
  const allowed = probe.period * probe.failureThreshold;
  if (now - health.since > allowed)
    return {
      ...health,
      hopeless: `It did not start within ${Math.round(allowed / 1000)}s: ${verdict ?? ""}`,
    };
  return verdict === undefined ? health : { ...health, message: verdict };
}

function judgeReadiness(health: Health, probe: Probe, tally: Tally, verdict: Verdict): Health {
  if (!health.ready && tally.successes >= probe.successThreshold)
    return { ...health, ready: true, message: "" };
  if (verdict === undefined) return health;
  if (health.ready && tally.failures < probe.failureThreshold) return health;
  return { ...health, ready: false, message: verdict };
}
