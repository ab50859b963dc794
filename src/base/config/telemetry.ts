import {
  flag,
  integer,
  oneOf,
  optional,
  text,
  url,
  type Values,
  type Variable,
} from './variables.ts'

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

/** GoTrue's names are taken as well: it has `warning` and `panic`. */
export function logLevel(...names: Variable<string>['names']): Variable<string> {
  return {
    names,
    fallback: 'info',
    parse(value) {
      const level = value.toLowerCase().replace('warning', 'warn').replace('panic', 'fatal')
      if (level === '') return 'info'
      if (!levels.includes(level)) throw new Error(`must be one of ${levels.join(', ')}`)
      return level
    },
  }
}

const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const

/** OpenTelemetry's own variables (its specification, "Environment Variable Specification"), and GoTrue's. */
export const telemetryVariables = {
  otelDisabled: flag('OTEL_SDK_DISABLED', false),
  otelExporter: oneOf('OTEL_TRACES_EXPORTER', ['otlp', 'none', ''], ''),
  otelEndpoint: url('OTEL_EXPORTER_OTLP_ENDPOINT'),
  otelTracesEndpoint: url('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'),
  otelProtocol: {
    ...oneOf('OTEL_EXPORTER_OTLP_PROTOCOL', ['http/protobuf', 'http/json'], 'http/protobuf'),
    names: ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'] as const,
  },
  otelHeaders: optional('OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'),
  otelSampler: oneOf('OTEL_TRACES_SAMPLER', samplers, 'parentbased_always_on'),
  otelSamplerArg: optional('OTEL_TRACES_SAMPLER_ARG'),
  otelServiceName: text(['OTEL_SERVICE_NAME', 'GOTRUE_TRACING_SERVICE_NAME'], 'sekisho'),
  tracingEnabled: flag('GOTRUE_TRACING_ENABLED', false),
  metricsEnabled: flag('GOTRUE_METRICS_ENABLED', false),
  prometheusPort: integer(['OTEL_EXPORTER_PROMETHEUS_PORT'], 9464, { max: 65_535 }),
}

/** Where traces go, and how many of them. */
export interface TracingConfig {
  readonly address: string
  readonly protocol: 'http/protobuf' | 'http/json'
  readonly headers: Readonly<Record<string, string>>
  readonly sampler: (typeof samplers)[number]
  /** From 0 to 1. */
  readonly ratio: number
  readonly serviceName: string
}

/** Null where nobody asked for traces. */
export function readTracing(
  told: Values<typeof telemetryVariables>,
  problems: string[],
): TracingConfig | null {
  const asked =
    told.tracingEnabled ||
    told.otelExporter === 'otlp' ||
    told.otelEndpoint !== null ||
    told.otelTracesEndpoint !== null
  if (!asked || told.otelDisabled || told.otelExporter === 'none') return null
  const ratio = Number(told.otelSamplerArg ?? 1)
  if (!(ratio >= 0 && ratio <= 1)) {
    problems.push('OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1.')
  }
  return {
    address: told.otelTracesEndpoint ?? `${told.otelEndpoint ?? 'http://localhost:4318'}/v1/traces`,
    protocol: told.otelProtocol,
    headers: readHeaders(told.otelHeaders ?? '', problems),
    sampler: told.otelSampler,
    ratio,
    serviceName: told.otelServiceName,
  }
}

/** `name=value,name=value`, as in W3C's Baggage: values may be percent-encoded. */
function readHeaders(text: string, problems: string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const pair of text.split(',').filter((one) => one.trim() !== '')) {
    const [, name = '', value = ''] = /^\s*([!#$%&'*+.^_`|~\w-]+)\s*=(.*)$/.exec(pair) ?? []
    const decoded = percentDecoded(value.trim())
    if (name === '' || decoded === null || /[\r\n\0]/.test(decoded)) {
      // The text itself is not repeated: it may be a key.
      problems.push('OTEL_EXPORTER_OTLP_HEADERS must be name=value pairs, separated by commas.')
      return {}
    }
    headers[name] = decoded
  }
  return headers
}

function percentDecoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
