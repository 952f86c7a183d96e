import { join } from "node:path";
import { DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import { archiveSettings } from "./archive.ts";

/** What stands in the configuration files of an embedded cluster. */
export interface ClusterSettings {
  readonly port: number;
  /** Any setting of postgresql.conf by name; those Tutti sets itself are refused. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Folder of the archive of its log; none is kept when absent. */
  readonly archive?: string;
}

export const includedFile = "tutti.conf";
/** A Unix socket's path, end included, must fit into this many bytes (107 and a zero on Linux; 103 on darwin). */
const longestSocketPath = 103;
const ours: ReadonlySet<string> = new Set([
  "port",
  "listen_addresses",
  "unix_socket_directories",
  "data_directory",
  "hba_file",
  "ident_file",
  "external_pid_file",
  "config_file",
  "logging_collector",
  "password_encryption",
]);

/** Only passwords, only from this machine. */
export const hostBasedAuthentication = [
  "# Written by Tutti: passwords only, this machine only.",
  "local all all scram-sha-256",
  "host all all 127.0.0.1/32 scram-sha-256",
  "host all all ::1/128 scram-sha-256",
  "",
].join("\n");

/** @throws DiagnosticError for a setting that is not one, or that belongs to Tutti. */
export function renderSettings(dataFolder: string, options: ClusterSettings): string {
  const refused = Object.keys(options.settings ?? {}).filter(
    (name) => ours.has(name) || !/^[a-z_][a-z0-9_.]*$/i.test(name),
  );
  if (refused.length > 0) {
    throw new DiagnosticError(
      refused.map((name) => ({
        severity: "error",
        code: ours.has(name) ? "SettingReserved" : "SettingNameInvalid",
        path: `settings.${name}`,
        message: ours.has(name)
          ? `The setting '${name}' is set by Tutti.`
          : `'${name}' is no name of a PostgreSQL setting.`,
        hint: "Remove it.",
      })),
    );
  }
  const socket =
    Buffer.byteLength(join(dataFolder, ".s.PGSQL.65535.lock")) <= longestSocketPath ? dataFolder : "";
  const all = {
    listen_addresses: "127.0.0.1",
    port: options.port,
    unix_socket_directories: socket === "" ? "" : quotedFolder(socket),
    password_encryption: "scram-sha-256",
    log_line_prefix: "%m [%p] ",
    ...options.settings,
    ...(options.archive === undefined ? {} : archiveSettings(options.archive)),
  };
  return `# Written by Tutti before every start.\n${Object.entries(all)
    .map(([name, value]) => `${name} = ${quoted(value)}\n`)
    .join("")}`;
}

function quoted(value: string | number | boolean): string {
  return `'${String(value).replaceAll("\\", "\\\\").replaceAll("'", "''").replaceAll("\n", "\\n")}'`;
}

/** The value is a list: a folder with a comma or a space in its name is one entry only in double quotes. */
function quotedFolder(folder: string): string {
  return `"${folder.replaceAll('"', '""')}"`;
}
