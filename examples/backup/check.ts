/** Looks into a restored database: what is in each of its tables. A database in which nothing is has not been restored. */
import postgres from "postgres";

const sql = postgres(process.env["DATABASE_URL"] ?? "", { max: 1 });
const names = await sql<{ name: string }[]>`
  select table_name as name from information_schema.tables
  where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`;
const rows: Record<string, number> = {};
for (const { name } of names) {
  const [count] = await sql<{ n: number }[]>`select count(*)::int as n from ${sql(name)}`;
  rows[name] = count?.n ?? 0;
}
await sql.end();
console.log(JSON.stringify({ rows }));
if (Object.values(rows).every((count) => count === 0)) {
  console.error("Nothing is in the database that was restored.");
  process.exit(1);
}
