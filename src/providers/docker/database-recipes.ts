/** How each database system is run from an image that follows the conventions of the official ones. */
import type { DatabaseEngine } from "../../provider/database-server.ts";

export type Settings = Readonly<Record<string, string | number | boolean>>;

export interface Listening {
  readonly port: number;
  /** The address to listen on; all when undefined. */
  readonly address: string | undefined;
}

export interface Recipe {
  readonly title: string;
  readonly image: string;
  /** The first user, who may do everything. */
  readonly user: string;
  /** Where the image keeps the data. */
  readonly data: string;
  /** Of the container; `passwordFile`: where the first user's password stands. */
  env(passwordFile: string): Readonly<Record<string, string>>;
  command(listening: Listening, settings: Settings): readonly string[];
  /** Settings that are not for a declaration to say. */
  readonly ours: readonly string[];
  /** Ends it orderly, whoever is connected. */
  readonly stopSignal: string;
}

export const recipes: Readonly<Record<DatabaseEngine, Recipe>> = {
  postgres: {
    title: "PostgreSQL",
    image: "postgres:17",
    user: "postgres",
    // Not where the images declare a volume: that differs between versions.
    data: "/var/lib/tutti",
    env: (passwordFile) => ({
      POSTGRES_PASSWORD_FILE: passwordFile,
      PGDATA: "/var/lib/tutti/data",
      // By itself initdb lets anybody in who comes from the machine.
      POSTGRES_INITDB_ARGS: "--auth=scram-sha-256",
    }),
    command: ({ port, address = "*" }, settings) =>
      assignments({ ...settings, port, listen_addresses: address }).flatMap((one) => ["-c", one]),
    ours: ["port", "listen_addresses", "data_directory", "hba_file", "config_file"],
    stopSignal: "SIGINT",
  },
  mariadb: {
    title: "MariaDB",
    image: "mariadb:11.4",
    user: "root",
    data: "/var/lib/mysql",
    env: (passwordFile) => ({
      MARIADB_ROOT_PASSWORD_FILE: passwordFile,
      // Images of before 10.6, and MySQL's.
      MYSQL_ROOT_PASSWORD_FILE: passwordFile,
    }),
    command: ({ port, address = "*" }, settings) =>
      assignments({ ...settings, port, "bind-address": address }).map((one) => `--${one}`),
    ours: ["port", "bind_address", "datadir", "skip_networking", "skip_grant_tables"],
    stopSignal: "SIGTERM",
  },
  redis: {
    title: "Redis",
    image: "redis:7",
    user: "default",
    data: "/data",
    env: () => ({}),
    command: ({ port, address = "*" }, settings) =>
      Object.entries({
        appendonly: "yes",
        ...settings,
        port,
        bind: address,
        dir: "/data",
        aclfile: `/data/${ACL_FILE}`,
        "protected-mode": "no",
      }).flatMap(([name, value]) => [`--${name}`, written(value)]),
    ours: ["port", "bind", "dir", "aclfile", "requirepass", "user", "protected-mode"],
    stopSignal: "SIGTERM",
  },
};

/** Redis' users, beside its data: it keeps there what is changed while it runs (ACL SAVE). */
export const ACL_FILE = "users.acl";

function assignments(settings: Settings): readonly string[] {
  return Object.entries(settings).map(([name, value]) => `${name}=${written(value)}`);
}

function written(value: string | number | boolean): string {
  return typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
}
