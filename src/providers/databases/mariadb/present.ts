/** Which databases a MariaDB server has. */
import type { ServerAccess } from "../../../provider/database-server.ts";
import type { PresentDatabase } from "../engine.ts";
import { markIn } from "../marks.ts";
import { rows, withConnection } from "./connection.ts";

export function list(access: ServerAccess): Promise<readonly PresentDatabase[]> {
  return withConnection(access, async (connection) => {
    const found = await rows<{ name: string; comment: string; tables: number }>(
      connection,
      `select schema_name as name, schema_comment as comment,
         (select count(*) from information_schema.tables t where t.table_schema = s.schema_name) as tables
       from information_schema.schemata s
       where schema_name not in ('information_schema', 'performance_schema', 'mysql', 'sys') order by schema_name`,
    );
    return found.map(({ name, comment, tables }) => {
      const mark = markIn(comment);
      return {
        name,
        ...(mark === undefined ? {} : { mark }),
        description: `MariaDB database, ${Number(tables)} table${Number(tables) === 1 ? "" : "s"}`,
      };
    });
  });
}
