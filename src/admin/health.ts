/**
 * Health: is the program alive, and should it be sent requests?
 *
 * `/health` is 200 for as long as the process can answer at all, while it starts and while it drains. It asks nothing
 * of any origin: an orchestrator that ends what is not healthy would empty the cache because the bucket is down.
 *
 * `/ready` is 200 when the public listeners listen, the program does not drain, and every route has an origin whose
 * circuit is not open; else 503, with the reasons. It becomes 503 the moment the program is told to end, so that a
 * balancer sends new viewers elsewhere while those that are there get the rest of their answers.
 *
 * A circuit counts as usable when it is half-open, and it is that as soon as its time is over: a shield that got no
 * requests while it was not ready is ready again then, and the first requests find out whether its origin is back.
 * Where that stays down, the shield is not ready again with the first probe that fails, for longer each time.
 *
 * Whether an open circuit should take a shield out of service depends on what stands beside it, which only the
 * operator knows. Where the others have another way to the bucket, or the balancer has another bucket, it should: that
 * is the default. Where all shields share one bucket, its failure would take all of them away at once, and with them
 * what each could still serve from memory; there the balancer asks `/ready?exclude=origins`, which says the same of the
 * origins and does not let them decide.
 *
 * Invariant: what is said is how things are at the moment of asking; nothing is asked of an origin to find out.
 */

import { type AdminAnswer, json, problem } from './answer.ts'

/** `starting` until every public listener listens, `draining` from the word to end. */
export type Phase = 'starting' | 'listening' | 'draining'

export interface OriginState {
  readonly name: string
  readonly circuit: 'closed' | 'open' | 'half-open'
  /** Requests under way and idle connections, and requests that wait for their turn, each with its bound. */
  readonly pool: {
    readonly inUse: number
    readonly free: number
    readonly maxSockets: number
    readonly queued: number
    readonly maxQueued: number
  }
}

export interface RouteOrigins {
  /** The route's pattern. */
  readonly match: string
  /** Names of the origins it may ask, in order. */
  readonly origins: readonly string[]
}

/** Where the state of the program is looked up, each time anew. */
export interface HealthSources {
  readonly phase: () => Phase
  readonly origins: () => readonly OriginState[]
  readonly routes: () => readonly RouteOrigins[]
}

export function health(): AdminAnswer {
  return json(200, { status: 'ok' })
}

/** @param isOperator others are told the status alone: who asks in from outside the machine is a probe */
export function readiness(
  { phase, origins, routes }: HealthSources,
  query: URLSearchParams,
  isOperator = true,
): AdminAnswer {
  const excluded = query.getAll('exclude')
  // A misspelt one that was passed over would be found out when the bucket is down.
  if (excluded.some((check) => check !== 'origins')) return problem(400, 'exclude: expected origins')
  const states = origins()
  const routesInTheWay = excluded.length > 0 ? [] : unusable(routes(), states)
  const phaseNow = phase()
  const reasons = [...(phaseNow === 'listening' ? [] : [phaseNow]), ...routesInTheWay]
  const isReady = reasons.length === 0
  const status = isReady ? 'ready' : 'not ready'
  if (!isOperator) return json(isReady ? 200 : 503, { status })
  return json(isReady ? 200 : 503, {
    status,
    reasons,
    phase: phaseNow,
    origins: Object.fromEntries(states.map(({ name, ...state }) => [name, state])),
  })
}

/** A sentence for each route none of whose origins may be asked. */
function unusable(routes: readonly RouteOrigins[], states: readonly OriginState[]): readonly string[] {
  const open = new Set(states.filter(({ circuit }) => circuit === 'open').map(({ name }) => name))
  return routes
    .filter(({ origins }) => origins.length > 0 && origins.every((name) => open.has(name)))
    .map(({ match, origins }) => {
      const circuits = origins.length === 1 ? 'the circuit is open of' : 'the circuits are open of'
      return `route ${match}: ${circuits} ${origins.join(', ')}`
    })
}
