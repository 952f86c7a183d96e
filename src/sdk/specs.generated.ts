/* oxlint-disable max-lines -- as long as there are kinds */
// Written by scripts/generate.ts from src/kinds: run `npm run generate` after changing a kind.
import * as kinds from "../kinds/index.ts";
import {
  type Builder,
  type KeyedBuilder,
  type RequiredBuilder,
  type Name,
  type Numeric,
  type OneOf,
  type Ref,
  type Text,
  type Truth,
  remembering,
} from "./builder.ts";

interface Lifecycle {
  /**
   * Refuse to delete it or make it anew, also when the declaration is gone, until this is taken back.
   * @default false
   */
  readonly protect?: Truth;
  /**
   * What becomes of the thing when the resource is deleted: removed, or left alone.
   * @default "remove"
   */
  readonly onDelete?: OneOf<"remove" | "retain">;
  /** Paths, with all below them, whose live value stays whatever is declared: `spec.replicas`. */
  readonly ignoreChanges?: readonly Text[];
  /** When made anew, whether the new one comes first; where the class can, when absent. */
  readonly createBeforeDestroy?: Truth;
  /** How long each may take before it has failed; for ever when absent. */
  readonly timeouts?: {
    /** To be made and ready. */
    readonly create?: Text;
    /** To be changed and ready. */
    readonly update?: Text;
    /** To be gone. */
    readonly delete?: Text;
  };
  /** So many failures in a row are tried again before it has failed; all when absent. */
  readonly retries?: Numeric;
  /**
   * Leave the thing as it is: nothing is made, changed, healed or removed until it is resumed.
   * @default false
   */
  readonly paused?: Truth;
  /** What is done when the thing is found other than it was made. */
  readonly drift?: {
    /**
     * What is done about what others changed: set back, or only said.
     * @default "revert"
     */
    readonly answer?: OneOf<"revert" | "report">;
    /** How often it is looked at; every minute when absent. */
    readonly every?: Text;
    /** Other answers for some paths; the first that fits. */
    readonly paths?: readonly {
      /** Of the spec, with all below it: `spec.size`, `spec.env.*`. */
      readonly path: Text;
      /** Set back, only said, or allowed to be as it is. */
      readonly answer: OneOf<"revert" | "report" | "tolerate">;
      /** With tolerate: no longer than that; the resource's own answer holds then. */
      readonly until?: Text;
    }[];
  };
}

interface HeaderRequest {
  /** Headers to be given this value. */
  readonly set?: Readonly<Record<string, Text>>;
  /** Headers to be added to what is there. */
  readonly add?: Readonly<Record<string, Text>>;
  /** Headers to be taken away. */
  readonly remove?: readonly Text[];
}

interface HttpConfig {
  /** The header Authorization. */
  readonly authorization?: {
    /**
     * What the credentials are.
     * @default "Bearer"
     */
    readonly type?: Text;
    /** The credentials. */
    readonly credentials: Text;
  };
  /** User and password. */
  readonly basicAuth?: {
    /** The user. */
    readonly username: Text;
    /** The password. */
    readonly password: Text;
  };
  /** How the server is known. */
  readonly tlsConfig?: {
    /** Who signs the server's certificate, in PEM. */
    readonly ca?: Text;
    /** Name in the server's certificate. */
    readonly serverName?: Text;
    /**
     * Take any certificate.
     * @default false
     */
    readonly insecureSkipVerify?: Truth;
  };
  /**
   * Whether redirects are followed.
   * @default true
   */
  readonly followRedirects?: Truth;
}

interface DefineDate {
  /** For example the holiday's. */
  readonly name?: Text;
  /** First day. */
  readonly from: Text;
  /** Last day. */
  readonly to: Text;
}

interface Target {
  /** Percent of what an instance may use; one number for the service; a number for each instance. */
  readonly type: OneOf<"Utilization" | "Value" | "AverageValue">;
  /** With Utilization: percent. */
  readonly averageUtilization?: Numeric;
  /** With Value. */
  readonly value?: number | Ref<number> | Text;
  /** With AverageValue. */
  readonly averageValue?: number | Ref<number> | Text;
}

interface Policy {
  /** A number of instances, or percent of those there are. */
  readonly type: OneOf<"Pods" | "Percent">;
  /** At most so many. */
  readonly value: Numeric;
  /** In so many seconds. */
  readonly periodSeconds: Numeric;
}

interface Init {
  /** Name of the container. */
  readonly name: Text;
  /** Its image; the service's own when absent. */
  readonly image?: Text;
  /** What it runs; what the image says when absent. */
  readonly command?: Text | readonly Text[];
  /** Environment variables, beside those of the service. */
  readonly env?: Readonly<Record<string, Text | number | Ref<number> | boolean | Ref<boolean>>>;
}

interface Startup {
  readonly http?: {
    /**
     * Path asked with GET; 200 to 399 is good.
     * @default "/"
     */
    readonly path?: Text;
    /** Name of the port; the first when absent. */
    readonly port?: Text;
  };
  readonly tcp?: {
    /** Name of the port; the first when absent. */
    readonly port?: Text;
  };
  /** Program that exits with 0 when all is well, run with the instance's environment. */
  readonly command?: readonly Text[];
  /**
   * Time between two checks. While an instance starts, checks follow each other much faster.
   * @default "5s"
   */
  readonly period?: Text;
  /**
   * How long one check may take.
   * @default "1s"
   */
  readonly timeout?: Text;
  /**
   * Failures in a row that count as bad.
   * @default 3
   */
  readonly failureThreshold?: Numeric;
  /**
   * Successes in a row that count as good.
   * @default 1
   */
  readonly successThreshold?: Numeric;
}

interface Retry {
  readonly errors: readonly Text[];
  readonly attempts: Numeric;
  readonly interval?: Text;
  readonly rate?: Numeric;
  readonly maximum?: Text;
  readonly jitter?: OneOf<"full" | "none">;
}

interface Timeout {
  readonly attempt?: Text;
  readonly total?: Text;
  readonly queue?: Text;
  readonly heartbeat?: Text;
}

interface Catch {
  readonly errors: readonly Text[];
  /** A scope within: steps, and what else the workflow itself has of start, output and finally. */
  readonly do?: Readonly<Record<string, unknown>>;
  readonly next?: Text;
}

interface Memo {
  readonly key?: unknown;
  readonly ttl?: Text;
  readonly version?: Text;
}

interface StepFields {
  readonly needs?: readonly Text[];
  readonly when?: Text;
  readonly next?: Text;
  readonly expected?: Text;
  readonly retry?: readonly Retry[];
  readonly timeouts?: Timeout;
  readonly pool?: Text;
  readonly result?: Readonly<Record<string, unknown>> | Truth;
  readonly catch?: readonly Catch[];
  readonly memo?: Memo;
  /** A step that undoes this one; of any type that does something itself. */
  readonly compensate?: Readonly<Record<string, unknown>>;
}

/** Rules that record series and raise alerts: the groups of a Prometheus rule file, with tests. */
export interface AlertRuleSpec {
  /** The groups of a Prometheus rule file, as they are. */
  readonly groups?: readonly {
    /** Name of the group. */
    readonly name: Text;
    /** Time between two evaluations. */
    readonly interval?: Text;
    /** How many alerts or series one rule may give; 0 for any number. */
    readonly limit?: Numeric;
    /** How far back in time the group is evaluated. */
    readonly query_offset?: Text;
    /** Labels of every rule of the group. */
    readonly labels?: Readonly<Record<string, Text | number | Ref<number> | boolean | Ref<boolean>>>;
    /** The rules, evaluated one after the other. */
    readonly rules?: readonly {
      /** Name of the series that the result is recorded as. */
      readonly record?: Text;
      /** Name of the alert that every series of the result is. */
      readonly alert?: Text;
      /** The PromQL expression. */
      readonly expr: Text | number | Ref<number>;
      /** How long it must hold before the alert fires. */
      readonly for?: Text;
      /** How long the alert goes on firing when the expression holds no more. */
      readonly keep_firing_for?: Text;
      /** Labels added, or replaced; templates in alerts. */
      readonly labels?: Readonly<Record<string, Text | number | Ref<number> | boolean | Ref<boolean>>>;
      /** What people are told; templates. */
      readonly annotations?: Readonly<Record<string, Text | number | Ref<number> | boolean | Ref<boolean>>>;
    }[];
  }[];
  /** The tests of a promtool test file, as they are; the rules are evaluated every minute. */
  readonly tests?: readonly {
    /** Name of the test. */
    readonly name?: Text;
    /** Time between two values of a series; 1m when absent. */
    readonly interval?: Text;
    /** What there is to see. */
    readonly input_series?: readonly {
      /** A series, such as up{job="api"}. */
      readonly series: Text;
      /** Its values in promtool's notation: '1 1 0x10 _ stale'. */
      readonly values: Text | number | Ref<number>;
    }[];
    readonly alert_rule_test?: readonly {
      /** How long after the beginning. */
      readonly eval_time: Text;
      /** Which alert. */
      readonly alertname: Text;
      /** Exactly what fires then; nothing when absent. */
      readonly exp_alerts?: readonly {
        readonly exp_labels?: Readonly<Record<string, Text | number | Ref<number> | boolean | Ref<boolean>>>;
        readonly exp_annotations?: Readonly<
          Record<string, Text | number | Ref<number> | boolean | Ref<boolean>>
        >;
      }[];
    }[];
    readonly promql_expr_test?: readonly {
      /** A PromQL expression. */
      readonly expr: Text;
      /** How long after the beginning. */
      readonly eval_time: Text;
      /** Exactly what it gives then. */
      readonly exp_samples?: readonly {
        /** The series. */
        readonly labels: Text;
        readonly value?: Text | number | Ref<number>;
        readonly histogram?: Text;
      }[];
    }[];
    readonly external_labels?: Readonly<Record<string, Text | number | Ref<number> | boolean | Ref<boolean>>>;
    readonly external_url?: Text;
  }[];
}

/** What a AlertRule puts out, for others to refer to. */
export type AlertRuleOutputs = Readonly<Record<never, never>>;

/**
 * Rules that record series and raise alerts: the groups of a Prometheus rule file, with tests.
 *
 * @example
 * alertRule("example", { groups: [ { name: "orders", rules: [ { alert: "OrdersStalled", expr: "rate(orders_total[10m]) == 0", for: "5m", labels: { severity: "warning" }, annotations: { summary: "No order for {{ $labels.shop }} in ten minutes." } } ] } ] });
 */
export const alertRule = remembering<Builder<AlertRuleSpec, AlertRuleOutputs>>(kinds.alertRule);

/** One backup of a Database. */
export interface BackupSpec {
  /**
   * Name of the Database.
   * Changing it means making the thing anew.
   */
  readonly database: Name;
  /**
   * Restore it into a scratch database and compare checksums before it counts as good.
   * @default true
   */
  readonly verify?: Truth;
  /**
   * How long it may take from its beginning; it has failed then.
   * @default "6h"
   */
  readonly timeout?: Text;
}

/** What a Backup puts out, for others to refer to. */
export type BackupOutputs = Readonly<Record<never, never>>;

/**
 * One backup of a Database.
 *
 * @example
 * backup("example", { database: "orders" });
 */
export const backup = remembering<RequiredBuilder<BackupSpec, BackupOutputs>>(kinds.backup);

/** Plain configuration that other resources refer to. */
export interface ConfigMapSpec {
  /** Names and texts. */
  readonly data?: Readonly<Record<string, Text>>;
  /** Names and bytes in base64. */
  readonly binaryData?: Readonly<Record<string, Text>>;
  /** Refuse changes of the data. */
  readonly immutable?: Truth;
}

/**
 * Plain configuration that other resources refer to.
 *
 * @example
 * configMap("example", { data: { rate: "100" } });
 */
export const configMap = remembering<KeyedBuilder<ConfigMapSpec>>(kinds.configMap);

/** A kind of somebody's own: it can be declared, listed and explained as any other. */
export interface CustomResourceDefinitionSpec {
  /** Of its apiVersion: `example.com`. */
  readonly group: Text;
  /** What it is called. */
  readonly names: {
    /** What manifests call it: `Bucket`. No other kind is called so, of whatever group. */
    readonly kind: Text;
    /** In addresses: `buckets`. */
    readonly plural: Text;
    /** One of them; the kind in lower case when absent. */
    readonly singular?: Text;
    /** Not looked at. */
    readonly listKind?: Text;
    /** Other words for it. */
    readonly shortNames?: readonly Text[];
    /** `all`: shown by `get all`. */
    readonly categories?: readonly Text[];
  };
  /** Whether such resources are in a namespace. */
  readonly scope: OneOf<"Namespaced" | "Cluster">;
  /** One. */
  readonly versions: readonly {
    /** Its name: `v1`. */
    readonly name: Text;
    /**
     * Always.
     * @default true
     */
    readonly served?: true;
    /**
     * Always: there is one version.
     * @default true
     */
    readonly storage?: true;
    /** Not looked at. */
    readonly deprecated?: Truth;
    /** What may be declared. */
    readonly schema: {
      /** Of the resource: `spec` and `status` as properties. */
      readonly openAPIV3Schema: Readonly<Record<string, unknown>>;
    };
    /** Columns beside name and age. */
    readonly additionalPrinterColumns?: readonly {
      /** Its heading. */
      readonly name: Text;
      /** What stands in it. */
      readonly type: OneOf<"string" | "integer" | "number" | "boolean" | "date">;
      /** Where that is, within the resource: `.status.path`. */
      readonly jsonPath: Text;
      /** Not looked at. */
      readonly format?: Text;
      /** What it says. */
      readonly description?: Text;
      /** 0 is always shown, more with `-o wide`. */
      readonly priority?: Numeric;
    }[];
    /** What can be asked for beside the resource itself. */
    readonly subresources?: {
      /** Always there. */
      readonly status?: {};
    };
    /** Not looked at. */
    readonly selectableFields?: readonly {
      readonly jsonPath: Text;
    }[];
  }[];
  /** There is one version. */
  readonly conversion?: {
    readonly strategy: "None";
  };
  /** Always. */
  readonly preserveUnknownFields?: false;
  /** The functions that make such resources; written by `defineResource`. */
  readonly provider?: {
    /** Absolute: what the other paths are relative to. */
    readonly folder: Text;
    /** The module that declares it with `defineResource`. */
    readonly module: Text;
    /** Of the sources. */
    readonly hash: Text;
    /** The module and what it imports from the folder, as they were when they were applied. */
    readonly sources: Readonly<Record<string, Text>>;
    /** Which functions there are beside observe, ensure and remove. */
    readonly calls?: readonly Text[];
    /**
     * How long one call may take.
     * @default "5m"
     */
    readonly timeout?: Text;
    /** So many calls at once. */
    readonly parallelism?: Numeric;
  };
}

/** What a CustomResourceDefinition puts out, for others to refer to. */
export type CustomResourceDefinitionOutputs = Readonly<Record<never, never>>;

/**
 * A kind of somebody's own: it can be declared, listed and explained as any other.
 *
 * @example
 * customResourceDefinition("buckets.example.com", { group: "example.com", names: { kind: "Bucket", plural: "buckets" }, scope: "Namespaced", versions: [ { name: "v1", schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties: { size: { type: "integer" } } } } } } } ] });
 */
export const customResourceDefinition = remembering<
  RequiredBuilder<CustomResourceDefinitionSpec, CustomResourceDefinitionOutputs>
>(kinds.customResourceDefinition);

/** A database with a user and a generated password of its own. */
export interface DatabaseSpec {
  /**
   * Which engine makes it; 'auto' takes the best that the location has.
   * Changing it means making the thing anew.
   * @default "auto"
   */
  readonly class?: Text;
  /**
   * Where it is: the name of a Location.
   * Changing it means making the thing anew.
   * @default "local"
   */
  readonly location?: Name;
  /** Addresses (kind/name) of what must be ready first. */
  readonly dependsOn?: readonly Name[];
  /** How it may come, change and go. */
  readonly lifecycle?: Lifecycle;
  /**
   * Which database system.
   * Changing it means making the thing anew.
   * @default "postgres"
   */
  readonly engine?: OneOf<"postgres" | "mariadb" | "redis">;
  /**
   * Major version, e.g. '17'; what is there when absent.
   * Changing it means making the thing anew.
   */
  readonly version?: Text;
  /** The image it runs from, whatever `version` says; the location's or the engine's own when absent. */
  readonly image?: Text;
  /** With class external: the server that exists. */
  readonly server?: {
    /** Host of the server, or the folder of its socket. */
    readonly host: Text;
    /** Its port; the engine's usual one when absent. */
    readonly port?: Numeric;
    /** A user who may make databases and users. */
    readonly user: Text;
    /** Its password, e.g. ${secret.admin.password}. */
    readonly password?: Text;
    /**
     * Connect with TLS and check the server's certificate.
     * @default false
     */
    readonly tls?: Truth;
  };
  /** Extensions to be there, e.g. pg_trgm. */
  readonly extensions?: readonly Text[];
  /** More users, each with a generated password: `status.users` has their URLs, in the order given here. */
  readonly users?: readonly {
    /** Name of the user. */
    readonly name: Text;
    /**
     * What it may do with everything in the database, now and later.
     * @default "read"
     */
    readonly access?: OneOf<"read" | "write" | "owner">;
  }[];
  /** How old a password may become; only on request (`tutti db rotate`) when absent. */
  readonly rotate?: Text;
  /** When backups are made and how many are kept. */
  readonly backup?: {
    /** When, as a cron expression in UTC, e.g. '0 3 * * *'; only on request when absent. */
    readonly schedule?: Text;
    /**
     * How many good ones are kept.
     * @default 7
     */
    readonly keep?: Numeric;
    /**
     * Restore each into a scratch database and compare checksums before it counts as good.
     * @default true
     */
    readonly verify?: Truth;
    /**
     * Keep the write-ahead log as well, so that any moment can be restored.
     * @default false
     */
    readonly archive?: Truth;
    /** Where backups go, absolute; the state folder when absent. */
    readonly folder?: Text;
  };
  /** What is in it at first: a backup, or another database as it was at a moment. Means nothing once it is made. */
  readonly restore?: {
    /** Name of the Backup. */
    readonly backup?: Text;
    /** With `at`: the Database whose archive it is. */
    readonly database?: Text;
    /** A moment in RFC 3339, for point-in-time recovery. */
    readonly at?: Text;
  };
  /**
   * Name of the database; the resource's name when absent.
   * Changing it means making the thing anew.
   */
  readonly database?: Text;
  /**
   * Name of the user; the resource's name when absent.
   * Changing it means making the thing anew.
   */
  readonly user?: Text;
  /** A fixed port; chosen when absent. With class external: `server.port`. */
  readonly port?: Numeric;
  /** Server settings such as max_connections; not with class external, whose server is somebody else's. */
  readonly settings?: Readonly<Record<string, Text | number | Ref<number> | boolean | Ref<boolean>>>;
  /**
   * Keep the data when the resource is deleted; a later declaration of the same name finds it again.
   * @default false
   */
  readonly retain?: Truth;
}

/** What a Database puts out, for others to refer to. */
export interface DatabaseOutputs {
  /** Connection URL with user and password. */
  readonly url: Ref<string>;
  /** Host to connect to. */
  readonly host: Ref<string>;
  /** Port to connect to. */
  readonly port: Ref<number>;
  /** User name. */
  readonly user: Ref<string>;
  /** Password. */
  readonly password: Ref<string>;
  /** Name of the database. */
  readonly database: Ref<string>;
}

/**
 * A database with a user and a generated password of its own.
 *
 * @example
 * database("example", { engine: "postgres", retain: true });
 */
export const database = remembering<Builder<DatabaseSpec, DatabaseOutputs>>(kinds.database);

/** A name within a zone and what it stands for. */
export interface DNSRecordSpec {
  /**
   * Which engine makes it; 'auto' takes the best that the location has.
   * Changing it means making the thing anew.
   * @default "auto"
   */
  readonly class?: Text;
  /**
   * Where it is: the name of a Location.
   * Changing it means making the thing anew.
   * @default "local"
   */
  readonly location?: Name;
  /** Addresses (kind/name) of what must be ready first. */
  readonly dependsOn?: readonly Name[];
  /** How it may come, change and go. */
  readonly lifecycle?: Lifecycle;
  /**
   * Name of the DNSZone.
   * Changing it means making the thing anew.
   */
  readonly zone: Name;
  /**
   * Name within the zone; @ is the domain itself, * everything.
   * Changing it means making the thing anew.
   * @default "@"
   */
  readonly name?: Text;
  /**
   * Type of the record.
   * Changing it means making the thing anew.
   * @default "A"
   */
  readonly type?: OneOf<"A" | "AAAA" | "CNAME" | "TXT" | "SRV" | "MX" | "NS" | "PTR" | "CAA">;
  /** Seconds that answers may be cached. */
  readonly ttl?: Numeric;
  /** What the name stands for, as zone files write it; whole names, without a dot at the end. */
  readonly values: readonly Text[];
}

/** What a DNSRecord puts out, for others to refer to. */
export interface DNSRecordOutputs {
  /** The full name. */
  readonly name: Ref<string>;
}

/**
 * A name within a zone and what it stands for.
 *
 * @example
 * dnsRecord("example", { zone: "shop", name: "www", values: [ "127.0.0.1" ] });
 */
export const dnsRecord = remembering<RequiredBuilder<DNSRecordSpec, DNSRecordOutputs>>(kinds.dnsRecord);

/** A domain whose names are answered for. */
export interface DNSZoneSpec {
  /**
   * Which engine makes it; 'auto' takes the best that the location has.
   * Changing it means making the thing anew.
   * @default "auto"
   */
  readonly class?: Text;
  /**
   * Where it is: the name of a Location.
   * Changing it means making the thing anew.
   * @default "local"
   */
  readonly location?: Name;
  /** Addresses (kind/name) of what must be ready first. */
  readonly dependsOn?: readonly Name[];
  /** How it may come, change and go. */
  readonly lifecycle?: Lifecycle;
  /**
   * The domain, e.g. shop.test.
   * Changing it means making the thing anew.
   */
  readonly domain: Text;
  /**
   * Seconds that answers may be cached, unless a record says otherwise.
   * @default 30
   */
  readonly ttl?: Numeric;
  /** Port of the embedded server; chosen when absent. */
  readonly port?: Numeric;
  /** A server that has the zone already and takes updates (RFC 2136), such as BIND or Knot. */
  readonly rfc2136?: {
    /** Host name or address of the server. */
    readonly server: Text;
    /**
     * Its port, over TCP.
     * @default 53
     */
    readonly port?: Numeric;
    /** By which updates are signed (TSIG, RFC 8945); they are not when absent. */
    readonly key?: {
      /** Name of the key, as the server calls it. */
      readonly name: Text;
      /**
       * How messages are signed with it.
       * @default "hmac-sha256"
       */
      readonly algorithm?: OneOf<"hmac-sha256" | "hmac-sha384" | "hmac-sha512" | "hmac-sha1">;
      /** The key in base64, e.g. ${secret.dns.key}. */
      readonly secret: Text;
    };
  };
  /** A PowerDNS server, where the zone is made, by its API. */
  readonly powerdns?: {
    /** Where its API is, e.g. http://127.0.0.1:8081. */
    readonly url: Text;
    /** The API's key, e.g. ${secret.powerdns.key}. */
    readonly key: Text;
    /**
     * Which server behind the API.
     * @default "localhost"
     */
    readonly server?: Text;
    /** Host names that a new zone names as its servers. */
    readonly nameservers?: readonly Text[];
  };
}

/** What a DNSZone puts out, for others to refer to. */
export interface DNSZoneOutputs {
  /** Address and port of the name server. */
  readonly server: Ref<string>;
}

/**
 * A domain whose names are answered for.
 *
 * @example
 * dnsZone("example", { domain: "shop.test" });
 */
export const dnsZone = remembering<RequiredBuilder<DNSZoneSpec, DNSZoneOutputs>>(kinds.dnsZone);

/** The way in: HTTP by host and path, WebSocket, TLS or plain TCP, over the ready instances of services, or machines. */
export interface LoadBalancerSpec {
  /**
   * Which engine makes it; 'auto' takes the best that the location has.
   * Changing it means making the thing anew.
   * @default "auto"
   */
  readonly class?: Text;
  /**
   * Where it is: the name of a Location.
   * Changing it means making the thing anew.
   * @default "local"
   */
  readonly location?: Name;
  /** Addresses (kind/name) of what must be ready first. */
  readonly dependsOn?: readonly Name[];
  /** How it may come, change and go. */
  readonly lifecycle?: Lifecycle;
  /** Where clients connect. */
  readonly listeners?: readonly {
    /**
     * Name of the listener.
     * @default "http"
     */
    readonly name?: Text;
    /** Port it listens on; chosen when absent (8080 if that is free). */
    readonly port?: Numeric;
    /**
     * Address it listens on.
     * @default "127.0.0.1"
     */
    readonly host?: Text;
    /**
     * What clients speak.
     * @default "http"
     */
    readonly protocol?: OneOf<"http" | "https" | "tcp">;
    /** Certificates for https; one of the control plane's own authority when absent. */
    readonly tls?: {
      /** Name of a Secret with tls.crt and tls.key. */
      readonly secret?: Name;
      /** More such Secrets; the client's server name (SNI) decides between them. */
      readonly secrets?: readonly Name[];
      /**
       * Who signs when no Secret is named: the control plane's own authority (`tutti certificate authority` prints it), or an ACME server.
       * @default "authority"
       */
      readonly issuer?: OneOf<"authority" | "acme">;
      /** Names in the certificate, beside the hosts of the routes. */
      readonly hosts?: readonly Text[];
      /** With issuer acme: which server. It asks on port 80 of each host (http-01). */
      readonly acme?: {
        /**
         * URL of the ACME server's directory (RFC 8555).
         * @default "https://acme-v02.api.letsencrypt.org/directory"
         */
        readonly directory?: Text;
        /** Where the server may write to. */
        readonly email?: Text;
        /** Name of a Secret with ca.crt, when the server's own certificate is not publicly trusted. */
        readonly authority?: Name;
      };
      /** How long before its end a certificate is renewed; a third of its life when absent. */
      readonly renewBefore?: Text;
    };
    /**
     * Offer HTTP/2 beside HTTP/1.1 to clients that connect with TLS.
     * @default true
     */
    readonly http2?: Truth;
    /** With tcp: where connections go. */
    readonly service?: Name;
    /** With tcp: name of the service's port; its first when absent. */
    readonly servicePort?: Text;
    /** With tcp: names of the Machines where connections go, instead of a service. */
    readonly machines?: readonly Name[];
    /** With machines: the port on which they are asked. */
    readonly machinePort?: Numeric;
  }[];
  /** Which service answers what. */
  readonly routes?: readonly {
    /** Host name, or *.domain; all hosts when absent. */
    readonly host?: Text;
    /**
     * Path prefix; the longest that fits wins.
     * @default "/"
     */
    readonly path?: Text;
    /** Name of the Service that answers. */
    readonly service?: Name;
    /** Name of the service's port; its first when absent. */
    readonly port?: Text;
    /** Names of the Machines that answer, instead of a service: those that take connections. */
    readonly machines?: readonly Name[];
    /** With machines: the port on which they are asked. */
    readonly machinePort?: Numeric;
    /**
     * Take the path prefix off before passing the request on.
     * @default false
     */
    readonly stripPrefix?: Truth;
    /**
     * How long an answer may take.
     * @default "60s"
     */
    readonly timeout?: Text;
    /** A client stays with one instance for as long as it is ready. */
    readonly sticky?: {
      /**
       * A cookie of the balancer's own, or the client's address.
       * @default "cookie"
       */
      readonly by?: OneOf<"cookie" | "address">;
      /**
       * Name of that cookie.
       * @default "tutti-instance"
       */
      readonly cookie?: Text;
    };
    /** More than that is answered with 429. */
    readonly rateLimit?: {
      /** How many requests a client may make in the period. */
      readonly requests: Numeric;
      /**
       * Length of the period.
       * @default "1s"
       */
      readonly period?: Text;
      /**
       * What tells clients apart: address, or header:<name>.
       * @default "address"
       */
      readonly by?: Text;
    };
    /** Headers set, added and removed. */
    readonly headers?: {
      /** On the way to the service. */
      readonly request?: HeaderRequest;
      /** On the way to the client. */
      readonly response?: HeaderRequest;
    };
    /** Checks by the balancer itself, beside the service's probes; of the first route to a service that has one. */
    readonly check?: {
      /**
       * Asked of each instance with GET; 200 to 399 is good.
       * @default "/"
       */
      readonly path?: Text;
      /**
       * Time between two checks.
       * @default "2s"
       */
      readonly period?: Text;
      /**
       * How long one may take.
       * @default "1s"
       */
      readonly timeout?: Text;
      /**
       * Failures in a row after which nothing is sent there.
       * @default 3
       */
      readonly failureThreshold?: Numeric;
      /**
       * Successes in a row after which it is again.
       * @default 2
       */
      readonly successThreshold?: Numeric;
    };
  }[];
  /**
   * How an instance is chosen.
   * @default "least-connections"
   */
  readonly algorithm?: OneOf<"least-connections" | "round-robin">;
  /**
   * How often a request that failed without an answer is tried on another instance.
   * @default 2
   */
  readonly retries?: Numeric;
  /**
   * How long a request waits when no instance is ready.
   * @default "10s"
   */
  readonly queue?: Text;
}

/** What a LoadBalancer puts out, for others to refer to. */
export interface LoadBalancerOutputs {
  /** URL of the first listener. */
  readonly url: Ref<string>;
  /** Address of the first listener. */
  readonly host: Ref<string>;
  /** Port of the first listener. */
  readonly port: Ref<number>;
}

/**
 * The way in: HTTP by host and path, WebSocket, TLS or plain TCP, over the ready instances of services, or machines.
 *
 * @example
 * loadBalancer("example", { routes: [ { path: "/api", service: "api" }, { service: "web" } ] });
 */
export const loadBalancer = remembering<Builder<LoadBalancerSpec, LoadBalancerOutputs>>(kinds.loadBalancer);

/** A place where things run: this machine, a Docker host, an LXD, a cluster, a region. */
export interface LocationSpec {
  /**
   * What kind of place it is.
   * @default "local"
   */
  readonly type?: OneOf<"local" | "docker" | "lxd">;
  /** Which class 'auto' means here, by kind, e.g. LoadBalancer: haproxy. */
  readonly classes?: Readonly<Record<string, Text>>;
  /** With type docker: which engine, and how to reach it. */
  readonly docker?: {
    /** Where the engine's API is: unix:///run/docker.sock (also Podman's), tcp://host:2376, ssh://user@host; $DOCKER_HOST or the usual socket when absent. */
    readonly endpoint?: Text;
    /** With tcp: certificates, as `docker --tlsverify` takes them. */
    readonly tls?: {
      /** Name of a Secret in the namespace default with ca.pem, cert.pem and key.pem. */
      readonly secret: Text;
    };
    /** With ssh: how to sign in; the agent of $SSH_AUTH_SOCK when absent. */
    readonly ssh?: {
      /** Name of a Secret in the namespace default with key and its passphrase (or password) and known_hosts; the host's key must be in it. */
      readonly secret: Text;
    };
    /** Under which its containers' ports are reached; the endpoint's host when absent. */
    readonly address?: Text;
    /** Image for services that name none: their command runs in it, with the folder of the declaration at its place. Made from this machine's own Node when absent. */
    readonly base?: Text;
    /** Image of each database engine, e.g. postgres: postgres:17. */
    readonly images?: Readonly<Record<string, Text>>;
  };
  /** With type lxd: which LXD, and how to reach it. */
  readonly lxd?: {
    /** Where LXD's API is: unix:///var/lib/lxd/unix.socket, https://host:8443; $LXD_DIR or the usual socket when absent. */
    readonly endpoint?: Text;
    /** With https: certificates. */
    readonly tls?: {
      /** Name of a Secret in the namespace default with server.pem (LXD's own certificate, or of who signed it), cert.pem and key.pem (which LXD trusts: `lxc config trust add cert.pem`). */
      readonly secret: Text;
    };
    /** LXD's project; default when absent. */
    readonly project?: Text;
    /** Storage pool of disks and volumes; `default`, or the only one, when absent. */
    readonly pool?: Text;
  };
  /** Where networks of class bridge are made. */
  readonly bridge?: {
    /** Where Open vSwitch's database is; unix:/var/run/openvswitch/db.sock when absent. */
    readonly database?: Text;
    /** Bridge of Open vSwitch that networks with a VLAN tag are made in; one of its own when absent. */
    readonly switch?: Text;
    /** Network namespace they are made in, as `ip netns` names it; the control plane's when absent. */
    readonly namespace?: Text;
  };
}

/** What a Location puts out, for others to refer to. */
export type LocationOutputs = Readonly<Record<never, never>>;

/**
 * A place where things run: this machine, a Docker host, an LXD, a cluster, a region.
 *
 * @example
 * location("example", { type: "docker", docker: { endpoint: "ssh://deploy@build-1.example.com" } });
 */
export const location = remembering<Builder<LocationSpec, LocationOutputs>>(kinds.location);

/** A machine of its own, booted from an image: with a disk, addresses and limits. */
export interface MachineSpec {
  /**
   * Which engine makes it; 'auto' takes the best that the location has.
   * Changing it means making the thing anew.
   * @default "auto"
   */
  readonly class?: Text;
  /**
   * Where it is: the name of a Location.
   * Changing it means making the thing anew.
   * @default "local"
   */
  readonly location?: Name;
  /** Addresses (kind/name) of what must be ready first. */
  readonly dependsOn?: readonly Name[];
  /** How it may come, change and go. */
  readonly lifecycle?: Lifecycle;
  /**
   * What it boots: an image of the place by its alias or fingerprint, or, of class lxd, one of a public server, e.g. images:alpine/3.20, ubuntu:24.04.
   * Changing it means making the thing anew.
   */
  readonly image?: Text;
  /**
   * What is on its disk at first, instead of an image.
   * Changing it means making the thing anew.
   */
  readonly from?: {
    /** Name of a MachineSnapshot. */
    readonly snapshot: Name;
  };
  /** Processors it may use, e.g. 2 or 500m; all when absent. */
  readonly cpu?: Text;
  /** Memory it may use, e.g. 512Mi; all when absent. */
  readonly memory?: Text;
  /** How much its own disk holds at most; may grow. */
  readonly disk?: Text;
  /** Networks it is on, in the order of its interfaces: eth0, eth1. */
  readonly networks?: readonly {
    /** Name of the Network. */
    readonly network: Name;
    /** Its address there; one is given when absent. */
    readonly address?: Text;
    /** Tag of the virtual network that its traffic belongs to. */
    readonly vlan?: Numeric;
  }[];
  /** Volumes it uses. */
  readonly volumes?: readonly {
    /** Name of the Volume. */
    readonly volume: Name;
    /** Where the machine sees it. */
    readonly path: Text;
  }[];
  /** Files it has before it is first started, and that stay as declared. */
  readonly files?: readonly {
    /** Where it is. */
    readonly path: Text;
    /** What is in it. */
    readonly content: Text;
    /**
     * Its permissions.
     * @default "0644"
     */
    readonly mode?: Text;
  }[];
  /** Environment of its init, of the command and of `tutti exec`. */
  readonly env?: Readonly<Record<string, Text | number | Ref<number> | boolean | Ref<boolean>>>;
  /** Run as root each time it has started, and again when it is changed; it must end with 0. What shall go on running puts itself in the background. */
  readonly command?: Text | readonly Text[];
  /**
   * Whether it runs or is stopped.
   * @default true
   */
  readonly running?: Truth;
}

/** What a Machine puts out, for others to refer to. */
export interface MachineOutputs {
  /** Its address on the first of its networks. */
  readonly address: Ref<string>;
  /** Its addresses, by network. */
  readonly addresses: Ref<string>;
  /** Name of the machine or member that it is on. */
  readonly host: Ref<string>;
  /** How it is called where it is; its host name. */
  readonly id: Ref<string>;
  /** Running, Stopped, or what else the place calls it. */
  readonly state: Ref<string>;
}

/**
 * A machine of its own, booted from an image: with a disk, addresses and limits.
 *
 * @example
 * machine("example", { location: "rack-7", image: "images:alpine/3.20", cpu: "1", memory: "256Mi", networks: [ { network: "lan", address: "10.1.0.10" } ] });
 */
export const machine = remembering<Builder<MachineSpec, MachineOutputs>>(kinds.machine);

/** What was on a Machine's own disk at one moment. */
export interface MachineSnapshotSpec {
  /**
   * Name of the Machine.
   * Changing it means making the thing anew.
   */
  readonly machine: Name;
}

/** What a MachineSnapshot puts out, for others to refer to. */
export type MachineSnapshotOutputs = Readonly<Record<never, never>>;

/**
 * What was on a Machine's own disk at one moment.
 *
 * @example
 * machineSnapshot("example", { machine: "web" });
 */
export const machineSnapshot = remembering<RequiredBuilder<MachineSnapshotSpec, MachineSnapshotOutputs>>(
  kinds.machineSnapshot,
);

/** Tunes what is monitored of a System; everything is monitored without one. */
export interface MonitorSpec {
  /**
   * Which engine makes it; 'auto' takes the best that the location has.
   * @default "auto"
   */
  readonly class?: Text;
  /**
   * Where it is: the name of a Location.
   * @default "local"
   */
  readonly location?: Name;
  /** Addresses (kind/name) of what must be ready first. */
  readonly dependsOn?: readonly Name[];
  /** How it may come, change and go. */
  readonly lifecycle?: Lifecycle;
  /** With class prometheus: one that is there already. It scrapes what /monitoring/http_sd of the control plane tells. */
  readonly server?: {
    /** Of the Prometheus: http://prometheus.example.com:9090. */
    readonly url: Text;
    /** Of its Alertmanager, which is told of silences; none when absent. */
    readonly alertmanagerUrl?: Text;
    /** Folder of this machine that its rule_files name: rules are written there. */
    readonly rules: Text;
  };
  /**
   * Time between two scrapes.
   * @default "5s"
   */
  readonly interval?: Text;
  /**
   * Who looks after it: the label tutti_owner of series and alerts.
   * @default ""
   */
  readonly owner?: Text;
  /**
   * What a runbook's address begins with; the alert's name in lower case follows.
   * @default "https://tutti.dev/docs/runbooks#"
   */
  readonly runbooks?: Text;
  /** When the generated rules raise alerts. */
  readonly thresholds?: {
    /**
     * Share of requests that fail.
     * @default 0.05
     */
    readonly errorRatio?: Numeric;
    /**
     * 99% of requests are faster than that.
     * @default "1s"
     */
    readonly latency?: Text;
    /**
     * Share of the limit that is used.
     * @default 0.9
     */
    readonly cpu?: Numeric;
    /**
     * Share of the limit that is used.
     * @default 0.9
     */
    readonly memory?: Numeric;
    /**
     * Share of the limit that is open.
     * @default 0.8
     */
    readonly fileDescriptors?: Numeric;
    /**
     * Share of a database's connections that is in use.
     * @default 0.8
     */
    readonly connections?: Numeric;
    /**
     * Slow queries a second.
     * @default 1
     */
    readonly slowQueries?: Numeric;
    /**
     * A disk will be full within that time.
     * @default "24h"
     */
    readonly diskFull?: Text;
    /**
     * A certificate ends within that time.
     * @default "7d"
     */
    readonly certificate?: Text;
    /**
     * Restarts of a service within 15 minutes.
     * @default 3
     */
    readonly restarts?: Numeric;
    /** Age of the last good backup; from the schedule when absent. */
    readonly backupAge?: Text;
    /**
     * Resources that wait for a controller.
     * @default 5000
     */
    readonly queueDepth?: Numeric;
    /**
     * 99% of commits of the control plane are faster than that.
     * @default "1s"
     */
    readonly commit?: Text;
  };
  /** Which rules are generated. */
  readonly rules?: {
    /** Names of alerts, addresses of resources (service/api), or both (service/api:ServiceSlow). */
    readonly disable?: readonly Text[];
  };
  /**
   * Availability that every route of a LoadBalancer is held to, in percent; none with null.
   * @default 99.9
   */
  readonly objective?: Numeric | null;
  /** More service level objectives. */
  readonly slos?: readonly {
    /** Name of the objective. */
    readonly name: Text;
    /** Percentage of good requests, e.g. 99.9. */
    readonly objective: Numeric;
    /**
     * Over how long.
     * @default "30d"
     */
    readonly window?: Text;
    /** Name of the Service whose requests count. */
    readonly service?: Name;
    /** Name of the LoadBalancer whose requests count. */
    readonly balancer?: Name;
    /** With a balancer: one of its routes, host and path; all when absent. */
    readonly route?: Text;
    /**
     * What is good.
     * @default {"availability":{}}
     */
    readonly indicator?: {
      /** Good is what is not answered with 5xx. */
      readonly availability?: {};
      /** Good is what is fast. */
      readonly latency?: {
        /** Good is what takes no longer; a bound of the balancer's histogram. */
        readonly threshold: Text;
      };
      /** What the application counts itself. */
      readonly ratio?: {
        /** PromQL of a counter of what was bad, without rate and range. */
        readonly errors: Text;
        /** PromQL of a counter of all. */
        readonly total: Text;
      };
    };
  }[];
  /** More to be scraped. */
  readonly targets?: readonly {
    /** The label job. */
    readonly name: Text;
    /** Where the metrics are. */
    readonly url?: Text;
    /** Name of a Service instead: each instance is a target. */
    readonly service?: Name;
    /** With a service: name of its port, or a number; its first when absent. */
    readonly port?: Text | number | Ref<number>;
    /**
     * With a service: where the metrics are.
     * @default "/metrics"
     */
    readonly path?: Text;
    /** Time between two scrapes. */
    readonly interval?: Text;
    /** Labels of every series. */
    readonly labels?: Readonly<Record<string, Text>>;
    /** Prometheus' metric_relabel_configs, as they are. */
    readonly metricRelabelConfigs?: readonly Readonly<Record<string, unknown>>[];
  }[];
  /** More to be probed. */
  readonly probes?: readonly {
    /** The label instance. */
    readonly name: Text;
    /** An HTTP request. */
    readonly http?: {
      /** What is asked with GET. */
      readonly url: Text;
      /** Good answers; 2xx when empty. */
      readonly status?: readonly Numeric[];
      /** A regular expression (RE2) that the answer's body must fit somewhere. */
      readonly body?: Text;
    };
    /** A TCP connection. */
    readonly tcp?: {
      /** host:port. */
      readonly address: Text;
    };
    /** A TLS connection; its certificates are looked at. */
    readonly tls?: {
      /** host:port. */
      readonly address: Text;
      /** Name asked for; the host when absent. */
      readonly serverName?: Text;
    };
    /**
     * Time between two probes.
     * @default "15s"
     */
    readonly interval?: Text;
    /**
     * How long one may take.
     * @default "5s"
     */
    readonly timeout?: Text;
  }[];
  /** An Alertmanager route tree, as it is; the Receivers' own routing when absent. */
  readonly route?: Readonly<Record<string, unknown>>;
  /** More Alertmanager inhibit_rules, as they are. */
  readonly inhibitRules?: readonly Readonly<Record<string, unknown>>[];
}

/** What a Monitor puts out, for others to refer to. */
export type MonitorOutputs = Readonly<Record<never, never>>;

/**
 * Tunes what is monitored of a System; everything is monitored without one.
 *
 * @example
 * monitor("example", { owner: "team-shop", thresholds: { latency: "300ms" }, slos: [ { name: "checkout", objective: 99.95, service: "api" } ] });
 */
export const monitor = remembering<Builder<MonitorSpec, MonitorOutputs>>(kinds.monitor);

/** A place for names; systems in different namespaces do not see each other. */
export interface NamespaceSpec {
  /** Who must let go of it before it goes, as Kubernetes has it. */
  readonly finalizers?: readonly Text[];
  /** Its share where steps of several namespaces want more slots than there are: 2 gets twice what 1 gets, and 1 is what each has that says nothing. */
  readonly weight?: Numeric;
}

/** What a Namespace puts out, for others to refer to. */
export type NamespaceOutputs = Readonly<Record<never, never>>;

/**
 * A place for names; systems in different namespaces do not see each other.
 *
 * @example
 * namespace("example", {});
 */
export const namespace = remembering<Builder<NamespaceSpec, NamespaceOutputs>>(kinds.namespace);

/** A network that instances share. */
export interface NetworkSpec {
  /**
   * Which engine makes it; 'auto' takes the best that the location has.
   * Changing it means making the thing anew.
   * @default "auto"
   */
  readonly class?: Text;
  /**
   * Where it is: the name of a Location.
   * Changing it means making the thing anew.
   * @default "local"
   */
  readonly location?: Name;
  /** Addresses (kind/name) of what must be ready first. */
  readonly dependsOn?: readonly Name[];
  /** How it may come, change and go. */
  readonly lifecycle?: Lifecycle;
  /** Address range, e.g. 10.1.0.0/24, where the class has addresses of its own. */
  readonly cidr?: Text;
  /** Tag of the virtual network (IEEE 802.1Q) that it is. */
  readonly vlan?: Numeric;
  /** Interfaces of the host that are put on it, e.g. eth1. */
  readonly interfaces?: readonly Text[];
}

/** What a Network puts out, for others to refer to. */
export interface NetworkOutputs {
  /** Address under which instances on it reach each other. */
  readonly host: Ref<string>;
  /** Of class bridge: the interface of the host by which others are put on it. */
  readonly bridge: Ref<string>;
  /** Of class bridge: the host's address on it. */
  readonly gateway: Ref<string>;
}

/**
 * A network that instances share.
 *
 * @example
 * network("example", {});
 */
export const network = remembering<Builder<NetworkSpec, NetworkOutputs>>(kinds.network);

/** What steps of workflows share: how many run at once, and how often one begins. */
export interface PoolSpec {
  /** What it protects, one sentence. */
  readonly description?: Text;
  /** Most steps at once; 0: none begins. No limit when absent. */
  readonly slots?: Numeric;
  /** How often a step begins, each attempt counted: {limit: 5, per: 1s}. */
  readonly rate?: {
    /** Most begins. */
    readonly limit: Numeric;
    /** Within any time of this length. */
    readonly per: Text;
  };
}

/** What a Pool puts out, for others to refer to. */
export type PoolOutputs = Readonly<Record<never, never>>;

/**
 * What steps of workflows share: how many run at once, and how often one begins.
 *
 * @example
 * pool("example", { description: "Connections of the ledger.", slots: 4, rate: { limit: 50, per: "1s" } });
 */
export const pool = remembering<Builder<PoolSpec, PoolOutputs>>(kinds.pool);

/** A Terraform provider with its configuration, by which Resources are made. */
export interface ProviderSpec {
  /**
   * Which engine makes it; 'auto' takes the best that the location has.
   * Changing it means making the thing anew.
   * @default "auto"
   */
  readonly class?: Text;
  /**
   * Where it is: the name of a Location.
   * Changing it means making the thing anew.
   * @default "local"
   */
  readonly location?: Name;
  /** Addresses (kind/name) of what must be ready first. */
  readonly dependsOn?: readonly Name[];
  /** How it may come, change and go. */
  readonly lifecycle?: Lifecycle;
  /**
   * Its address: hashicorp/random, or registry.example.com/acme/cloud.
   * Changing it means making the thing anew.
   */
  readonly source: Text;
  /** Which versions will do: 3.5.1, '>= 3.0, < 4.0', '~> 3.5'; the newest that is there when absent. */
  readonly version?: Text;
  /** Of the packages that are trusted, as in .terraform.lock.hcl; the one found first when absent. */
  readonly checksums?: readonly Text[];
  /** What the provider is configured with; secrets and references may stand in it. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** What a Provider puts out, for others to refer to. */
export interface ProviderOutputs {
  /** The version that was chosen. */
  readonly version: Ref<string>;
}

/**
 * A Terraform provider with its configuration, by which Resources are made.
 *
 * @example
 * provider("example", { source: "hashicorp/random", version: "~> 3.5" });
 */
export const provider = remembering<RequiredBuilder<ProviderSpec, ProviderOutputs>>(kinds.provider);

/** Whom alerts are told, how, and which of them. */
export interface ReceiverSpec {
  /** An HTTP POST in Alertmanager's format. */
  readonly webhook?: {
    /** Where the message is sent, in Alertmanager's JSON. */
    readonly url: Text;
    /** How the address is asked. */
    readonly httpConfig?: HttpConfig;
    /**
     * How many alerts a message holds at most; 0 for all.
     * @default 0
     */
    readonly maxAlerts?: Numeric;
    /** How long it may take. */
    readonly timeout?: Text;
  };
  /** A message in Slack's format. */
  readonly slack?: {
    /** The incoming webhook. */
    readonly apiUrl: Text;
    /** Channel or user. */
    readonly channel?: Text;
    /** Name that the message is from. */
    readonly username?: Text;
    /** Colour of the bar; a template. */
    readonly color?: Text;
    /** A template. */
    readonly title?: Text;
    /** A template. */
    readonly titleLink?: Text;
    /** A template. */
    readonly pretext?: Text;
    /** A template. */
    readonly text?: Text;
    /** A template. */
    readonly fallback?: Text;
    /** A template. */
    readonly footer?: Text;
    /** For example ':bell:'. */
    readonly iconEmoji?: Text;
    /** How the address is asked. */
    readonly httpConfig?: HttpConfig;
  };
  /** A mail over SMTP. */
  readonly email?: {
    /** Addresses, with commas between them. */
    readonly to: Text;
    /** Address of the sender. */
    readonly from: Text;
    /** host:port of the SMTP server. */
    readonly smarthost: Text;
    /** Name given to the server. */
    readonly hello?: Text;
    /** User at the server. */
    readonly authUsername?: Text;
    /** Password at the server. */
    readonly authPassword?: Text;
    /**
     * Send over TLS only.
     * @default true
     */
    readonly requireTls?: Truth;
    /** More headers, such as Subject; templates. */
    readonly headers?: Readonly<Record<string, Text>>;
    /** A template. */
    readonly html?: Text;
    /** A template. */
    readonly text?: Text;
  };
  /** An event for PagerDuty (Events API v2). */
  readonly pagerduty?: {
    /** Integration key (Events API v2). */
    readonly routingKey: Text;
    /** Where events are sent; PagerDuty when absent. */
    readonly url?: Text;
    /** Who says so; a template. */
    readonly client?: Text;
    /** A template. */
    readonly clientUrl?: Text;
    /** A template. */
    readonly description?: Text;
    /** A template. */
    readonly severity?: Text;
    /** A template. */
    readonly class?: Text;
    /** A template. */
    readonly component?: Text;
    /** A template. */
    readonly group?: Text;
    /** More to say; templates. */
    readonly details?: Readonly<Record<string, Text>>;
    /** How the address is asked. */
    readonly httpConfig?: HttpConfig;
  };
  /** A program, run where the control plane runs. */
  readonly command?: {
    /** The program; the message is its input, in Alertmanager's JSON. */
    readonly command: readonly Text[];
    /** Environment variables. */
    readonly env?: Readonly<Record<string, Text>>;
    /**
     * How long it may take.
     * @default "30s"
     */
    readonly timeout?: Text;
  };
  /** A run of a workflow. */
  readonly workflow?: {
    /** Name of the workflow; a run for each message. */
    readonly name: Text;
    /** Further parameters: the message is the parameter 'notification'. */
    readonly input?: Readonly<Record<string, unknown>>;
  };
  /**
   * Tell also what is over.
   * @default true
   */
  readonly sendResolved?: Truth;
  /** Which alerts, in Alertmanager's notation: severity="critical"; all when empty. */
  readonly matchers?: readonly Text[];
  /**
   * Labels; alerts that have the same values of them come in one message.
   * @default ["alertname","tutti_system"]
   */
  readonly groupBy?: readonly Text[];
  /**
   * How long to wait for others before the first message.
   * @default "10s"
   */
  readonly groupWait?: Text;
  /**
   * Time between two messages of a group that has changed.
   * @default "1m"
   */
  readonly groupInterval?: Text;
  /**
   * Time after which a message is sent again.
   * @default "4h"
   */
  readonly repeatInterval?: Text;
  /**
   * Whether other receivers are told as well.
   * @default true
   */
  readonly continue?: Truth;
}

/** What a Receiver puts out, for others to refer to. */
export type ReceiverOutputs = Readonly<Record<never, never>>;

/**
 * Whom alerts are told, how, and which of them.
 *
 * @example
 * receiver("example", { webhook: { url: "https://hooks.example.com/alerts" }, matchers: [ "severity=\"critical\"" ] });
 */
export const receiver = remembering<Builder<ReceiverSpec, ReceiverOutputs>>(kinds.receiver);

/** A thing of no kind of its own: what a Terraform provider makes, or, of class data, values that pass through the graph. */
export interface ResourceSpec {
  /**
   * Which engine makes it; 'auto' takes the best that the location has.
   * Changing it means making the thing anew.
   * @default "auto"
   */
  readonly class?: Text;
  /**
   * Where it is: the name of a Location.
   * Changing it means making the thing anew.
   * @default "local"
   */
  readonly location?: Name;
  /** Addresses (kind/name) of what must be ready first. */
  readonly dependsOn?: readonly Name[];
  /** How it may come, change and go. */
  readonly lifecycle?: Lifecycle;
  /**
   * Of class terraform: the name of a Provider, or a source that needs no configuration: hashicorp/random.
   * Changing it means making the thing anew.
   */
  readonly provider?: Name;
  /**
   * Of class terraform: the provider's type, e.g. random_password.
   * Changing it means making the thing anew.
   */
  readonly type?: Text;
  /**
   * Of class terraform: a data source, which is read and never made.
   * Changing it means making the thing anew.
   * @default false
   */
  readonly data?: Truth;
  /** What it is made from. Of class data: any values; they come out as status.output. Of class terraform: the type's attributes and blocks. Of a tool: its settings. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Of a class that is made from files (terraform-module, ansible, kustomize): what they hold. Filled in when a plan is made, so that other files are a change. */
  readonly digest?: Text;
  /**
   * Any value; when it changes, the thing is made anew.
   * Changing it means making the thing anew.
   */
  readonly replaceOn?: unknown;
}

/** What a Resource puts out, for others to refer to. */
export interface ResourceOutputs {
  /** What it is called where it is; another one when it has been made anew. */
  readonly id: Ref<string>;
  /** What it yields: of class data its config, of class terraform its attributes, of a tool its outputs. */
  readonly output: Ref<string>;
}

/**
 * A thing of no kind of its own: what a Terraform provider makes, or, of class data, values that pass through the graph.
 *
 * @example
 * resource("example", { class: "data", config: { region: "berlin" } });
 */
export const resource = remembering<Builder<ResourceSpec, ResourceOutputs>>(kinds.resource);

/** As many resources as a value has members; the value may become known only later. */
export interface ResourceSetSpec {
  /** A number (keys from 0), a list of names or of objects with a name, or a mapping; or an expression that gives one: ${network.main.status.subnets}. */
  readonly forEach:
    | Text
    | number
    | Ref<number>
    | readonly (Text | number | Ref<number> | Readonly<Record<string, unknown>>)[]
    | Readonly<Record<string, unknown>>;
  /** What each member is. */
  readonly template: {
    /** Kind of the members. */
    readonly kind: Text;
    readonly metadata?: {
      /** Of each member. */
      readonly labels?: Readonly<Record<string, Text>>;
      /** Of each member. */
      readonly annotations?: Readonly<Record<string, Text>>;
    };
    /** Of each member; ${each.key} and ${each.value...} are what it stands for. */
    readonly spec?: unknown;
  };
}

/** What a ResourceSet puts out, for others to refer to. */
export interface ResourceSetOutputs {
  /** Names of the members. */
  readonly members: Ref<string>;
}

/**
 * As many resources as a value has members; the value may become known only later.
 *
 * @example
 * resourceSet("example", { forEach: [ "berlin", "paris" ], template: { kind: "Resource", spec: { config: { city: "${each.key}" } } } });
 */
export const resourceSet = remembering<RequiredBuilder<ResourceSetSpec, ResourceSetOutputs>>(
  kinds.resourceSet,
);

/** When, and upon what, runs of a Workflow start. */
export interface ScheduleSpec {
  /** Name of the Workflow. */
  readonly workflow: Name;
  /** Of each run. ${event...} is what started it: event.time, or what a trigger saw. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** When: the times of all of them together. */
  readonly rules?: readonly (
    | {
        /** Five or six fields, or a word such as @daily. */
        readonly cron: Text;
      }
    | {
        /** At an even distance, whatever clocks are changed to. */
        readonly every: Text;
        /** An instant that it counts from; 1970 when absent. */
        readonly anchor?: Text;
      }
    | {
        /** Lines of a recurrence set of RFC 5545: DTSTART, RRULE, RDATE, EXDATE. */
        readonly recurrence: Text;
      }
  )[];
  /**
   * An IANA name, such as Europe/Berlin.
   * @default "UTC"
   */
  readonly timeZone?: Text;
  /** No time before it. */
  readonly start?: Text;
  /** No time at or after it. */
  readonly end?: Text;
  /** On which days. */
  readonly calendars?: {
    /** Only days that are in one of these calendars. */
    readonly include?: readonly Text[];
    /** No day that is in one of these. */
    readonly exclude?: readonly Text[];
    /** What becomes of a time on a day that is not taken: none, or the next or previous day that is. */
    readonly shift?: OneOf<"skip" | "next" | "previous">;
    /** Calendars by name. */
    readonly define?: Readonly<
      Record<
        string,
        {
          /** Every such day; all when neither these nor dates are given. */
          readonly weekdays?: readonly OneOf<"MO" | "TU" | "WE" | "TH" | "FR" | "SA" | "SU">[];
          /** And these days. */
          readonly dates?: readonly (
            | {
                /** For example the holiday's. */
                readonly name?: Text;
                /** One day. */
                readonly date: Text;
              }
            | {
                /** For example the holiday's. */
                readonly name?: Text;
                /** A day of each year. */
                readonly annual: Text;
              }
            | DefineDate
            | {
                /** For example the holiday's. */
                readonly name?: Text;
                /** Days after Easter Sunday, before it when negative. */
                readonly easter: Numeric;
              }
            | {
                /** For example the holiday's. */
                readonly name?: Text;
                /** Lines of a recurrence set: DTSTART, RRULE, RDATE, EXDATE. */
                readonly recurrence: Text;
              }
          )[];
          /** But not these, such as holidays. */
          readonly except?: readonly (
            | {
                /** For example the holiday's. */
                readonly name?: Text;
                /** One day. */
                readonly date: Text;
              }
            | {
                /** For example the holiday's. */
                readonly name?: Text;
                /** A day of each year. */
                readonly annual: Text;
              }
            | DefineDate
            | {
                /** For example the holiday's. */
                readonly name?: Text;
                /** Days after Easter Sunday, before it when negative. */
                readonly easter: Numeric;
              }
            | {
                /** For example the holiday's. */
                readonly name?: Text;
                /** Lines of a recurrence set: DTSTART, RRULE, RDATE, EXDATE. */
                readonly recurrence: Text;
              }
          )[];
        }
      >
    >;
    /** A ConfigMap with further calendars: under each name one, in YAML or JSON. */
    readonly configMap?: Name;
  };
  /** What becomes of a time that the clock jumps over when it is put forward. */
  readonly gap?: OneOf<"skip" | "next" | "before" | "shift">;
  /** Which of two times, when the clock is put back, one that shows twice is. */
  readonly overlap?: OneOf<"first" | "second" | "both">;
  /** Start a little later, so that not everything starts at once. */
  readonly jitter?: {
    /** So much at most. */
    readonly upTo: Text;
    /**
     * Another for each time, or always the same.
     * @default "time"
     */
    readonly per?: OneOf<"time" | "schedule">;
  };
  /**
   * Times that passed while the control plane was down.
   * @default {"run":"last","atMost":10}
   */
  readonly missed?: {
    /**
     * Which of them are made up.
     * @default "last"
     */
    readonly run?: OneOf<"none" | "last" | "all">;
    /**
     * With all: the latest so many.
     * @default 10
     */
    readonly atMost?: Numeric;
    /** Nothing older than that. */
    readonly notOlderThan?: Text;
  };
  /**
   * A start no later than that is on time, not missed.
   * @default "1m"
   */
  readonly grace?: Text;
  /**
   * When a run is due while others of the schedule still run.
   * @default {"policy":"queue","room":1,"queueLimit":100}
   */
  readonly concurrency?: {
    /**
     * While its runs still run: start, wait, do nothing, or cancel them.
     * @default "queue"
     */
    readonly policy?: OneOf<"allow" | "queue" | "skip" | "cancel">;
    /**
     * With queue and skip: so many at once.
     * @default 1
     */
    readonly room?: Numeric;
    /**
     * Of more the oldest are skipped.
     * @default 100
     */
    readonly queueLimit?: Numeric;
  };
  /**
   * Start nothing. Times meanwhile are not made up.
   * @default false
   */
  readonly suspend?: Truth;
  /** By when a run is to be done; past that it is late, and an alert says why. */
  readonly deadline?:
    | {
        /** The next time that the clock shows this. */
        readonly time: Text;
      }
    | {
        /** So long after its nominal time. */
        readonly after: Text;
      };
  /** What starts runs beside the clock. */
  readonly triggers?: readonly (
    | {
        /** Unique within the schedule; part of the names of its runs. */
        readonly name: Text;
        /** CEL on event; what it is false for starts nothing. */
        readonly when?: Text;
        /** A signed POST to /hooks/NAMESPACE/SCHEDULE/TRIGGER: each delivery starts one run only. */
        readonly webhook: {
          /** Name of a Secret whose 'key' signs what is sent (HMAC-SHA256). */
          readonly secret: Name;
          /**
           * standard: as standardwebhooks.com says, webhook-id, webhook-timestamp and webhook-signature. github: as GitHub, Gitea and others, x-hub-signature-256 over the body and x-github-delivery.
           * @default "standard"
           */
          readonly style?: OneOf<"standard" | "github">;
          /**
           * With standard: how old, or how far ahead, a timestamp may be.
           * @default "5m"
           */
          readonly tolerance?: Text;
        };
      }
    | {
        /** Unique within the schedule; part of the names of its runs. */
        readonly name: Text;
        /** CEL on event; what it is false for starts nothing. */
        readonly when?: Text;
        /** Files that come into a directory: each starts one run only. */
        readonly file: {
          /** Relative to the folder of the declaration. */
          readonly directory: Text;
          /**
           * A glob below it: *.csv, **\/*.json.
           * @default "*"
           */
          readonly pattern?: Text;
          /**
           * changed: a file whose content changes counts again.
           * @default "new"
           */
          readonly on?: OneOf<"new" | "changed">;
          /**
           * A file counts once it has not changed for so long.
           * @default "1s"
           */
          readonly settle?: Text;
          /**
           * How often is looked.
           * @default "2s"
           */
          readonly interval?: Text;
        };
      }
    | {
        /** Unique within the schedule; part of the names of its runs. */
        readonly name: Text;
        /** CEL on event; what it is false for starts nothing. */
        readonly when?: Text;
        /** A resource and a condition of it: service/api Ready=False. Starts a run when it becomes so. */
        readonly condition: Text;
      }
    | {
        /** Unique within the schedule; part of the names of its runs. */
        readonly name: Text;
        /** CEL on event; what it is false for starts nothing. */
        readonly when?: Text;
        /** An alert that begins to fire. */
        readonly alert: {
          /** Labels that it has, alertname among them. */
          readonly labels?: Readonly<Record<string, Text>>;
          /**
           * When it begins, or when it is over.
           * @default "firing"
           */
          readonly on?: OneOf<"firing" | "resolved">;
        };
      }
    | {
        /** Unique within the schedule; part of the names of its runs. */
        readonly name: Text;
        /** CEL on event; what it is false for starts nothing. */
        readonly when?: Text;
        /** The end of a run of another workflow. */
        readonly workflow: {
          /** Name of the Workflow. */
          readonly name: Text;
          /**
           * How its run ended.
           * @default ["Succeeded"]
           */
          readonly phases?: readonly OneOf<"Succeeded" | "Failed" | "Cancelled">[];
        };
      }
  )[];
}

/** What a Schedule puts out, for others to refer to. */
export type ScheduleOutputs = Readonly<Record<never, never>>;

/**
 * When, and upon what, runs of a Workflow start.
 *
 * @example
 * schedule("example", { workflow: "nightly", rules: [ { cron: "0 3 * * MON-FRI" } ], timeZone: "Europe/Berlin", calendars: { exclude: [ "holidays" ], define: { holidays: { dates: [ { annual: "12-25", name: "Christmas" } ] } } }, deadline: { time: "06:00" } });
 */
export const schedule = remembering<RequiredBuilder<ScheduleSpec, ScheduleOutputs>>(kinds.schedule);

/** Values that are stored encrypted, referred to by name and never printed. */
export interface SecretSpec {
  /**
   * What kind of secret it is.
   * @default "Opaque"
   */
  readonly type?: Text;
  /** Names and values in base64. */
  readonly data?: Readonly<Record<string, Text>>;
  /** Names and values as they are. */
  readonly stringData?: Readonly<Record<string, Text>>;
  /** Values to be made up at random, once, when there is none of that name yet. */
  readonly generate?: Readonly<
    Record<
      string,
      {
        /** @default 32 */
        readonly length?: Numeric;
      }
    >
  >;
  /** Refuse changes of the data. */
  readonly immutable?: Truth;
}

/**
 * Values that are stored encrypted, referred to by name and never printed.
 *
 * @example
 * secret("example", { stringData: { key: "from-the-vault" } });
 */
export const secret = remembering<KeyedBuilder<SecretSpec>>(kinds.secret);

/** A program that runs in a number of equal copies, kept alive, rolled out without a failed request. */
export interface ServiceSpec {
  /**
   * Which engine makes it; 'auto' takes the best that the location has.
   * @default "auto"
   */
  readonly class?: Text;
  /**
   * Where it is: the name of a Location.
   * @default "local"
   */
  readonly location?: Name;
  /** Addresses (kind/name) of what must be ready first. */
  readonly dependsOn?: readonly Name[];
  /** How it may come, change and go. */
  readonly lifecycle?: Lifecycle;
  /**
   * How many instances.
   * @default 1
   */
  readonly replicas?: Numeric;
  /** Instances that are alive but worse than their siblings are replaced. */
  readonly outliers?: {
    /**
     * Whether instances are compared at all.
     * @default true
     */
    readonly enabled?: Truth;
    /**
     * Asked less often in ten seconds, it is not judged.
     * @default 20
     */
    readonly requests?: Numeric;
    /**
     * Failing that share of its requests is bad, if its siblings do better.
     * @default "50%"
     */
    readonly errors?: Text;
    /**
     * As many times the time of its siblings is slow.
     * @default 3
     */
    readonly factor?: Numeric;
    /**
     * Faster than this is never slow.
     * @default "100ms"
     */
    readonly slower?: Text;
    /**
     * How many of the instances may be out at once; one always may.
     * @default "34%"
     */
    readonly maxShare?: Text;
    /**
     * How long one that was taken out is kept, without traffic, to be looked at; a replacement starts at once.
     * @default "0s"
     */
    readonly keep?: Text;
  };
  /** How many instances, by what is measured; spec.replicas is then what it has come to. */
  readonly autoscale?: {
    /**
     * Never fewer. With 0 it has no instance while nobody needs it.
     * @default 1
     */
    readonly minReplicas?: Numeric;
    /** Never more. */
    readonly maxReplicas: Numeric;
    /** What is looked at; the one that asks for most counts. 70% of the cpu when absent, with what waits at the balancers added. With none, only schedules and signals count. */
    readonly metrics?: readonly {
      /** Which of the members below says the rest. */
      readonly type: OneOf<
        "Resource" | "Pods" | "Object" | "External" | "Requests" | "Latency" | "Queue" | "Query"
      >;
      /** Use of each instance. Utilization is of spec.resources; of cpu, one core where there is no limit. */
      readonly resource?: {
        /** What is used. */
        readonly name: OneOf<"cpu" | "memory">;
        /** What is aimed at. */
        readonly target: Target;
      };
      /** A metric that every instance has; its average is compared. */
      readonly pods?: {
        readonly metric: {
          /** Name of the metric. */
          readonly name: Text;
          /** Which series of it. */
          readonly selector?: {
            /** Labels that the series have. */
            readonly matchLabels?: Readonly<Record<string, Text>>;
          };
        };
        /** What is aimed at. */
        readonly target: Target;
      };
      /** A metric of another resource. */
      readonly object?: {
        /** What the metric is of, in the same namespace. */
        readonly describedObject: {
          /** Its kind. */
          readonly kind: Text;
          /** Its name. */
          readonly name: Text;
          /** Not looked at. */
          readonly apiVersion?: Text;
        };
        readonly metric: {
          /** Name of the metric. */
          readonly name: Text;
          /** Which series of it. */
          readonly selector?: {
            /** Labels that the series have. */
            readonly matchLabels?: Readonly<Record<string, Text>>;
          };
        };
        /** What is aimed at. */
        readonly target: Target;
      };
      /** A metric of whatever is observed; series are added up. */
      readonly external?: {
        readonly metric: {
          /** Name of the metric. */
          readonly name: Text;
          /** Which series of it. */
          readonly selector?: {
            /** Labels that the series have. */
            readonly matchLabels?: Readonly<Record<string, Text>>;
          };
        };
        /** What is aimed at. */
        readonly target: Target;
      };
      /** Requests that come to the service by its balancers, those that wait included. */
      readonly requests?: {
        /** For each instance. */
        readonly perSecond: Numeric;
      };
      /** Time to answer, as the balancers see it. */
      readonly latency?: {
        /**
         * Of the requests in the last seconds.
         * @default 0.95
         */
        readonly quantile?: Numeric;
        /** How long an answer may take. */
        readonly target: Text;
      };
      /** Work that waits. Seen also while there is no instance. */
      readonly queue?: {
        /** PromQL: how much there is to do, as one number. */
        readonly query: Text;
        /** For each instance. */
        readonly target: number | Ref<number> | Text;
      };
      /** Whatever can be asked. Seen also while there is no instance. */
      readonly query?: {
        /** PromQL; series are added up. */
        readonly expression: Text;
        /** What is aimed at. */
        readonly target: Target;
      };
    }[];
    /** How fast, and how sure. */
    readonly behavior?: {
      /** How it becomes more. */
      readonly scaleUp?: {
        /**
         * Of what was recommended in so many seconds the most cautious counts.
         * @default 0
         */
        readonly stabilizationWindowSeconds?: Numeric;
        /**
         * The policy that allows most or least; Disabled: never in this direction.
         * @default "Max"
         */
        readonly selectPolicy?: OneOf<"Max" | "Min" | "Disabled">;
        /** How fast. */
        readonly policies?: readonly Policy[];
        /**
         * How far a measurement may be from its target, as a share of it, before anything is done.
         * @default 0.1
         */
        readonly tolerance?: Numeric;
      };
      /** How it becomes less. */
      readonly scaleDown?: {
        /**
         * Of what was recommended in so many seconds the most cautious counts.
         * @default 300
         */
        readonly stabilizationWindowSeconds?: Numeric;
        /**
         * The policy that allows most or least; Disabled: never in this direction.
         * @default "Max"
         */
        readonly selectPolicy?: OneOf<"Max" | "Min" | "Disabled">;
        /**
         * How fast.
         * @default [{"type":"Percent","value":100,"periodSeconds":15}]
         */
        readonly policies?: readonly Policy[];
        /**
         * How far a measurement may be from its target, as a share of it, before anything is done.
         * @default 0.1
         */
        readonly tolerance?: Numeric;
      };
    };
    /**
     * With minReplicas 0: without anything to do for so long, the last instance goes.
     * @default "5m"
     */
    readonly idleAfter?: Text;
    /** What holds at certain times. */
    readonly schedules?: readonly {
      /** What it is called in events. */
      readonly name?: Text;
      /** Cron expression: when it begins to hold, e.g. '0 8 * * 1-5'. */
      readonly start: Text;
      /** Cron expression: when it ends, e.g. '0 18 * * 1-5'. */
      readonly end: Text;
      /**
       * IANA name, e.g. Europe/Berlin.
       * @default "UTC"
       */
      readonly timeZone?: Text;
      /** Exactly so many meanwhile. */
      readonly replicas?: Numeric;
      /** At least so many meanwhile. */
      readonly minReplicas?: Numeric;
      /** At most so many meanwhile. */
      readonly maxReplicas?: Numeric;
    }[];
    /** What monitoring tools may say: more while something lasts, back when it is over. */
    readonly signals?: readonly {
      /** What the sender calls it: for Alertmanager the alert's name. */
      readonly name: Text;
      /** So many more while it lasts; 1 when nothing is said. */
      readonly step?: Numeric;
      /** Or at least so many while it lasts. */
      readonly replicas?: Numeric;
      /**
       * It ends by itself when it has not been repeated for so long.
       * @default "1h"
       */
      readonly expires?: Text;
    }[];
    /** Be ready before a load that comes every day or week. */
    readonly predictive?: {
      /**
       * Whether it is done.
       * @default true
       */
      readonly enabled?: Truth;
      /**
       * What repeats itself; auto takes what fits better, if anything fits.
       * @default "auto"
       */
      readonly pattern?: OneOf<"daily" | "weekly" | "auto">;
      /**
       * How far ahead, beyond the time that an instance takes to start.
       * @default "1m"
       */
      readonly lookahead?: Text;
      /** Foresight alone never makes it more than so many. */
      readonly maxReplicas?: Numeric;
    };
  };
  /** The program: a list is run as it is, with $(NAME) replaced from the environment; a text is run by the shell. With an image, what the image says when absent. */
  readonly command?: Text | readonly Text[];
  /**
   * Where it runs, relative to the folder of the declaration; with an image, relative to the image's own.
   * @default "."
   */
  readonly workingDirectory?: Text;
  /** Environment variables. */
  readonly env?: Readonly<Record<string, Text | number | Ref<number> | boolean | Ref<boolean>>>;
  /** Ports that each instance listens on. */
  readonly ports?: readonly {
    /** Name of the port; the first one is given to the program as PORT, others as PORT_<NAME>. */
    readonly name: Text;
    /** A fixed number; chosen for each instance when absent. */
    readonly port?: Numeric;
    /**
     * What is spoken on it.
     * @default "http"
     */
    readonly protocol?: OneOf<"http" | "tcp">;
  }[];
  /** Volumes that the instances use. */
  readonly volumes?: readonly {
    /** Name of a Volume. */
    readonly volume: Name;
    /** Where the instance sees it: with the class process, the path is given in VOLUME_<NAME>. */
    readonly path: Text;
  }[];
  /** Networks that the instances are on. */
  readonly networks?: readonly Name[];
  /** The OCI image, e.g. registry.example.com/shop/api:1.4; pinned by its digest in the Revision. */
  readonly image?: Text;
  /** The exact image; filled in when a plan is made, so that a tag that moved shows in the plan. */
  readonly digest?: Text;
  /** How the image is fetched. */
  readonly pull?: {
    /**
     * When the image is fetched from its registry.
     * @default "missing"
     */
    readonly policy?: OneOf<"missing" | "always" | "never">;
    /** Name of a Secret with username and password for the registry. */
    readonly secret?: Name;
  };
  /** Build the image from a folder; `image`, if given, is what the result is called. */
  readonly build?: {
    /**
     * Folder that is sent, relative to the declaration.
     * @default "."
     */
    readonly context?: Text;
    /**
     * Relative to that folder.
     * @default "Dockerfile"
     */
    readonly dockerfile?: Text;
    /** Stage to stop at. */
    readonly target?: Text;
    /** Build arguments. */
    readonly args?: Readonly<Record<string, Text>>;
  };
  /** Who the program runs as, user[:group], by name or number. */
  readonly user?: Text;
  /** Linux capabilities. */
  readonly capabilities?: {
    /** Linux capabilities it gets beside the usual, e.g. NET_ADMIN. */
    readonly add?: readonly Text[];
    /** Those it does not get; ALL for none. */
    readonly drop?: readonly Text[];
  };
  /** Nothing but volumes and tmpfs can be written. */
  readonly readOnlyRoot?: Truth;
  /** How many GPUs each instance gets, or all. */
  readonly gpus?: "all" | Numeric;
  /** Where the engine writes logs; a rotated file when absent. */
  readonly logging?: {
    /** Log driver of the engine, e.g. json-file, journald, syslog. */
    readonly driver: Text;
    /** The driver's options. */
    readonly options?: Readonly<Record<string, Text>>;
  };
  /** Labels of the containers, for other tools. */
  readonly labels?: Readonly<Record<string, Text>>;
  /** Names of the instances on their networks, beside the service's own. */
  readonly aliases?: readonly Text[];
  /** Folders in memory, gone with the instance. */
  readonly tmpfs?: readonly {
    /** Where it is seen. */
    readonly path: Text;
    /** Most that it holds, e.g. 64Mi. */
    readonly size?: Text;
  }[];
  /** Files that each instance gets, secrets among them; never written to a disk in the open. */
  readonly files?: readonly {
    /** Where it is seen. */
    readonly path: Text;
    /** What is in it, e.g. ${secret.stripe.key}. */
    readonly content: Text;
    /**
     * Its permissions.
     * @default "0400"
     */
    readonly mode?: Text;
  }[];
  /** Containers that run to their end, one after the other, before the program starts. */
  readonly init?: readonly Init[];
  /** Containers that run beside the program, on its network, started before and stopped after it. */
  readonly sidecars?: readonly Init[];
  /** How to tell whether an instance is well. */
  readonly probes?: {
    /** Until it succeeds the other probes wait. */
    readonly startup?: Startup;
    /** While it fails the instance gets no traffic. A TCP connection to the first port when absent. */
    readonly readiness?: Startup;
    /** When it fails the instance is replaced. */
    readonly liveness?: Startup;
  };
  /** Limits of each instance, enforced where the location can. */
  readonly resources?: {
    /** Cores, e.g. 500m. */
    readonly cpu?: Text;
    /** Bytes, e.g. 256Mi. */
    readonly memory?: Text;
  };
  /**
   * How an instance is stopped: out of the balancer, drained, asked to end, killed.
   * @default {"signal":"SIGTERM","grace":"10s","drain":"10s"}
   */
  readonly stop?: {
    /**
     * Asks the program to end.
     * @default "SIGTERM"
     */
    readonly signal?: OneOf<"SIGTERM" | "SIGINT" | "SIGQUIT" | "SIGHUP">;
    /**
     * Time from that signal to SIGKILL.
     * @default "10s"
     */
    readonly grace?: Text;
    /**
     * How long running requests may go on before that signal.
     * @default "10s"
     */
    readonly drain?: Text;
  };
  /** How a change reaches the instances. */
  readonly rollout?: {
    /**
     * How new instances take over from old ones.
     * @default "rolling"
     */
    readonly strategy?: OneOf<"rolling" | "blue-green" | "canary">;
    /**
     * How many instances there may be above the replicas.
     * @default "25%"
     */
    readonly maxSurge?: number | Ref<number> | Text;
    /**
     * How many of the replicas may be missing meanwhile.
     * @default 0
     */
    readonly maxUnavailable?: number | Ref<number> | Text;
    /** How long an instance must stay ready to count; 0s, or 500ms where nothing about it is probed. */
    readonly minReady?: Text;
    /**
     * Without progress for this long the rollout has failed.
     * @default "60s"
     */
    readonly progressDeadline?: Text;
    /**
     * Go back to the last good template when a rollout fails.
     * @default true
     */
    readonly rollback?: Truth;
    /**
     * Steps of a canary rollout; the rest follows after the last.
     * @default [{"share":"10%","pause":"30s"}]
     */
    readonly canary?: readonly {
      /** How many of the replicas are new at this step. */
      readonly share: number | Ref<number> | Text;
      /**
       * How long to watch before the next step.
       * @default "30s"
       */
      readonly pause?: Text;
    }[];
  };
  /** What happens when the program ends. */
  readonly restart?: {
    /**
     * Which ends are answered with a new instance.
     * @default "always"
     */
    readonly policy?: OneOf<"always" | "on-failure" | "never">;
    /**
     * First delay when instances crash again and again; it doubles.
     * @default "1s"
     */
    readonly backoff?: Text;
    /**
     * Longest delay.
     * @default "5m"
     */
    readonly maxBackoff?: Text;
  };
  /** Metrics that the program exposes, in Prometheus' format. */
  readonly metrics?: {
    /** Name of the port; the first when absent. */
    readonly port?: Text;
    /**
     * Where they are.
     * @default "/metrics"
     */
    readonly path?: Text;
    /** Time between two scrapes; the Monitor's when absent. */
    readonly interval?: Text;
  };
}

/** What a Service puts out, for others to refer to. */
export interface ServiceOutputs {
  /** How many instances there are. */
  readonly replicas: Ref<number>;
}

/**
 * A program that runs in a number of equal copies, kept alive, rolled out without a failed request.
 *
 * @example
 * service("example", { command: "node server.js", replicas: 3, ports: [ { name: "http" } ], env: { DATABASE_URL: "${database.orders.status.url}" } });
 */
export const service = remembering<Builder<ServiceSpec, ServiceOutputs>>(kinds.service);

/** Alerts that nobody is told of for a time. */
export interface SilenceSpec {
  /** Which alerts: those whose labels fit all of them. */
  readonly matchers: readonly {
    /** Name of the label. */
    readonly name: Text;
    /** Its value, or a regular expression (RE2) for all of it. */
    readonly value: Text;
    /**
     * Whether the value is a regular expression.
     * @default false
     */
    readonly isRegex?: Truth;
    /**
     * False turns the matcher round.
     * @default true
     */
    readonly isEqual?: Truth;
  }[];
  /** When it begins; when it is made, if absent. */
  readonly startsAt?: Text;
  /** When it ends. */
  readonly endsAt?: Text;
  /** How long it lasts, instead of 'endsAt'. */
  readonly duration?: Text;
  /**
   * Who wants it.
   * @default ""
   */
  readonly createdBy?: Text;
  /**
   * Why.
   * @default ""
   */
  readonly comment?: Text;
}

/** What a Silence puts out, for others to refer to. */
export type SilenceOutputs = Readonly<Record<never, never>>;

/**
 * Alerts that nobody is told of for a time.
 *
 * @example
 * silence("example", { matchers: [ { name: "tutti_resource", value: "service/api" } ], duration: "2h", createdBy: "maria", comment: "The new index is being built." });
 */
export const silence = remembering<RequiredBuilder<SilenceSpec, SilenceOutputs>>(kinds.silence);

/** Files that outlive the instances using them. */
export interface VolumeSpec {
  /**
   * Which engine makes it; 'auto' takes the best that the location has.
   * Changing it means making the thing anew.
   * @default "auto"
   */
  readonly class?: Text;
  /**
   * Where it is: the name of a Location.
   * Changing it means making the thing anew.
   * @default "local"
   */
  readonly location?: Name;
  /** Addresses (kind/name) of what must be ready first. */
  readonly dependsOn?: readonly Name[];
  /** How it may come, change and go. */
  readonly lifecycle?: Lifecycle;
  /** How much it holds at most; may grow, where the class can resize. */
  readonly size?: Text;
  /**
   * What is in it at first; empty when absent.
   * Changing it means making the thing anew.
   */
  readonly from?: {
    /** Name of a VolumeSnapshot. */
    readonly snapshot?: Name;
    /** Name of another Volume, copied as it is when this one is made. */
    readonly volume?: Name;
  };
  /**
   * What is there already and is to become this volume: a folder, or an engine's own volume by name.
   * Changing it means making the thing anew.
   */
  readonly adopt?: Text;
  /**
   * Keep the data when the resource is deleted; a later declaration of the same name finds it again.
   * @default false
   */
  readonly retain?: Truth;
}

/** What a Volume puts out, for others to refer to. */
export interface VolumeOutputs {
  /** Folder of the volume. */
  readonly path: Ref<string>;
}

/**
 * Files that outlive the instances using them.
 *
 * @example
 * volume("example", { retain: true });
 */
export const volume = remembering<Builder<VolumeSpec, VolumeOutputs>>(kinds.volume);

/** What was in a Volume at one moment. */
export interface VolumeSnapshotSpec {
  /**
   * Name of the Volume.
   * Changing it means making the thing anew.
   */
  readonly volume: Name;
}

/** What a VolumeSnapshot puts out, for others to refer to. */
export type VolumeSnapshotOutputs = Readonly<Record<never, never>>;

/**
 * What was in a Volume at one moment.
 *
 * @example
 * volumeSnapshot("example", { volume: "uploads" });
 */
export const volumeSnapshot = remembering<RequiredBuilder<VolumeSnapshotSpec, VolumeSnapshotOutputs>>(
  kinds.volumeSnapshot,
);

/** Steps that run in order, durably. */
export interface WorkflowSpec {
  /** What it is for, one sentence. */
  readonly description?: Text;
  /** The first of the states; absent, steps run as soon as their needs are done. */
  readonly start?: Text;
  /** By name; what each is, its type says. */
  readonly steps?: Readonly<
    Record<
      string,
      | (StepFields & {
          readonly type: "function";
          readonly handler: Text;
          readonly input?: unknown;
        })
      | (StepFields & {
          readonly environment?: Readonly<Record<string, Text>>;
          readonly grace?: Text;
          readonly image?: Text;
          readonly class?: Text;
          readonly location?: Text;
          readonly directory?: Text;
          readonly resources?: {
            readonly cpu?: Text;
            readonly memory?: Text;
          };
          readonly type: "run";
          readonly command: readonly Text[];
          readonly user?: Text;
          readonly volumes?: readonly {
            readonly volume: Text;
            readonly path: Text;
          }[];
          readonly networks?: readonly Text[];
          readonly input?: unknown;
          readonly output?: OneOf<"none" | "text" | "json" | "lines">;
          readonly files?: Readonly<
            Record<
              string,
              {
                readonly path: Text;
                readonly format?: OneOf<"text" | "json">;
              }
            >
          >;
          readonly exitCodes?: {
            readonly success?: readonly Numeric[];
            readonly retryable?: readonly Numeric[];
            readonly terminal?: readonly Numeric[];
          };
        })
      | (StepFields & {
          readonly type: "http";
          readonly url: Text;
          readonly method?: Text;
          readonly headers?: Readonly<Record<string, Text>>;
          readonly body?: unknown;
          readonly expect?: readonly Numeric[];
          readonly redirects?: Numeric;
        })
      | (StepFields & {
          readonly type: "approval";
          readonly title?: Text;
          readonly subject: unknown;
          readonly form?: Readonly<Record<string, unknown>> | Truth;
          readonly assignees?: readonly Text[];
          readonly quorum?: Numeric;
          readonly chain?: readonly {
            readonly name?: Text;
            readonly users?: readonly Text[];
            readonly groups?: readonly Text[];
            readonly quorum?: Numeric;
          }[];
          readonly order?: OneOf<"sequence" | "any">;
          readonly delegate?: readonly {
            readonly from: Text;
            readonly to: Text;
            readonly until?: Text;
          }[];
          readonly expires?: Text;
          readonly onExpire?: OneOf<"deny" | "approve" | "escalate">;
          readonly escalate?: {
            readonly name?: Text;
            readonly users?: readonly Text[];
            readonly groups?: readonly Text[];
            readonly quorum?: Numeric;
            readonly expires?: Text;
          };
        })
      | (StepFields & {
          readonly type: "apply";
          readonly system: Text;
          readonly namespace?: Text;
          readonly from?: Text;
          readonly resources?: readonly Readonly<Record<string, unknown>>[];
          readonly revision?: number | Ref<number> | Text;
          readonly parameters?: Readonly<Record<string, unknown>>;
          readonly dryRun?: Truth;
          readonly plan?: Text;
          readonly wait?: Truth;
        })
      | (StepFields & {
          readonly type: "scale";
          readonly target: Text;
          readonly replicas?: number | Ref<number> | Text;
          readonly by?: number | Ref<number> | Text;
        })
      | (StepFields & {
          readonly type: "resource";
          readonly action: OneOf<"create" | "apply" | "delete" | "list">;
          readonly manifest?: Readonly<Record<string, unknown>>;
          readonly target?: Text;
          readonly kind?: Text;
          readonly labels?: Readonly<Record<string, Text>>;
          readonly namespace?: Text;
          readonly until?: Text;
          readonly failOn?: readonly Text[];
        })
      | (StepFields & {
          readonly environment?: Readonly<Record<string, Text>>;
          readonly grace?: Text;
          readonly type: "terraform";
          readonly directory: Text;
          readonly action: OneOf<"plan" | "apply" | "destroy" | "output">;
          readonly plan?: Text;
          readonly variables?: Readonly<Record<string, unknown>>;
          readonly backend?: Readonly<Record<string, Text>>;
          readonly workspace?: Text;
          readonly lockTimeout?: Text;
        })
      | (StepFields & {
          readonly environment?: Readonly<Record<string, Text>>;
          readonly grace?: Text;
          readonly type: "ansible";
          readonly playbook: Text;
          readonly directory?: Text;
          readonly inventory?: Text | Readonly<Record<string, unknown>>;
          readonly variables?: Readonly<Record<string, unknown>>;
          readonly tags?: readonly Text[];
          readonly limit?: Text;
          readonly check?: Truth;
        })
      | (StepFields & {
          readonly type: "workflow";
          readonly workflow: Text;
          readonly version?: Text;
          readonly input?: unknown;
        })
      | (StepFields & {
          readonly type: "wait";
          readonly duration?: Text;
          readonly until?: Text;
          readonly signal?: Text;
          readonly condition?: Text;
          /** A scope within: steps, and what else the workflow itself has of start, output and finally. */
          readonly token?: Readonly<Record<string, unknown>>;
        })
      | (StepFields & {
          readonly type: "map";
          readonly items?: unknown;
          readonly itemsFrom?: {
            readonly path: Text;
            readonly format?: OneOf<"json" | "json-lines" | "csv">;
          };
          /** A scope within: steps, and what else the workflow itself has of start, output and finally. */
          readonly body: Readonly<Record<string, unknown>>;
          readonly concurrency?: Numeric;
          readonly batch?: Numeric;
          readonly tolerated?: Numeric;
          readonly toleratedPercentage?: Numeric;
        })
      | (StepFields & {
          readonly type: "parallel";
          readonly branches: readonly Readonly<Record<string, unknown>>[];
          readonly concurrency?: Numeric;
        })
      | {
          readonly type: "choice";
          readonly choices: readonly {
            readonly when: Text;
            readonly next: Text;
          }[];
          readonly default?: Text;
        }
      | (Pick<StepFields, "needs" | "when" | "next" | "expected"> & {
          readonly type: "pass";
          readonly output?: unknown;
        })
      | (Pick<StepFields, "needs" | "when"> & {
          readonly type: "fail";
          readonly error: Text;
          readonly message?: Text;
        })
      | {
          readonly type: "succeed";
          readonly output?: unknown;
        }
    >
  >;
  /** What a run gives; the results of its steps when absent. */
  readonly output?: unknown;
  /** Steps that run at the end, however the run ended. */
  readonly finally?: Readonly<Record<string, unknown>>;
  /** JSON Schema of the parameters, which are an object. */
  readonly parameters?: Readonly<Record<string, unknown>> | Truth;
  /** JSON Schema of the output. */
  readonly results?: Readonly<Record<string, unknown>> | Truth;
  /** Longest time of a run, from start to end. */
  readonly timeout?: Text;
  /** What runs instead of steps: a definition in a dialect. */
  readonly program?: {
    /** For example states-language or argo. */
    readonly dialect: Text;
    /** In the words of the dialect. */
    readonly definition: unknown;
  };
  /** Module whose exports are the handlers of function steps; relative to the folder of the declaration. */
  readonly handlers?: Text;
  /** Most runs of it at once, with a key for each of its values: {limit: 1, key: '${param.tenant}'}; further ones wait in a queue. */
  readonly concurrency?:
    | Numeric
    | {
        readonly limit: Numeric;
        readonly key?: Text;
      };
  /**
   * Of its runs' steps where slots are scarce; higher goes first.
   * @default 0
   */
  readonly priority?: Numeric;
  /**
   * Which ended runs are kept, with their journals and logs. Cancelled ones count as failed.
   * @default {"succeeded":100,"failed":"30d"}
   */
  readonly keep?: {
    /**
     * The newest so many, or those that ended within this time.
     * @default 100
     */
    readonly succeeded?: number | Ref<number> | Text;
    /**
     * The newest so many, or those that ended within this time.
     * @default "30d"
     */
    readonly failed?: number | Ref<number> | Text;
  };
}

/** What a Workflow puts out, for others to refer to. */
export type WorkflowOutputs = Readonly<Record<never, never>>;

/**
 * Steps that run in order, durably.
 *
 * @example
 * workflow("example", { parameters: { type: "object", properties: { name: { type: "string" } } }, steps: { greet: { type: "run", command: [ "echo", "hello ${param.name}" ] }, pause: { type: "wait", duration: "1s", needs: [ "greet" ] } } });
 */
export const workflow = remembering<Builder<WorkflowSpec, WorkflowOutputs>>(kinds.workflow);
