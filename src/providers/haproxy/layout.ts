/**
 * Where the files of one balancer are, and what its parts are called within HAProxy. HAProxy runs in the folder, so that
 * its configuration names files by paths within it.
 */
import { createHash } from "node:crypto";
import type { Member } from "../../provider/provider.ts";

export const FILES = {
  configuration: "haproxy.cfg",
  candidate: "haproxy.next.cfg",
  state: "state.json",
  /** Tokens of ACME, and the values that answer them. */
  challenges: "challenges.map",
  /** What sticky clients show, and the servers that are ready for them. */
  seats: "seats.map",
  certificates: "certificates",
  /** Holds `yes` when what the former worker knew of its clients has come over. */
  learnt: "learnt.map",
  /** What the worker before a reload knew of its servers' health. */
  servers: "servers.state",
  log: "haproxy.log",
} as const;

export type Mode = "http" | "tcp";

/** A pool that both HTTP and TCP go to is two backends. */
export interface Backend {
  readonly name: string;
  readonly mode: Mode;
  readonly pool: string;
}

export function backendOf(mode: Mode, pool: string): Backend {
  return { name: `${mode}.${pool}`, mode, pool };
}

export function frontendOf(listener: string): string {
  return `in.${listener}`;
}

export function poolOfBackend(name: string): string | undefined {
  const found = /^(?:http|tcp)\.(.+)$/.exec(name);
  return found?.[1];
}

/** Another address under the same id is another server: what runs to the old one may end. */
export function serverName(member: Pick<Member, "id" | "host" | "port">): string {
  return `${member.id}.${digest(`${member.id} ${member.host} ${member.port}`).slice(0, 12)}`;
}

export function memberOfServer(name: string): string {
  return name.slice(0, name.lastIndexOf("."));
}

/** What a client with a cookie shows: says nothing of names and addresses. */
export function seatOf(server: string): string {
  return server.slice(server.lastIndexOf(".") + 1);
}

export function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
