/** A refusal as Prometheus' HTTP API has them. */
export type PrometheusErrorType =
  | "bad_data"
  | "execution"
  | "timeout"
  | "not_found"
  | "unavailable"
  | "internal";

const STATUS: Readonly<Record<PrometheusErrorType, number>> = {
  bad_data: 400,
  execution: 422,
  timeout: 503,
  not_found: 404,
  unavailable: 503,
  internal: 500,
};

export class PrometheusError extends Error {
  readonly type: PrometheusErrorType;

  constructor(type: PrometheusErrorType, message: string) {
    super(message);
    this.name = "PrometheusError";
    this.type = type;
  }

  get status(): number {
    return STATUS[this.type];
  }
}
