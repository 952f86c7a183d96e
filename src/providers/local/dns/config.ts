/** What the DNS server is told: the body of `PUT /config`, and the content of its state file. */
import type { RecordType } from "../../../provider/dns-record-data.ts";

export interface RecordConfig {
  /**
   * `@` or empty for the zone itself, otherwise relative to it (`www`, `*.dev`); a name that ends with the zone's, or
   * with a dot, is taken as whole.
   */
  readonly name: string;
  readonly type: RecordType;
  /** Seconds. */
  readonly ttl?: number;
  /**
   * As in a zone file, except that names in values are always whole: `192.0.2.1`, `10 mail.example.com`,
   * `0 5 5432 db.example.com`, `0 issue "ca.example"`; TXT values are the text itself.
   */
  readonly values: readonly string[];
}

export interface SoaConfig {
  readonly mname?: string;
  readonly rname?: string;
  /** When absent the server keeps one itself and raises it whenever the zone's content changes. */
  readonly serial?: number;
  readonly refresh?: number;
  readonly retry?: number;
  readonly expire?: number;
  /** Seconds for which resolvers may keep a negative answer (RFC 2308). */
  readonly minimum?: number;
}

export interface ZoneConfig {
  readonly name: string;
  readonly soa?: SoaConfig;
  readonly records: readonly RecordConfig[];
}

export interface DnsConfig {
  readonly listen: {
    readonly host: string;
    /** 0 lets the system choose; the answer says which. */
    readonly port: number;
  };
  readonly zones: readonly ZoneConfig[];
}

/** Answer to `PUT /config` and `GET /healthz`. */
export interface DnsHealth {
  readonly status: "ok" | "not listening";
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  readonly problem?: string;
  readonly zones: readonly { readonly name: string; readonly serial: number; readonly records: number }[];
  readonly queries: number;
}
