/** The shop's tables, shared by the API and the worker. */
import postgres from "postgres";

export const sql = postgres(process.env["DATABASE_URL"] ?? "", { max: 4, onnotice: () => undefined });

/** Several instances start at once: the lock lets one of them make the tables. */
export async function prepare(): Promise<void> {
  await sql.begin(async (transaction) => {
    await transaction`select pg_advisory_xact_lock(1)`;
    await transaction`create table if not exists products (id serial primary key, name text unique not null, cents integer not null)`;
    await transaction`create table if not exists orders (id serial primary key, product integer not null references products, state text not null default 'new', created timestamptz not null default now())`;
    await transaction`insert into products (name, cents) values ('Baton', 1900), ('Score', 2400), ('Metronome', 3900) on conflict do nothing`;
  });
}

/** Ends what is under way, then the program. */
export function endOn(signal: NodeJS.Signals, end: () => Promise<unknown> | undefined): void {
  process.once(
    signal,
    () =>
      void Promise.resolve(end())
        .then(() => sql.end({ timeout: 2 }))
        .finally(() => process.exit(0)),
  );
}
