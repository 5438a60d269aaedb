/**
 * This program in front of the scripted origin: one origin, and a route for every set of options that a case asks for.
 * Time is in the runner's hand.
 */
import { startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/errors.ts'
import { FakeClock } from '../support/fake-clock.ts'
import type { Case, RouteOptions } from './case.ts'
import { ask } from './client.ts'
import { startOrigin } from './origin.ts'
import type { Target } from './runner.ts'

const GRACE_MS = 1000

export async function startShieldTarget(
  cases: readonly Case[],
): Promise<{ readonly target: Target; close(): Promise<void> }> {
  const origin = await startOrigin()
  const clock = new FakeClock()
  const routes = distinctRoutes(cases).filter(({ options }) => isAccepted([{ path: '/r0', options }], origin.port))
  const app = await startApp(loadConfig(source(routes, origin.port), {}), {
    clock,
    graceMs: GRACE_MS,
    log: { write: () => undefined },
    random: () => 0,
  })
  const port = app.addresses[0]?.port ?? 0
  const probe = { method: 'GET', target: '/r0/probe', version: '1.1', fields: [] }
  return {
    target: {
      port,
      origin,
      routePath: (route = {}) => routes.find(({ options }) => isSame(options, route))?.path,
      now: () => clock.now(),
      advance: async (seconds) => clock.advance(seconds * 1000),
      // What is begun before a request to the origin has been there and back is over by then.
      settle: async () => void (await ask(port, probe)),
      hasFakeClock: true,
    },
    close: async () => {
      const closed = app.close()
      clock.advance(GRACE_MS)
      await closed
      await origin.close()
    },
  }
}

interface CaseRoute {
  readonly path: string
  readonly options: RouteOptions
}

/** The one without options is `/r0`. */
function distinctRoutes(cases: readonly Case[]): readonly CaseRoute[] {
  const texts = new Set(['{}', ...cases.map(({ route = {} }) => JSON.stringify(route))])
  return [...texts].map((text, index) => ({ path: `/r${index}`, options: JSON.parse(text) as RouteOptions }))
}

const isSame = (a: RouteOptions, b: RouteOptions) => JSON.stringify(a) === JSON.stringify(b)

/** A route that the program does not know makes its cases moot, not all of them fail. */
function isAccepted(routes: readonly CaseRoute[], originPort: number): boolean {
  try {
    loadConfig(source(routes, originPort), {})
    return true
  } catch (error) {
    if (error instanceof ConfigError) return false
    throw error
  }
}

/** Neither a pace nor a circuit nor second attempts: each request of a case stands for itself. */
function source(routes: readonly CaseRoute[], originPort: number): { readonly text: string; readonly file: string } {
  const text = JSON.stringify({
    listen: [{ address: '127.0.0.1:0' }],
    origins: {
      scripted: {
        type: 'http',
        url: `http://127.0.0.1:${originPort}`,
        retry: { maxAttempts: 1, deadline: '1d' },
        limits: { requestsPerSecond: 1_000_000_000, queueTimeout: '1d' },
        breaker: { minRequests: 1_000_000_000 },
      },
    },
    routes: routes.map(({ path, options }) => ({ match: `${path}/**`, origin: 'scripted', ...options })),
  })
  return { text, file: 'conformance.yaml' }
}
