/** Which databases a PostgreSQL server has, and whether more may be made there. */
import type { ServerAccess } from "../../../provider/database-server.ts";
import type { PresentDatabase } from "../engine.ts";
import { markIn } from "../marks.ts";
import { quoted, withConnection } from "./database.ts";

/** The size of one to which the user may not connect is not told. */
export function list(access: ServerAccess): Promise<readonly PresentDatabase[]> {
  return withConnection(access, "postgres", async (sql) => {
    const rows = await sql<{ name: string; owner: string; comment: string | null; size: string | null }[]>`
      select datname as name, pg_get_userbyid(datdba) as owner, shobj_description(oid, 'pg_database') as comment,
        case when has_database_privilege(oid, 'connect') then pg_size_pretty(pg_database_size(oid)) end as size
      from pg_database where not datistemplate and datallowconn and datname <> 'postgres' order by datname`;
    return rows.map(({ name, owner, comment, size }) => {
      const mark = markIn(comment);
      return {
        name,
        owner,
        ...(mark === undefined ? {} : { mark }),
        description: [
          "PostgreSQL database",
          ...(size === null ? [] : [size]),
          `owned by the role ${owner}`,
        ].join(", "),
      };
    });
  });
}

export function lacks(access: ServerAccess): Promise<string | undefined> {
  return withConnection(access, "postgres", async (sql) => {
    const [role] = await sql<{ all: boolean; databases: boolean; roles: boolean }[]>`
      select rolsuper as all, rolcreatedb as databases, rolcreaterole as roles from pg_roles where rolname = current_user`;
    if (role === undefined || role.all || (role.databases && role.roles)) return undefined;
    const missing = [...(role.databases ? [] : ["CREATEDB"]), ...(role.roles ? [] : ["CREATEROLE"])].join(
      " ",
    );
    return `The user '${access.user}' of the server at ${access.host} may not make databases and roles; it lacks ${missing} (ALTER ROLE ${quoted(access.user)} ${missing}).`;
  });
}
