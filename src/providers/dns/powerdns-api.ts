/** The part of PowerDNS' HTTP API (v1) that zones and records need. */
import { type CallContext, TerminalError } from "../../provider/provider.ts";

const PATIENCE = 10_000;

export interface PowerDnsAddress {
  readonly url: string;
  readonly key: string;
  readonly server: string;
}

export interface PowerDnsZone {
  readonly id: string;
  /** With the dot at the end, as all names here. */
  readonly name: string;
  readonly account?: string;
  readonly rrsets?: readonly PowerDnsSet[];
}

export interface PowerDnsSet {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly records: readonly { readonly content: string; readonly disabled: boolean }[];
  readonly comments?: readonly { readonly content: string; readonly account: string }[];
}

export class PowerDns {
  readonly #address: PowerDnsAddress;
  readonly #context: CallContext;

  constructor(address: PowerDnsAddress, context: CallContext) {
    this.#address = address;
    this.#context = context;
  }

  get url(): string {
    return this.#address.url;
  }

  async zones(): Promise<readonly PowerDnsZone[]> {
    return (await this.#call<readonly PowerDnsZone[]>("GET", "")) ?? [];
  }

  /** With its sets of records, or only those of one name and type. Undefined when there is no such zone. */
  zone(
    domain: string,
    only?: { readonly name: string; readonly type: string },
  ): Promise<PowerDnsZone | undefined> {
    const query =
      only === undefined
        ? ""
        : `?${new URLSearchParams({ rrset_name: dotted(only.name), rrset_type: only.type }).toString()}`;
    return this.#call<PowerDnsZone>("GET", `/${zoneId(domain)}${query}`);
  }

  async createZone(domain: string, account: string, nameservers: readonly string[]): Promise<void> {
    await this.#call("POST", "", {
      name: dotted(domain),
      kind: "Native",
      account,
      nameservers: nameservers.map(dotted),
    });
  }

  async setAccount(domain: string, account: string): Promise<void> {
    await this.#call("PUT", `/${zoneId(domain)}`, { account });
  }

  async removeZone(domain: string): Promise<void> {
    await this.#call("DELETE", `/${zoneId(domain)}`);
  }

  async change(
    domain: string,
    set: Omit<PowerDnsSet, "comments"> & {
      readonly changetype: "REPLACE" | "DELETE";
      readonly comments: NonNullable<PowerDnsSet["comments"]>;
    },
  ): Promise<void> {
    await this.#call("PATCH", `/${zoneId(domain)}`, { rrsets: [{ ...set, name: dotted(set.name) }] });
  }

  /** Undefined for 404. */
  async #call<T>(method: string, path: string, body?: unknown): Promise<T | undefined> {
    const { url, key, server } = this.#address;
    const { signal, clock } = this.#context;
    const late = new AbortController();
    const timer = clock.setTimeout(() => late.abort(), PATIENCE);
    try {
      const answer = await fetch(
        `${url.replace(/\/$/, "")}/api/v1/servers/${encodeURIComponent(server)}/zones${path}`,
        {
          method,
          headers: { "X-API-Key": key, "Content-Type": "application/json" },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          signal: AbortSignal.any([signal, late.signal]),
          redirect: "error",
        },
      );
      const text = await answer.text();
      if (answer.status === 404) return undefined;
      if (answer.ok) return (text === "" ? {} : JSON.parse(text)) as T;
      throw this.#refusal(answer.status, text);
    } catch (error) {
      if (error instanceof TerminalError || signal.aborted) throw error;
      if (late.signal.aborted)
        throw new Error(`PowerDNS at ${url} gave no answer within ${PATIENCE / 1000} s.`, { cause: error });
      const { cause } = error as { readonly cause?: { readonly message?: string } };
      const why = cause?.message ?? (error instanceof Error ? error.message : String(error));
      throw new Error(`PowerDNS at ${url} cannot be asked: ${why.replace(/\.$/, "")}.`, { cause: error });
    } finally {
      timer.cancel();
    }
  }

  #refusal(status: number, text: string): Error {
    const { url } = this.#address;
    if (status === 401)
      return new TerminalError({
        code: "KeyRefused",
        path: "spec.powerdns.key",
        message: `PowerDNS at ${url} does not take the API key.`,
        hint: "Give the server's own api-key.",
      });
    const why = refusalIn(text).replace(/\.$/, "").slice(0, 300);
    if (status >= 500) return new Error(`PowerDNS at ${url} fails: ${why}.`);
    return new TerminalError({ code: "Refused", message: `PowerDNS at ${url} refuses: ${why}.` });
  }
}

function refusalIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown };
    return typeof error === "string" ? error : "it does not say why";
  } catch {
    return "it does not say why";
  }
}

export function dotted(name: string): string {
  return name.endsWith(".") ? name : `${name}.`;
}

function zoneId(domain: string): string {
  return encodeURIComponent(dotted(domain.toLowerCase()));
}
