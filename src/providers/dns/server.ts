/** One name server that is asked and told over TCP (RFC 7766): one message, one answer, then the connection goes. */
import { randomInt } from "node:crypto";
import { connect } from "node:net";
import { type CallContext, TerminalError } from "../../provider/provider.ts";
import type { RecordType } from "../../provider/dns-record-data.ts";
import { type TsigKey, distrust, signed } from "./tsig.ts";
import {
  type Deed,
  type DnsAnswer,
  type Line,
  MOST_BYTES,
  type RecordSet,
  question,
  readAnswer,
  update,
  valueText,
} from "./wire.ts";

const PATIENCE = 5_000;

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly key?: TsigKey;
}

export class NameServer {
  readonly #address: ServerAddress;
  readonly #context: CallContext;

  constructor(address: ServerAddress, context: CallContext) {
    this.#address = address;
    this.#context = context;
  }

  get name(): string {
    return `${this.#address.host}:${this.#address.port}`;
  }

  /** Whether it is one of the servers that the zone comes from. */
  async hasZone(domain: string): Promise<boolean> {
    const { code, isAuthoritative, answers = [] } = await this.#ask(domain, "SOA");
    // It has the zone, and is loading it or cannot.
    if (code === "SERVFAIL") throw new Error(`The name server ${this.name} cannot answer for ${domain}.`);
    return code === "NOERROR" && isAuthoritative && answers.some(({ type }) => type === "SOA");
  }

  /** Undefined when there is none. */
  async recordSet(name: string, type: RecordType): Promise<RecordSet | undefined> {
    const { code, answers = [], authorities = [] } = await this.#ask(name, type);
    if (code !== "NOERROR" && code !== "NXDOMAIN")
      throw new Error(`The name server ${this.name} answers ${code} when it is asked for ${name}.`);
    // Of a name that is delegated, its servers are told as who to ask instead.
    const told = type === "NS" ? [...answers, ...authorities] : answers;
    const found = told.filter((one) => one.type === type && one.name.toLowerCase() === name.toLowerCase());
    const [first] = found as readonly { readonly ttl?: number }[];
    if (first === undefined) return undefined;
    const values = found.map((one) => valueText(type, (one as { readonly data?: unknown }).data));
    return { name, type, ttl: first.ttl ?? 0, values: values.toSorted() };
  }

  /** All of it or nothing. False when what `only` says does not hold. */
  async change(
    zone: string,
    what: { readonly only: readonly Line[]; readonly deeds: readonly Deed[] },
  ): Promise<boolean> {
    const id = randomInt(65_536);
    const { code } = await this.#exchange(update(id, zone, what), id);
    if (code === "NOERROR") return true;
    if (code === "YXRRSET" || code === "NXRRSET" || code === "YXDOMAIN" || code === "NXDOMAIN") return false;
    throw this.#refused(zone, code);
  }

  #refused(zone: string, code: string): Error {
    const who = `The name server ${this.name}`;
    if (code === "SERVFAIL") return new Error(`${who} could not change the zone ${zone}.`);
    const isKeyed = this.#address.key !== undefined;
    return new TerminalError({
      code: "UpdateRefused",
      path: "spec.rfc2136",
      message: `${who} refuses to change the zone ${zone}: it answers ${code}.`,
      hint: isKeyed
        ? "Let the key change the zone there (BIND: allow-update or update-policy)."
        : "Give the key by which it takes updates: spec.rfc2136.key.",
    });
  }

  #ask(name: string, type: RecordType | "SOA"): Promise<DnsAnswer> {
    const id = randomInt(65_536);
    return this.#exchange(question(id, name, type), id);
  }

  async #exchange(message: Buffer, id: number): Promise<DnsAnswer> {
    const { key } = this.#address;
    const { clock } = this.#context;
    const now = clock.now();
    const sent = key === undefined ? { message, mac: undefined } : signed(message, key, now);
    const bytes = await this.#send(sent.message);
    const answer = readAnswer(bytes, id);
    if (answer === undefined) throw new Error(`The name server ${this.name} answers with something else.`);
    const reason =
      key === undefined || sent.mac === undefined
        ? undefined
        : distrust(bytes, answer.tsigAt, { key, mac: sent.mac, now: clock.now() });
    if (reason === undefined) return answer;
    throw new TerminalError({
      code: "NotTrusted",
      path: "spec.rfc2136.key",
      message: `The answer of the name server ${this.name} (${answer.code}) is not believed: ${reason}.`,
      hint: "Check name, algorithm and secret of the key, on both sides.",
    });
  }

  #send(message: Buffer): Promise<Buffer> {
    const { host, port } = this.#address;
    const { clock, signal } = this.#context;
    signal.throwIfAborted();
    const answered = Promise.withResolvers<Buffer>();
    const socket = connect({ host, port });
    const give = (error: Error): void => answered.reject(error);
    const stop = (): void => give(new Error("The call was ended."));
    const late = clock.setTimeout(
      () => give(new Error(`The name server ${this.name} gave no answer within ${PATIENCE / 1000} s.`)),
      PATIENCE,
    );
    signal.addEventListener("abort", stop, { once: true });
    const chunks: Buffer[] = [];
    socket.on("connect", () => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      socket.write(Buffer.concat([length, message]));
    });
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      const all = Buffer.concat(chunks);
      if (all.length >= 2 && all.length >= 2 + all.readUInt16BE(0))
        answered.resolve(all.subarray(2, 2 + all.readUInt16BE(0)));
      else if (all.length > MOST_BYTES + 2) give(new Error(`The name server ${this.name} answers too much.`));
    });
    socket.on("error", ({ message: why }) => give(new Error(`The name server ${this.name}: ${why}.`)));
    socket.on("close", () => give(new Error(`The name server ${this.name} closed the connection.`)));
    return answered.promise.finally(() => {
      late.cancel();
      signal.removeEventListener("abort", stop);
      socket.destroy();
    });
  }
}
