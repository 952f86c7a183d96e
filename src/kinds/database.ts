import { z } from "zod";
import { defineKind, output } from "./kind.ts";
import { baseStatus, portNumber, provisioned, retain } from "./fields.ts";

/** A database with a user of its own. */
export const database = defineKind({
  kind: "Database",
  plural: "databases",
  shortNames: ["db"],
  categories: ["all"],
  description: "A database with a user and a generated password of its own.",
  body: z.strictObject({
    spec: z
      .strictObject({
        ...provisioned,
        engine: z
          .enum(["postgres"])
          .default("postgres")
          .describe("Which database system.")
          .meta({ immutable: true }),
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
        port: portNumber.optional().describe("A fixed port; chosen when absent."),
        settings: z
          .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
          .default({})
          .describe("Server settings such as max_connections."),
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
    engine: z.string().optional(),
    folder: z.string().optional(),
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
    { name: "CLASS", type: "string", value: (resource) => String(resource.spec?.["class"]) },
    { name: "PORT", type: "string", value: (resource) => String(resource.status?.["port"] ?? "") },
  ],
  example: { spec: { engine: "postgres", retain: true } },
});
