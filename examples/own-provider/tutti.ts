/** A store, and buckets in it: of a kind of our own, declared beside what every system has. */
import { loadBalancer, service, system } from "tutti";
import { bucket } from "./bucket.ts";

const store = service("store", { command: "node store.ts", ports: [{ name: "http" }] });
const front = loadBalancer("front", { routes: [{ service: store }] });
const photos = bucket("photos", { api: front.url, name: "photos", quota: 25, dependsOn: [store] });

export default system("album", [
  store,
  front,
  photos,
  bucket("thumbnails", { api: front.url, name: "thumbnails", dependsOn: [store] }),
  service("viewer", {
    command: `node -e "require('http').createServer((q, r) => r.end(process.env.PHOTOS)).listen(process.env.PORT)"`,
    ports: [{ name: "http" }],
    env: { PHOTOS: photos.url },
  }),
]);
