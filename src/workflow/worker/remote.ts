/**
 * Workers that come over the API from anywhere, with one WebSocket each.
 *
 *     worker ──hello──> here ──welcome──> frames both ways (session.ts)
 *
 * Who comes back before its lease has run out goes on with what it has. Who comes later is given a new session: what it had
 * is with others, and what it did meanwhile is refused (I13).
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { z } from "zod";
import type { Clock } from "../../clock/clock.ts";
import { Member } from "./member.ts";
import type { WorkerLog, WorkerPool } from "./pool.ts";
import { LARGEST_FRAME, type Welcome } from "./protocol.ts";
import { socketChannel } from "./sockets.ts";

/** Milliseconds for saying hello. */
const MANNERS = 10_000;

const text = z.string().min(1).max(300);
const hello = z.object({
  worker: text,
  session: text.optional(),
  received: z.int().min(0),
  namespace: text,
  workflows: z.array(text).max(1000).optional(),
  pool: text.optional(),
  slots: z.int().min(1).max(100_000),
});

type ValidHello = z.infer<typeof hello>;

/** For `ApiOptions.upgrades`, under `workers`. Who gets here has been authenticated. */
export function remoteWorkers(
  pool: WorkerPool,
  { clock, log }: { readonly clock: Clock; readonly log: WorkerLog },
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  return (request, socket, head) => {
    void import("ws").then(({ WebSocketServer }) => {
      const server = new WebSocketServer({ noServer: true, maxPayload: LARGEST_FRAME });
      server.handleUpgrade(request, socket, head, (client) => greet(pool, client, clock, log));
    });
  };
}

function greet(pool: WorkerPool, client: WebSocket, clock: Clock, log: WorkerLog): void {
  let member: Member | undefined;
  const impatient = clock.setTimeout(() => client.terminate(), MANNERS);
  const channel = socketChannel(
    client,
    (line) => {
      if (member !== undefined) {
        if (!member.session.accept(line)) client.terminate();
        return;
      }
      impatient.cancel();
      const said = parsed(line);
      if (said === undefined) {
        client.close(1008, "The first message is no hello of a worker of this version.");
        return;
      }
      member = resumed(pool, said) ?? newcomer(pool, said, clock, log);
      const welcome: Welcome = { session: member.id, received: member.session.received };
      channel.send(JSON.stringify(welcome));
      member.session.attach(channel, said.session === member.id ? said.received : 0);
      pool.rejoin();
    },
    () => {
      impatient.cancel();
      member?.session.detach(channel);
    },
  );
}

function parsed(line: string): ValidHello | undefined {
  try {
    return hello.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

function resumed(pool: WorkerPool, { session }: ValidHello): Member | undefined {
  return session === undefined ? undefined : pool.member(session);
}

function newcomer(pool: WorkerPool, said: ValidHello, clock: Clock, log: WorkerLog): Member {
  const { worker, session, namespace, workflows, pool: own, slots } = said;
  if (session !== undefined)
    log.warn({ worker, session }, "a worker came back too late: what it did since it was lost is refused");
  const member = new Member({
    id: randomUUID(),
    title: `worker ${worker}`,
    scope: {
      pool: own,
      takes: (space, workflow) => space === namespace && (workflows?.includes(workflow) ?? true),
    },
    slots,
    now: clock.now(),
    receive: (from, target, frame) => pool.receive(from, target, frame),
  });
  pool.join(member);
  return member;
}
