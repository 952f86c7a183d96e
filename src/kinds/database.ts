import { z } from "zod";
import { defineKind, output } from "./kind.ts";
import { checkDatabase } from "./database-check.ts";
import { baseStatus, classOf, duration, portNumber, provisioned, retain } from "./fields.ts";

const backup = z
  .strictObject({
    schedule: z
      .string()
      .optional()
      .describe("When, as a cron expression in UTC, e.g. '0 3 * * *'; only on request when absent."),
    keep: z.int().min(1).default(7).describe("How many good ones are kept."),
    verify: z
      .boolean()
      .default(true)
      .describe("Restore each into a scratch database and compare checksums before it counts as good."),
    archive: z
      .boolean()
      .default(false)
      .describe("Keep the write-ahead log as well, so that any moment can be restored.")
      .meta({ needs: "point-in-time recovery" }),
    folder: z.string().optional().describe("Where backups go, absolute; the state folder when absent."),
  })
  .describe("Backups.");

const server = z.strictObject({
  host: z.string().describe("Host of the server, or the folder of its socket."),
  port: portNumber.optional().describe("Its port; the engine's usual one when absent."),
  user: z.string().describe("A user who may make databases and users."),
  password: z
    .string()
    .optional()
    .meta({ secret: true })
    .describe("Its password, e.g. ${secret.admin.password}."),
  tls: z.boolean().default(false).describe("Connect with TLS and check the server's certificate."),
});

/** A database with a user of its own. */
export const database = defineKind({
  kind: "Database",
  holds: "the data",
  plural: "databases",
  shortNames: ["db"],
  categories: ["all"],
  description: "A database with a user and a generated password of its own.",
  body: z.strictObject({
    spec: z
      .strictObject({
        ...provisioned,
        engine: z
          .enum(["postgres", "mariadb", "redis"])
          .default("postgres")
          .describe("Which database system.")
          .meta({ immutable: true, needs: { mariadb: "mariadb", redis: "redis" } }),
        version: z
          .string()
          .optional()
          .describe("Major version, e.g. '17'; what is there when absent.")
          .meta({ immutable: true, needs: "versions" }),
        image: z
          .string()
          .optional()
          .describe(
            "The image it runs from, whatever `version` says; the location's or the engine's own when absent.",
          )
          .meta({ needs: "images" }),
        server: server
          .optional()
          .describe("With class external: the server that exists.")
          .meta({ needs: "existing servers" }),
        extensions: z
          .array(z.string())
          .optional()
          .describe("Extensions to be there, e.g. pg_trgm.")
          .meta({ needs: "extensions", unordered: true }),
        users: z
          .array(
            z.strictObject({
              name: z.string().describe("Name of the user."),
              access: z
                .enum(["read", "write", "owner"])
                .default("read")
                .describe("What it may do with everything in the database, now and later."),
            }),
          )
          .optional()
          .describe(
            "More users, each with a generated password: `status.users` has their URLs, in the order given here.",
          )
          .meta({ needs: "more users" }),
        rotate: duration
          .optional()
          .describe("How old a password may become; only on request (`tutti db rotate`) when absent.")
          .meta({ needs: "rotation" }),
        backup: backup
          .optional()
          .describe("When backups are made and how many are kept.")
          .meta({ needs: "backups" }),
        restore: z
          .strictObject({
            // Names, not references: what it began from may go, and it stays as it is.
            backup: z.string().optional().describe("Name of the Backup."),
            database: z.string().optional().describe("With `at`: the Database whose archive it is."),
            at: z.string().optional().describe("A moment in RFC 3339, for point-in-time recovery."),
          })
          .optional()
          .describe(
            "What is in it at first: a backup, or another database as it was at a moment. Means nothing once it is made.",
          )
          .meta({ needs: "backups" }),
        database: z
          .string()
          .optional()
          .describe("Name of the database; the resource's name when absent.")
          .meta({ immutable: true, nameWhenAbsent: true }),
        user: z
          .string()
          .optional()
          .describe("Name of the user; the resource's name when absent.")
          .meta({ immutable: true, nameWhenAbsent: true }),
        port: portNumber
          .optional()
          .describe("A fixed port; chosen when absent. With class external: `server.port`."),
        settings: z
          .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
          .default({})
          .describe(
            "Server settings such as max_connections; not with class external, whose server is somebody else's.",
          ),
        retain,
      })
      .prefault({}),
  }),
  status: z.object({
    ...baseStatus,
    host: z.string().optional(),
    port: z.int().optional(),
    database: z.string().optional(),
    user: z.string().optional(),
    /** Sealed. */
    password: z.string().optional(),
    /** Sealed: it holds the password. */
    url: z.string().optional(),
    /** Of spec.users, in their order; `user` is the login in force. Password and URL are sealed. */
    users: z
      .array(z.object({ name: z.string(), user: z.string(), password: z.string(), url: z.string() }))
      .optional(),
    engine: z.string().optional(),
    folder: z.string().optional(),
    /** When the password in force was made, milliseconds since the epoch; which rotation was asked for last. */
    rotatedAt: z.int().optional(),
    rotation: z.string().optional(),
    lastBackup: z.string().optional(),
    /** By what it was adopted; absent of what was made. */
    adopted: z.string().optional(),
  }),
  outputs: {
    url: output("url", "Connection URL with user and password.", { secret: true }),
    host: output("host", "Host to connect to."),
    port: output<number>("port", "Port to connect to."),
    user: output("user", "User name."),
    password: output("password", "Password.", { secret: true }),
    database: output("database", "Name of the database."),
  },
  columns: [
    {
      name: "ENGINE",
      type: "string",
      value: (resource) => String(resource.status?.["engine"] ?? resource.spec?.["engine"]),
    },
    { name: "CLASS", type: "string", value: classOf },
    { name: "PORT", type: "string", value: (resource) => String(resource.status?.["port"] ?? "") },
  ],
  check: ({ spec }) => checkDatabase(spec ?? {}),
  example: { spec: { engine: "postgres", retain: true } },
});
