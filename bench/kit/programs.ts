/** The programs that the scripts run; `$(PORT)` is the port to listen on. */
export const HTTPD: readonly string[] = [
  "busybox",
  "httpd",
  "-f",
  "-p",
  "127.0.0.1:$(PORT)",
  "-h",
  import.meta.dirname,
];

export const NODE_SERVER: readonly string[] = [
  process.execPath,
  "-e",
  `const server = require("node:http").createServer((request, answer) => {
     request.resume();
     request.once("end", () => answer.end("hello " + process.env.VERSION + "\\n"));
   });
   server.listen($(PORT), "127.0.0.1");
   process.once("SIGTERM", () => server.close(() => process.exit(0)));`,
];
