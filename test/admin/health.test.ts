/** What is said of the program's health, by the state of its parts. */
import { describe, expect, test } from 'vitest'
import { type HealthSources, health, type OriginState, readiness } from '../../src/admin/health.ts'

const POOL = { inUse: 3, free: 1, maxSockets: 200, queued: 0, maxQueued: 2000 }

function originsOf(circuits: Readonly<Record<string, OriginState['circuit']>>): readonly OriginState[] {
  return Object.entries(circuits).map(([name, circuit]) => ({ name, circuit, pool: POOL }))
}

function read(sources: Partial<HealthSources> = {}, query = '') {
  const { status, body } = readiness(
    {
      phase: () => 'listening',
      origins: () => originsOf({ sfo3: 'closed' }),
      routes: () => [{ match: '/**', origins: ['sfo3'] }],
      ...sources,
    },
    new URLSearchParams(query),
  )
  return { status, said: JSON.parse(String(body)) }
}

test('a program that can answer is alive', () => {
  expect(health()).toMatchObject({ status: 200, body: '{"status":"ok"}\n' })
})

test('a program that listens and whose origins are well is ready, and says how they are', () => {
  expect(read()).toEqual({
    status: 200,
    said: {
      status: 'ready',
      reasons: [],
      phase: 'listening',
      origins: { sfo3: { circuit: 'closed', pool: POOL } },
    },
  })
})

test.each(['starting', 'draining'] as const)('a program that is %s is not ready', (phase) => {
  const { status, said } = read({ phase: () => phase })

  expect([status, said.status, said.reasons, said.phase]).toEqual([503, 'not ready', [phase], phase])
})

describe('a route', () => {
  const routes = [
    { match: '/live/**', origins: ['sfo3', 'nyc3'] },
    { match: '/**', origins: ['nyc3'] },
  ]
  const LIVE = 'route /live/**: the circuits are open of sfo3, nyc3'
  const REST = 'route /**: the circuit is open of nyc3'

  test.each([
    { sfo3: 'closed', nyc3: 'closed', reasons: [] },
    { sfo3: 'open', nyc3: 'closed', reasons: [] },
    { sfo3: 'open', nyc3: 'half-open', reasons: [] },
    { sfo3: 'closed', nyc3: 'open', reasons: [REST] },
    { sfo3: 'half-open', nyc3: 'open', reasons: [REST] },
    { sfo3: 'open', nyc3: 'open', reasons: [LIVE, REST] },
  ] as const)('is in the way only when none of its origins may be asked: $sfo3, $nyc3', ({ reasons, ...circuits }) => {
    const { status, said } = read({ routes: () => routes, origins: () => originsOf(circuits) })

    expect([status, said.reasons]).toEqual([reasons.length === 0 ? 200 : 503, reasons])
  })

  test('that asks no origin is in nobody’s way', () => {
    expect(read({ routes: () => [{ match: '/api/**', origins: [] }] }).status).toBe(200)
  })

  test('does not decide where the balancer leaves origins out, and their state is told all the same', () => {
    const origins = () => originsOf({ sfo3: 'open', nyc3: 'open' })
    const { status, said } = read({ routes: () => routes, origins }, 'exclude=origins')

    expect([status, said.reasons]).toEqual([200, []])
    expect(said.origins.nyc3.circuit).toBe('open')
    expect(read({ routes: () => routes, origins, phase: () => 'draining' }, 'exclude=origins').status).toBe(503)
  })

  test.each(['exclude=orgins', 'exclude=origins&exclude=x', 'exclude='])('is not left out by %s', (query) => {
    expect(read({}, query)).toMatchObject({ status: 400, said: { detail: 'exclude: expected origins' } })
  })
})
