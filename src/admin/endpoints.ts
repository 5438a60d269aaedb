/**
 * The admin API: what each path does, by what it is given to do it with.
 *
 * Invariant: whatever an endpoint says fits the schema that the OpenAPI description names for it.
 */

import type { Purged } from '../cache/purge.ts'
import type { StoreUsage } from '../cache/store.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { ReloadOutcome } from '../observe/reloads.ts'
import type { TrafficCount } from '../observe/traffic.ts'
import type { Endpoint } from './admin-server.ts'
import { type AdminAnswer, eventStream, json, jsonLines, problem } from './answer.ts'
import { checked } from './checked.ts'
import { dashboardEndpoints } from './dashboard.ts'
import { type HealthSources, health, readiness } from './health.ts'
import { type Live, liveEvents } from './live-events.ts'
import type { LiveState } from './live-schemas.ts'
import { openApi } from './openapi.ts'
import { reloadAnswer } from './reload-answer.ts'
import {
  type LogLevel,
  logLevel,
  type ObjectFound,
  type PurgeBody,
  purgeBody,
  reloadBody,
  type Stats,
  type WarmBody,
  type WarmLine,
  warmBody,
} from './schemas.ts'
import { trafficStats } from './traffic-stats.ts'

/** What was asked for means nothing here; the text says where and why. */
export interface Refused {
  readonly kind: 'fault'
  readonly text: string
}

export interface AdminActions {
  readonly health: HealthSources
  readonly purge: (asked: PurgeBody) => Promise<Purged | Refused>
  /** Ends when the signal fires. */
  readonly warm: (asked: WarmBody, signal: AbortSignal) => AsyncIterable<WarmLine> | Refused
  /** @param address a path with its query, or a whole URL */
  readonly inspect: (address: string) => Promise<ObjectFound | Refused>
  /** Reads the configuration again; waits for those that were asked for before. */
  readonly reload: () => Promise<ReloadOutcome>
  readonly logLevel: { get(): string; set(level: LogLevel): void }
  readonly usage: () => {
    readonly uptimeMs: number
    readonly store: StoreUsage
    readonly fills: number
    readonly runs: number
  }
  readonly traffic: () => readonly TrafficCount[]
  readonly metrics: Metrics
  readonly live: LiveSources
}

export interface LiveSources extends Omit<Live, 'state'> {
  readonly about: () => Pick<LiveState, 'version' | 'topPaths' | 'troubles'>
}

/** Of live figures. Others need some of the listener's connections, too: whoever probes and steers the shield. */
const MAX_LISTENERS = 50
const RETRY_SOON = { 'Retry-After': '10' }

export function adminEndpoints(actions: AdminActions): ReadonlyMap<string, Endpoint> {
  const description = openApi()
  const state = () => ({ ...vitalsOf(actions), ...actions.live.about() })
  let listeners = 0
  const listen = () => {
    const leave = actions.live.listen()
    listeners += 1
    return () => {
      listeners -= 1
      leave()
    }
  }
  return new Map<string, Endpoint>([
    ...dashboardEndpoints(),
    ['/health', { isForEverybody: true, methods: { GET: health } }],
    [
      '/ready',
      {
        isForEverybody: true,
        methods: { GET: ({ query, isOperator }) => readiness(actions.health, query, isOperator) },
      },
    ],
    ['/stats', { methods: { GET: () => json(200, statsOf(actions)) } }],
    [
      '/events',
      {
        methods: {
          GET: ({ signal }) => {
            if (listeners === MAX_LISTENERS) return problem(503, `${MAX_LISTENERS} listen already`, RETRY_SOON)
            return eventStream(liveEvents({ ...actions.live, state, listen }, signal))
          },
        },
      },
    ],
    ['/metrics', { methods: { GET: () => exposed(actions.metrics) } }],
    ['/purge', { methods: { POST: checked(purgeBody, (asked) => purge(asked, actions)) } }],
    [
      '/warm',
      {
        methods: {
          POST: checked(warmBody, (asked, { signal }) => {
            const lines = actions.warm(asked, signal)
            return 'kind' in lines ? problem(400, lines.text) : jsonLines(lines)
          }),
        },
      },
    ],
    ['/reload', { methods: { POST: checked(reloadBody, async () => reloadAnswer(await actions.reload())) } }],
    ['/objects/', { methods: { GET: ({ rest }) => inspect(rest, actions) } }],
    [
      '/log-level',
      {
        methods: {
          GET: () => json(200, { level: actions.logLevel.get() }),
          PUT: checked(logLevel, ({ level }) => {
            actions.logLevel.set(level)
            return json(200, { level })
          }),
        },
      },
    ],
    ['/openapi.json', { methods: { GET: () => json(200, description) } }],
  ])
}

async function exposed({ contentType, text }: Metrics): Promise<AdminAnswer> {
  return { status: 200, contentType, body: await text() }
}

async function purge(asked: PurgeBody, { purge }: AdminActions) {
  const outcome = await purge(asked)
  return 'kind' in outcome ? problem(400, outcome.text) : json(200, { mode: asked.mode ?? 'hard', ...outcome })
}

async function inspect(rest: string, { inspect }: AdminActions) {
  const address = /^https?:\/\//i.test(rest) ? rest : `/${rest}`
  const outcome = await inspect(address)
  if ('kind' in outcome) return problem(404, `The path behind /objects/: ${outcome.text}`)
  return json(200, outcome)
}

function statsOf(actions: AdminActions): Stats {
  return { ...vitalsOf(actions), traffic: trafficStats(actions.traffic()) }
}

function vitalsOf({ health, usage }: AdminActions): Omit<Stats, 'traffic'> {
  const { uptimeMs, store, fills, runs } = usage()
  return {
    uptimeSeconds: uptimeMs / 1000,
    phase: health.phase(),
    store,
    fills,
    runs,
    origins: Object.fromEntries(health.origins().map(({ name, ...state }) => [name, state])),
  }
}
