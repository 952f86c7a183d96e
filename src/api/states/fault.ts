/** What the service refuses, by its own names. */
export class Fault extends Error {
  readonly status: number;

  constructor(name: string, message: string, status = 400) {
    super(message);
    this.name = name;
    this.status = status;
  }
}

export function fault(name: string, message: string): never {
  throw new Fault(name, message);
}
