/**
 * One HTTP request from its route to the end of its response.
 *
 *   searching -> connecting -> waiting (head and body sent) -> relaying -> over
 *       ^------------'------------'   retry, while the client has seen nothing
 *
 * Owns the request's place in `member.inFlight` and the upstream connection while it uses it.
 *
 * Invariants
 *  X1 Every acquire of a member is matched by exactly one release (`#leave`).
 *  X2 The request ends exactly once (`#over`): relayed, answered with an error, broken off, or left by the client.
 *  X3 Nothing is sent to a member that stopped being ready between the choice and the sending (pool L1).
 *  X4 A response cut short by the member is cut short for the client: its connection is closed, never padded.
 *  X5 While a member is asked, a timer runs; it stops when the response's head is there.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { answer } from "./answer.ts";
import { edited, type CompiledRules } from "./header-rules.ts";
import { LIMITS } from "./limits.ts";
import type { Member } from "./member.ts";
import type { Pool } from "./pool.ts";
import { RequestBody } from "./request-body.ts";
import type { RequestHead } from "./request-head.ts";
import { requestHead } from "./request-writer.ts";
import { MalformedResponse, type ResponseHead } from "./response-parser.ts";
import { decideRetry, isIdempotent } from "./retry.ts";
import { MemberSearch, type SearchUser } from "./search.ts";
import type { Affinity, Stickiness } from "./stickiness.ts";
import type { RouteStatistics } from "./statistics.ts";
import type { Failure, UpstreamConnection, UpstreamUser } from "./upstream.ts";

/** A route as the data plane uses it. */
export interface ForwardRoute {
  readonly pool: Pool;
  /** Prefix to remove, or "". */
  readonly stripPrefix: string;
  readonly requestRules: CompiledRules | undefined;
  readonly responseRules: CompiledRules | undefined;
  readonly stickiness: Stickiness | undefined;
  readonly timeoutMs: number | undefined;
  readonly statistics: RouteStatistics;
}

export interface ExchangeContext {
  readonly now: () => number;
  /** Whether client connections should close after their response (shutdown, listener gone). */
  readonly closing: () => boolean;
}

export class Exchange implements UpstreamUser, SearchUser {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #head: RequestHead;
  readonly #route: ForwardRoute;
  readonly #context: ExchangeContext;
  readonly #affinity: Affinity | undefined;
  readonly #search: MemberSearch;
  readonly #body: RequestBody;
  readonly #text: string;
  readonly #startedAt: number;
  #member: Member | undefined;
  #connection: UpstreamConnection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #askedAt = 0;
  #retriesLeft: number;
  #newConnectionOnly = false;
  #reused = false;
  #sent = false;
  #awaitingContinue: boolean;
  #continued = false;
  #status = 0;
  #ended = false;
  #over = false;
  #draining = false;
  #lastFailure: Failure | undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    head: RequestHead,
    route: ForwardRoute,
    context: ExchangeContext,
  ) {
    this.#request = request;
    this.#response = response;
    this.#head = head;
    this.#route = route;
    this.#context = context;
    this.#startedAt = context.now();
    this.#retriesLeft = route.pool.settings.retries;
    this.#awaitingContinue = head.expectsContinue;
    this.#text = requestHead(head, { stripPrefix: route.stripPrefix, rules: route.requestRules });
    this.#body = new RequestBody(request, head.body, () => this.#timer?.refresh());
    this.#affinity = route.stickiness?.of(head);
    this.#search = new MemberSearch(route.pool, this, context.now, this.#affinity);
  }

  start(): void {
    this.#route.statistics.inFlight += 1;
    this.#response.on("close", () => this.#onClientGone());
    this.#search.next();
  }

  // Searching

  onMember(member: Member): void {
    if (this.#over) return;
    member.acquire();
    this.#member = member;
    this.#sent = false;
    const idle = this.#newConnectionOnly ? undefined : member.takeIdle(this.#context.now(), this);
    this.#reused = idle !== undefined;
    this.#connection = idle ?? member.connect(this.#route.pool.settings.connectTimeoutMs, this);
    if (idle === undefined) return;
    if (isIdempotent(this.#head.method)) return this.#send(idle);
    // What must not be repeated is sent only after everything the network has already told us was heard: a member's
    // close that is waiting in the same turn of the event loop would otherwise lose the request.
    setImmediate(() => {
      if (!this.#over && this.#connection === idle) this.#sendIfReady(member, idle);
    });
  }

  onNoMember(): void {
    const failure = this.#lastFailure;
    this.#giveUp(failure === undefined ? 503 : failure.kind === "timeout" ? 504 : 502);
  }

  // Connecting

  onConnect(): void {
    const member = this.#member;
    const connection = this.#connection;
    if (member === undefined || connection === undefined) return;
    member.connected();
    this.#sendIfReady(member, connection);
  }

  #sendIfReady(member: Member, connection: UpstreamConnection): void {
    if (member.ready) return this.#send(connection);
    connection.destroy(); // X3
    this.#leave();
    this.#search.next();
  }

  #send(connection: UpstreamConnection): void {
    this.#sent = true;
    this.#askedAt = this.#context.now();
    connection.send(this.#head.method, this.#text);
    const timeout = this.#route.timeoutMs ?? this.#route.pool.settings.requestTimeoutMs;
    this.#timer = setTimeout(() => this.#onTimeout(), timeout);
    if (!this.#awaitingContinue || this.#continued) this.#body.attach(connection);
    else setTimeout(() => this.#proceed(), LIMITS.continueTimeoutMs);
  }

  /** Lets the client send its body: the member asked for it, or did not say anything. */
  #proceed(): void {
    const connection = this.#connection;
    if (this.#over || this.#continued || this.#status !== 0 || connection === undefined || !this.#sent)
      return;
    this.#continued = true;
    this.#response.writeContinue();
    this.#body.attach(connection);
  }

  // Waiting and relaying

  onInformational(head: ResponseHead): void {
    if (head.status === 100) this.#proceed();
  }

  onDrain(): void {
    this.#body.resume();
  }

  onHead(head: ResponseHead): void {
    if (head.status === 101) throw new MalformedResponse("the member switched protocols unasked");
    this.#stopTimer();
    const now = this.#context.now();
    this.#status = head.status;
    this.#member?.statistics.responded(now, now - this.#askedAt, head.status);
    const fields = this.#responseFields(head);
    if (this.#route.responseRules?.dropped.has("date") === true) this.#response.sendDate = false;
    if (this.#request.httpVersionMajor < 2) this.#response.writeHead(head.status, head.reason, fields);
    else this.#response.writeHead(head.status, fields); // HTTP/2 has no reason phrase.
  }

  onBody(chunk: Buffer, last: boolean): void {
    // The chunk is a view into the read buffer (parser P2): copied, because the client may be slower. A short whole body
    // is copied into a string, which Node joins with the head into one write instead of gathering two buffers.
    if (last) {
      this.#ended = true;
      if (chunk.length <= LIMITS.joinedBytes) this.#response.end(chunk.toString("latin1"), "latin1");
      else this.#response.end(Buffer.from(chunk));
    } else if (!this.#response.write(Buffer.from(chunk))) this.#awaitClient();
  }

  onEnd(): void {
    const connection = this.#connection;
    const member = this.#member;
    this.#stopTimer();
    if (connection !== undefined && member !== undefined) {
      if (this.#body.complete) member.keep(connection, this.#context.now());
      else connection.destroy();
    }
    if (!this.#ended) this.#response.end();
    this.#finish();
  }

  #awaitClient(): void {
    this.#connection?.pause();
    if (this.#draining) return;
    this.#draining = true;
    this.#response.on("drain", () => this.#connection?.resume());
  }

  #responseFields(head: ResponseHead): string[] {
    let fields = responseFields(head, this.#route, this.#affinity, this.#member) as string[];
    if (
      this.#request.httpVersionMajor < 2 &&
      (this.#context.closing() || (this.#awaitingContinue && !this.#continued))
    )
      fields = [...fields, "Connection", "close"];
    return fields;
  }

  // Failing

  onFailure(failure: Failure): void {
    const member = this.#member;
    if (this.#over || member === undefined) return;
    this.#stopTimer();
    this.#body.detach();
    this.#lastFailure = failure;
    const decision = decideRetry({
      kind: failure.kind,
      method: this.#head.method,
      sent: this.#sent,
      reused: this.#reused,
      responded: this.#status !== 0,
      replayable: this.#body.replayable,
      retriesLeft: this.#retriesLeft,
    });
    if (decision !== "same") this.#blame(member, failure);
    if (decision === "give-up") return this.#giveUp(failure.kind === "timeout" ? 504 : 502);
    this.#leave();
    this.#route.statistics.retries += 1;
    if (decision === "same") this.#newConnectionOnly = true;
    else {
      this.#search.exclude(member);
      if (this.#sent) this.#retriesLeft -= 1;
    }
    this.#search.next();
  }

  #blame(member: Member, failure: Failure): void {
    const now = this.#context.now();
    member.statistics.failed(now, failure.kind);
    if (failure.kind === "connect") member.refused(now);
  }

  #onTimeout(): void {
    this.#connection?.destroy();
    this.onFailure({ kind: "timeout", reason: "no response in time" });
  }

  #giveUp(status: number): void {
    this.#route.statistics.errors += 1;
    if (this.#status === 0) {
      this.#status = status;
      // A client that still waits to be told to send its body is not going to be told.
      const close = !this.#body.complete || this.#context.closing();
      answer(this.#response, status, { requestId: this.#head.requestId, close });
    } else this.#response.destroy(); // X4
    this.#finish();
  }

  #onClientGone(): void {
    if (this.#over) return;
    this.#connection?.destroy();
    this.#finish();
  }

  // Ending

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopTimer();
    this.#search.cancel();
    const now = this.#context.now();
    const { statistics, pool } = this.#route;
    statistics.inFlight -= 1;
    statistics.finished(now, now - this.#startedAt, this.#status, pool.name, this.#member?.id ?? "");
    this.#leave();
    if (!this.#body.complete) this.#body.discard();
  }

  #leave(): void {
    this.#member?.release();
    this.#member = undefined;
    this.#connection = undefined;
  }

  #stopTimer(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** What the client is told of a member's response: its fields, what the route's rules make of them, and its seat. */
export function responseFields(
  { headers }: ResponseHead,
  { responseRules }: ForwardRoute,
  affinity: Affinity | undefined,
  member: Member | undefined,
): readonly string[] {
  const fields = responseRules === undefined ? headers : edited(headers, responseRules);
  const cookie = member === undefined ? undefined : affinity?.cookieFor(member);
  return cookie === undefined ? fields : [...fields, "Set-Cookie", cookie];
}
