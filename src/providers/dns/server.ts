/** One name server that is asked and told over TCP, signed where there is a key. */
import { randomInt } from "node:crypto";
import { type RecordType, canonicalName, isRecordType } from "../../provider/dns-record-data.ts";
import { type CallContext, TerminalError } from "../../provider/provider.ts";
import { exchange } from "./connection.ts";
import { Trust, type TsigKey, signed } from "./tsig.ts";
import {
  type Deed,
  type DnsAnswer,
  type Line,
  type RecordSet,
  question,
  readAnswer,
  update,
  valueText,
} from "./wire.ts";

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly key?: TsigKey;
}

interface Held {
  readonly name: string;
  readonly type: RecordType;
  readonly ttl?: number;
  readonly data?: unknown;
}

function gather(sets: Map<string, RecordSet>, { name, type, ttl = 0, data }: Held): void {
  const at = `${canonicalName(name)}/${type}`;
  const values = [...(sets.get(at)?.values ?? []), valueText(type, data)].toSorted();
  sets.set(at, { name: canonicalName(name), type, ttl, values });
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

  /** The number that grows with every change; undefined when it does not have the zone. */
  async serial(domain: string): Promise<number | undefined> {
    const { answers = [] } = await this.#ask(domain, "SOA");
    const soa = answers.find(({ type }) => type === "SOA") as {
      readonly data?: { readonly serial?: number };
    };
    return soa?.data?.serial;
  }

  /** The whole zone (AXFR, RFC 5936), but for what zones are made of themselves. Rejects with TerminalError when it may not be had. */
  async transfer(domain: string): Promise<readonly RecordSet[]> {
    const id = randomInt(65_536);
    const sets = new Map<string, RecordSet>();
    let ends = 0;
    for await (const { code, answers = [] } of this.#answers(question(id, domain, "AXFR"), id)) {
      if (code !== "NOERROR") throw this.#noTransfer(domain, code);
      for (const answer of answers) {
        if (answer.type === "SOA") ends += 1;
        else if (isRecordType(answer.type)) gather(sets, answer as Held);
      }
      // It begins and ends with the same record.
      if (ends >= 2) return [...sets.values()];
    }
    throw new Error(`The name server ${this.name} broke off the transfer of ${domain}.`);
  }

  #noTransfer(domain: string, code: string): TerminalError {
    return new TerminalError({
      code: "TransferRefused",
      path: "spec.rfc2136",
      message: `The name server ${this.name} does not hand over the zone ${domain}: it answers ${code}.`,
      hint: "Let the key have it there (BIND: allow-transfer).",
    });
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
    for await (const answer of this.#answers(message, id)) return answer;
    throw new Error(`The name server ${this.name} gave no answer.`);
  }

  /** All that is answered, each checked. */
  async *#answers(message: Buffer, id: number): AsyncGenerator<DnsAnswer, void, undefined> {
    const { key } = this.#address;
    const { clock } = this.#context;
    const sent = key === undefined ? { message, mac: undefined } : signed(message, key, clock.now());
    const trust = key === undefined ? undefined : new Trust(key, sent.mac as Buffer);
    const pending: DnsAnswer[] = [];
    for await (const bytes of exchange(sent.message, this.#address, this.#context)) {
      const answer = readAnswer(bytes, id);
      if (answer === undefined) throw new Error(`The name server ${this.name} answers with something else.`);
      const reason = trust?.distrust(bytes, answer.tsigAt, clock.now());
      if (reason !== undefined) throw this.#notBelieved(answer, reason);
      pending.push(answer);
      // What is not signed itself is believed when one that is comes after it.
      if (trust?.isOwed !== true) yield* pending.splice(0);
    }
  }

  #notBelieved({ code }: DnsAnswer, reason: string): TerminalError {
    return new TerminalError({
      code: "NotTrusted",
      path: "spec.rfc2136.key",
      message: `The answer of the name server ${this.name} (${code}) is not believed: ${reason}.`,
      hint: "Check name, algorithm and secret of the key, on both sides.",
    });
  }
}
