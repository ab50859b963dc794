import { DiagLogLevel, diag } from '@opentelemetry/api'
import type { TracingConfig } from './config/telemetry.ts'
import type { Log } from './log.ts'
import type { Tracing } from './observe.ts'
import { createTracing } from './trace.ts'

type Sdk = typeof import('@opentelemetry/sdk-trace')

/** Sends spans to OpenTelemetry's collector. Its packages are loaded now, and need not be there where nobody traces. */
export async function openTracing(
  { address, protocol, headers, serviceName, ...sampling }: TracingConfig,
  { version, log }: { version: string; log: Log },
): Promise<Tracing> {
  const [sdk, resources, { OTLPTraceExporter }] = await loadPackages(protocol)
  // What the exporter complains of has no values of ours in it; without this it would complain to nobody.
  const complain = (message: string) => log.warn({ reason: message }, 'traces are not delivered')
  const ignore = () => {}
  diag.setLogger(
    { error: complain, warn: complain, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
  const provider = new sdk.TracerProvider({
    resource: resources.detectResources({ detectors: [resources.envDetector] }).merge(
      resources.resourceFromAttributes({
        'service.name': serviceName,
        'service.version': version,
      }),
    ),
    sampler: samplerOf(sdk, sampling),
    spanProcessors: [
      new sdk.BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: address, headers }) }),
    ],
  })
  return createTracing(provider.getTracer('sekisho', version), () => provider.shutdown())
}

function loadPackages(protocol: TracingConfig['protocol']) {
  const exporter =
    protocol === 'http/json'
      ? import('@opentelemetry/exporter-trace-otlp-http')
      : import('@opentelemetry/exporter-trace-otlp-proto')
  const all = [import('@opentelemetry/sdk-trace'), import('@opentelemetry/resources')] as const
  return Promise.all([...all, exporter]).catch((cause: unknown) => {
    throw new Error(
      'Traces want packages that are not installed: npm install @opentelemetry/sdk-trace @opentelemetry/resources @opentelemetry/exporter-trace-otlp-proto @opentelemetry/exporter-trace-otlp-http.',
      { cause },
    )
  })
}

function samplerOf(sdk: Sdk, { sampler, ratio }: Pick<TracingConfig, 'sampler' | 'ratio'>) {
  const kind = sampler.replace('parentbased_', '')
  const root =
    kind === 'always_on'
      ? new sdk.AlwaysOnSampler()
      : kind === 'always_off'
        ? new sdk.AlwaysOffSampler()
        : new sdk.TraceIdRatioBasedSampler(ratio)
  return sampler === kind ? root : new sdk.ParentBasedSampler({ root })
}
