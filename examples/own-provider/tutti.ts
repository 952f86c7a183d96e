import { resource, system } from "tutti";
import { page } from "./page.ts";

const hello = page("hello", { file: "/tmp/tutti-hello.txt", text: "Hello.\n" });

export default system("pages", [
  hello,
  page("index", { file: "/tmp/tutti-index.txt", text: `hello has ${hello.bytes} bytes.\n` }),
  resource("sizes", { config: { hello: hello.bytes } }),
]);
