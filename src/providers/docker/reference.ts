/** Names of images, as registries and engines understand them: `[host[:port]/]path[:tag][@digest]`. */

export interface Reference {
  /** Without tag and digest, as written. */
  readonly repository: string;
  /** `latest` when absent. */
  readonly tag: string;
  readonly digest?: string;
  /** Of the registry it comes from: `docker.io`, `registry.example.com:5000`. */
  readonly registry: string;
}

export function parseReference(image: string): Reference {
  const [named = "", digest] = image.split("@");
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  const repository = hasTag ? named.slice(0, colon) : named;
  return {
    repository,
    tag: hasTag ? named.slice(colon + 1) : "latest",
    ...(digest === undefined ? {} : { digest }),
    registry: registryOf(repository),
  };
}

/** The first part is a host when it looks like one; else all of it is a path on Docker Hub. */
function registryOf(repository: string): string {
  const [first = "", ...rest] = repository.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return isHost ? first.replace(/^index\.docker\.io$/, "docker.io") : "docker.io";
}

/** The same repository, however Docker Hub's is shortened: `redis` is `docker.io/library/redis`. */
export function isSameRepository(one: string, other: string): boolean {
  return fullName(one) === fullName(other);
}

function fullName(repository: string): string {
  if (registryOf(repository) !== "docker.io") return repository;
  const path = repository.replace(/^(index\.)?docker\.io\//, "");
  return `docker.io/${path.includes("/") ? path : `library/${path}`}`;
}
