/** DBOS Transact on PostgreSQL: a checkpoint in the database after every step. */
import { type Open, load } from "./peer.ts";
import { startPostgres } from "./postgres.ts";

interface Sdk {
  readonly DBOS: {
    setConfig(config: object): void;
    launch(): Promise<void>;
    shutdown(): Promise<void>;
    runStep(step: () => Promise<number>, options: object): Promise<number>;
    registerWorkflow<A extends unknown[]>(
      body: (...given: A) => Promise<number>,
      options: object,
    ): (...given: A) => Promise<number>;
    startWorkflow<A extends unknown[]>(
      workflow: (...given: A) => Promise<number>,
      options: object,
    ): (...given: A) => Promise<{ getResult(): Promise<number> }>;
  };
}

export const open: Open = async ({ packages, folder, step }) => {
  const { DBOS } = await load<Sdk>(packages, "@dbos-inc/dbos-sdk");
  const server = await startPostgres(folder);
  DBOS.setConfig({
    name: "bench",
    systemDatabaseUrl: server.url.replace(/postgres$/, "dbos_sys"),
    systemDatabasePoolSize: 20,
    logLevel: "error",
    runAdminServer: false,
  });
  const one = (): Promise<number> => Promise.resolve(step());
  const chain = DBOS.registerWorkflow(
    async (steps: number) => {
      let sum = 0;
      for (let at = 0; at < steps; at++) sum += await DBOS.runStep(one, { name: `s${at}` });
      return sum;
    },
    { name: "chain" },
  );
  const fan = DBOS.registerWorkflow(
    async (width: number) => {
      const all = Array.from({ length: width }, (_, at) => DBOS.runStep(one, { name: `s${at}` }));
      return (await Promise.all(all)).length;
    },
    { name: "fan" },
  );
  await DBOS.launch();
  const run = async (
    workflow: (given: number) => Promise<number>,
    id: string,
    given: number,
  ): Promise<void> => {
    const running = await DBOS.startWorkflow(workflow, { workflowID: id })(given);
    await running.getResult();
  };
  return {
    servers: [server.pid],
    chain: (id, steps) => run(chain, id, steps),
    fanOut: (id, width) => run(fan, id, width),
    close: async () => {
      await DBOS.shutdown();
      await server.stop();
    },
  };
};
