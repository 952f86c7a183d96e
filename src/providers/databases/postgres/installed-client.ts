/** PostgreSQL's client programs of one major version, where the system has them: pg_dump, pg_restore. */
import { run } from "../run.ts";

export interface ClientProgram {
  readonly path: string;
  readonly version: string;
}

export async function clientProgram(name: string, major: string): Promise<ClientProgram | undefined> {
  const folders = [`/usr/lib/postgresql/${major}/bin`, `/usr/pgsql-${major}/bin`];
  const searched = (process.env["PATH"] ?? "").split(":").filter((folder) => folder.startsWith("/"));
  for (const folder of [...folders, ...searched]) {
    const path = `${folder}/${name}`;
    const said = await run([path, "--version"]);
    const version =
      said.kind === "ended" && said.code === 0 ? /\d+(\.\d+)?/.exec(said.output)?.[0] : undefined;
    if (version?.split(".")[0] === major) return { path, version };
  }
  return undefined;
}
