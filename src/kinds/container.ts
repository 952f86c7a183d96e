/** What a container is beside a program: the fields of a Service that only classes with containers understand. */
import { z } from "zod";
import { quantity } from "./fields.ts";

const environment = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a name of letters, digits and _"),
  z.union([z.string(), z.number(), z.boolean()]).meta({ secret: true }),
);

const command = z.union([z.string().min(1), z.array(z.string()).min(1)]);

const absolutePath = z.string().startsWith("/", "must be an absolute path");

const beside = {
  name: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
    .describe("Name of the container."),
  image: z.string().optional().describe("Its image; the service's own when absent."),
  command: command.optional().describe("What it runs; what the image says when absent."),
  env: environment.default({}).describe("Environment variables, beside those of the service."),
};

export const container = {
  image: z
    .string()
    .min(1)
    .optional()
    .describe("The OCI image, e.g. registry.example.com/shop/api:1.4; pinned by its digest in the Revision.")
    .meta({ needs: "images" }),
  digest: z
    .string()
    .optional()
    .describe("The exact image; filled in when a plan is made, so that a tag that moved shows in the plan.")
    .meta({ needs: "images" }),
  pull: z
    .strictObject({
      policy: z
        .enum(["missing", "always", "never"])
        .default("missing")
        .describe("When the image is fetched from its registry."),
      secret: z
        .string()
        .meta({ references: "Secret" })
        .optional()
        .describe("Name of a Secret with username and password for the registry."),
    })
    .optional()
    .describe("How the image is fetched.")
    .meta({ needs: "images" }),
  build: z
    .strictObject({
      context: z.string().default(".").describe("Folder that is sent, relative to the declaration."),
      dockerfile: z.string().default("Dockerfile").describe("Relative to that folder."),
      target: z.string().optional().describe("Stage to stop at."),
      args: z.record(z.string(), z.string()).default({}).describe("Build arguments."),
    })
    .optional()
    .describe("Build the image from a folder; `image`, if given, is what the result is called.")
    .meta({ needs: "builds" }),
  user: z
    .string()
    .optional()
    .describe("Who the program runs as, user[:group], by name or number.")
    .meta({ needs: "users" }),
  capabilities: z
    .strictObject({
      add: z
        .array(z.string())
        .default([])
        .describe("Linux capabilities it gets beside the usual, e.g. NET_ADMIN."),
      drop: z.array(z.string()).default([]).describe("Those it does not get; ALL for none."),
    })
    .optional()
    .describe("Linux capabilities.")
    .meta({ needs: "capabilities" }),
  readOnlyRoot: z
    .boolean()
    .optional()
    .describe("Nothing but volumes and tmpfs can be written.")
    .meta({ needs: "read-only root" }),
  gpus: z
    .union([z.literal("all"), z.int().min(1)])
    .optional()
    .describe("How many GPUs each instance gets, or all.")
    .meta({ needs: "gpus" }),
  logging: z
    .strictObject({
      driver: z.string().describe("Log driver of the engine, e.g. json-file, journald, syslog."),
      options: z.record(z.string(), z.string()).default({}).describe("The driver's options."),
    })
    .optional()
    .describe("Where the engine writes logs; a rotated file when absent.")
    .meta({ needs: "log drivers" }),
  labels: z
    .record(z.string(), z.string())
    .optional()
    .describe("Labels of the containers, for other tools.")
    .meta({ needs: "container labels" }),
  aliases: z
    .array(z.string())
    .optional()
    .describe("Names of the instances on their networks, beside the service's own.")
    .meta({ needs: "aliases" }),
  tmpfs: z
    .array(
      z.strictObject({
        path: absolutePath.describe("Where it is seen."),
        size: quantity.optional().describe("Most that it holds, e.g. 64Mi."),
      }),
    )
    .optional()
    .describe("Folders in memory, gone with the instance.")
    .meta({ needs: "tmpfs" }),
  files: z
    .array(
      z.strictObject({
        path: absolutePath.describe("Where it is seen."),
        content: z.string().meta({ secret: true }).describe("What is in it, e.g. ${secret.stripe.key}."),
        mode: z
          .string()
          .regex(/^0?[0-7]{3}$/)
          .default("0400")
          .describe("Its permissions."),
      }),
    )
    .optional()
    .describe("Files that each instance gets, secrets among them; never written to a disk in the open.")
    .meta({ needs: "files" }),
  init: z
    .array(z.strictObject(beside))
    .optional()
    .describe("Containers that run to their end, one after the other, before the program starts.")
    .meta({ needs: "init containers" }),
  sidecars: z
    .array(z.strictObject(beside))
    .optional()
    .describe("Containers that run beside the program, on its network, started before and stopped after it.")
    .meta({ needs: "sidecars" }),
};
