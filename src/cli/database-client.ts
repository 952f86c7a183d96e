/** The interactive client of a database's engine, on this machine. It is signed in by its environment: no argument holds a secret. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { Resource } from "../model/resource.ts";
import type { CommandContext } from "./context.ts";
import { CommandFailure, EXIT, type ExitCode } from "./exit.ts";

interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly engine: string;
  readonly tls: boolean;
}

interface Client {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Debian package. */
  readonly package: string;
}

/** Resolves with its exit code. */
export async function runClient(
  context: CommandContext,
  database: Resource,
  words: readonly string[],
): Promise<ExitCode> {
  const connection = connectionOf(database);
  const client = clientFor(connection);
  const { stdin, stdout, stderr, env } = context.environment;
  const isInteractive = stdin.isTTY === true && stdout.isTTY === true;
  const child = spawn(client.program, [...client.args, ...words], {
    stdio: isInteractive ? "inherit" : "pipe",
    env: { ...env, ...client.env },
  });
  // Ctrl-C is for the client: it cancels a statement there.
  if (isInteractive) context.listenToInterrupts();
  child.stdout?.on("data", (bytes: Buffer) => stdout.write(bytes));
  child.stderr?.on("data", (bytes: Buffer) => stderr.write(bytes));
  const { stdin: input } = child;
  if (input !== null) {
    input.on("error", () => {}); // it ended without reading
    void (async () => {
      for await (const chunk of stdin) input.write(chunk);
      input.end();
    })();
  }
  try {
    return await new Promise<ExitCode>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) =>
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
      );
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new CommandFailure(
      EXIT.failed,
      `${client.program} is not installed on this machine.`,
      `Install the Debian package ${client.package}.`,
    );
  } finally {
    stdin.unref?.();
  }
}

function connectionOf({ status, spec, metadata }: Resource): Connection {
  const { host, port, user, password, database, engine } = (status ?? {}) as Readonly<
    Record<string, unknown>
  >;
  const { server } = (spec ?? {}) as { readonly server?: { readonly tls?: boolean } };
  if (typeof password !== "string" || typeof host !== "string")
    throw new CommandFailure(
      EXIT.failed,
      `database/${metadata.name} has no address yet.`,
      `See: tutti describe database/${metadata.name}`,
    );
  return {
    host,
    port: Number(port),
    user: String(user),
    password,
    database: String(database),
    engine: String(engine),
    tls: server?.tls === true,
  };
}

function clientFor({ host, port, user, password, database, engine, tls }: Connection): Client {
  if (engine === "mariadb")
    return {
      program: "mariadb",
      args: [
        `--host=${host}`,
        `--port=${port}`,
        `--user=${user}`,
        ...(tls ? ["--ssl-verify-server-cert"] : []),
        database,
      ],
      env: { MYSQL_PWD: password },
      package: "mariadb-client",
    };
  if (engine === "redis")
    return {
      program: "redis-cli",
      args: ["-h", host, "-p", String(port), "--user", user, ...(tls ? ["--tls"] : [])],
      env: { REDISCLI_AUTH: password },
      package: "redis-tools",
    };
  return {
    program: "psql",
    args: [],
    env: {
      PGHOST: host,
      PGPORT: String(port),
      PGUSER: user,
      PGPASSWORD: password,
      PGDATABASE: database,
      ...(tls ? { PGSSLMODE: "verify-full" } : {}),
    },
    package: "postgresql-client",
  };
}
